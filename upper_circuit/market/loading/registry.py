"""
Which files the database was made of, and one change at a time.

Without it nobody could say where a row came from, and a reader that keeps the market in memory would never know that it
is old. It does not say what is in force: what was loaded once may have been replaced since, which only the rows know
(ADR 22).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from upper_circuit.market.database import Database
from upper_circuit.market.loading.writing import insert, name_of
from upper_circuit.market.schema import data_version
from upper_circuit.market.schema import ingested_files as table

LISTS_OF_STOCKS = ("master", "nse_listings")
"""Kinds of files that decide which stock a row of any other belongs to."""


@dataclass(frozen=True, slots=True)
class Known:
    """A file on record."""

    file_id: int
    name: str
    """An archive's file: its folder's name, a slash, its own name."""
    sha256: str
    trade_date: date | None
    """The day it was given for: of prices and of bands that came as one file."""
    ingested_at: int


@contextmanager
def changing(database: Database) -> Iterator[sa.Connection]:
    """One transaction that no other change of the market runs beside; a second one waits."""
    with database.writing("market") as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql(f"LOCK TABLE {name_of(connection, data_version)} IN EXCLUSIVE MODE")
        yield connection


def find(connection: sa.Connection, sha256: str) -> list[Known]:
    """Every time this content was loaded, the newest first."""
    return _records(connection, table.c.sha256 == sha256)


def find_archived(connection: sa.Connection, name: str, sha256: str) -> Known | None:
    """The record of an archive's file by name and content; None where the newest of that name had another content."""
    of_name = _records(connection, table.c.name.endswith(f"/{name}", autoescape=True))
    newest = next(iter(of_name or find(connection, sha256)), None)
    return newest if newest and newest.sha256 == sha256 else None


def stocks_listed_at(connection: sa.Connection) -> int:
    """When a list changed what stocks there are, for the last time; 0: never."""
    query = sa.select(sa.func.max(table.c.ingested_at)).where(table.c.kind.in_(LISTS_OF_STOCKS))
    return connection.execute(query).scalar() or 0


def name_by_id(connection: sa.Connection, file_id: int) -> str:
    """The name under which a file was loaded."""
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
    return int(connection.execute(sa.insert(table).values(row).returning(table.c.file_id)).scalar_one())


def read_again(connection: sa.Connection, file_id: int, now: int) -> None:
    """Note that a file was read again; it keeps its id, so that what came after it still does."""
    connection.execute(sa.update(table).where(table.c.file_id == file_id).values(ingested_at=now))


def count(connection: sa.Connection, file_id: int, *, rows: int, dropped: int) -> None:
    """Say how many rows of a file were loaded and how many left out."""
    connection.execute(sa.update(table).where(table.c.file_id == file_id).values(rows=rows, dropped=dropped))


def changed(connection: sa.Connection, now: int) -> None:
    """Tell every reader that the market is another one now."""
    columns = {"only_row": [1], "version": [1], "changed_at": [now]}
    insert(connection, data_version, columns, conflict="replace", adding=("version",))


def _records(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[Known]:
    columns = [table.c[name] for name in Known.__dataclass_fields__]
    query = sa.select(*columns).where(condition).order_by(table.c.file_id.desc())
    return [Known(*row) for row in connection.execute(query)]
