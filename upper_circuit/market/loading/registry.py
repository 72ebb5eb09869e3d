"""
Which files the database was made of, and one change at a time.

Without it a file loaded twice would count twice, nobody could say where a row came from, and a reader that keeps the
market in memory would never know that it is old.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from upper_circuit.market.database import Database
from upper_circuit.market.loading.writing import insert, name_of
from upper_circuit.market.schema import data_version, ingested_files


@dataclass(frozen=True, slots=True)
class Known:
    """A file on record."""

    file_id: int
    name: str
    trade_date: date | None


@contextmanager
def changing(database: Database) -> Iterator[sa.Connection]:
    """One transaction that no other change of the market runs beside; a second one waits."""
    with database.writing("market") as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql(f"LOCK TABLE {name_of(connection, data_version)} IN EXCLUSIVE MODE")
        yield connection


def find(connection: sa.Connection, sha256: str) -> Known | None:
    """The file with this content, if it was ever loaded."""
    table = ingested_files
    query = sa.select(table.c.file_id, table.c.name, table.c.trade_date).where(table.c.sha256 == sha256)
    row = connection.execute(query.order_by(table.c.file_id.desc())).first()
    return None if row is None else Known(*row)


def name_by_id(connection: sa.Connection, file_id: int) -> str:
    """The name under which a file was loaded."""
    table = ingested_files
    return str(connection.execute(sa.select(table.c.name).where(table.c.file_id == file_id)).scalar_one())


def register(
    connection: sa.Connection,
    *,
    name: str,
    kind: str,
    sha256: str,
    now: int,
    exchange: str | None = None,
    trade_date: date | None = None,
    replaces: int | None = None,
) -> int:
    """Put a file on record; returns its id. `count` adds the rows once they are known."""
    row = {
        "name": name,
        "kind": kind,
        "sha256": sha256,
        "exchange": exchange,
        "trade_date": trade_date,
        "rows": 0,
        "dropped": 0,
        "replaces": replaces,
        "ingested_at": now,
    }
    table = ingested_files
    return int(connection.execute(sa.insert(table).values(row).returning(table.c.file_id)).scalar_one())


def count(connection: sa.Connection, file_id: int, *, rows: int, dropped: int) -> None:
    """Say how many rows of a file were loaded and how many left out."""
    table = ingested_files
    connection.execute(sa.update(table).where(table.c.file_id == file_id).values(rows=rows, dropped=dropped))


def changed(connection: sa.Connection, now: int) -> None:
    """Tell every reader that the market is another one now."""
    columns = {"only_row": [1], "version": [1], "changed_at": [now]}
    insert(connection, data_version, columns, conflict="replace", adding=("version",))
