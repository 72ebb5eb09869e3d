"""
Columns into tables, fast on both databases.

A statement a row takes minutes for two million bars. SQLite takes them as one prepared statement over the driver,
PostgreSQL as COPY; what to do where a row is already there is said once for both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from upper_circuit.market.days import date_of

Columns = Mapping[str, Sequence[Any] | npt.NDArray[Any]]
"""A table's columns by name, all of one length. Dates are day numbers; NaN in a column that may be NULL is NULL."""

Conflict = Literal["fail", "keep", "replace"]
"""What happens to a row whose key is already there."""

_BLOCK = 100_000
_NAMES = 5_000
"""Values in one IN (...): both databases take several times as many."""


def insert(
    connection: sa.Connection,
    table: sa.Table,
    columns: Columns,
    *,
    conflict: Conflict = "fail",
    adding: Collection[str] = (),
) -> int:
    """Write rows inside the connection's transaction; returns how many were not there just like this before.

    Args:
        connection: holds the transaction.
        table: the table.
        columns: equal lengths; no key twice among them.
        conflict: for rows that are there.
        adding: with "replace", columns to which the new value is added.
    """
    length = len(next(iter(columns.values())))
    if not length:
        return 0
    is_sqlite = connection.dialect.name == "sqlite"
    on_conflict = _on_conflict(
        table, columns, conflict, adding, "IS NOT" if is_sqlite else "IS DISTINCT FROM"
    )
    return (_write_sqlite if is_sqlite else _write_postgres)(connection, table, columns, on_conflict)


@contextmanager
def many_rows(connection: sa.Connection, table: sa.Table) -> Iterator[bool]:
    """Write very many rows of a table; tells whether it is empty at the start.

    Into an empty table they go without its indexes, which cost less made at once than kept up with each row.
    """
    is_empty = connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is None
    is_sqlite = connection.dialect.name == "sqlite"
    indexes = table.indexes if is_empty else set()
    if is_sqlite:
        connection.exec_driver_sql("PRAGMA cache_size=-262144")  # kibibytes: no page is written twice
    for index in indexes:
        index.drop(connection)
    yield is_empty
    for index in indexes:
        index.create(connection)
    if is_sqlite:
        connection.exec_driver_sql("PRAGMA cache_size=-2000")


def delete_stocks(connection: sa.Connection, table: sa.Table, codes: Collection[str] | None) -> None:
    """Delete the rows of some stocks; None: every row."""
    if codes is None:
        connection.execute(sa.delete(table))
        return
    for block in blocks(codes):
        connection.execute(sa.delete(table).where(table.c.bse_code.in_(block)))


def select_stocks(
    connection: sa.Connection,
    query: sa.Select[Any],
    column: sa.ColumnElement[str],
    codes: Collection[str] | None,
) -> Iterator[Any]:
    """Rows of a query for some stocks, None: for all; in no order across stocks."""
    if codes is None:
        yield from connection.execute(query)
        return
    for block in blocks(codes):
        yield from connection.execute(query.where(column.in_(block)))


def blocks(codes: Collection[str]) -> Iterator[list[str]]:
    """Codes in blocks that fit into one statement."""
    ordered = sorted(codes)
    for start in range(0, len(ordered), _NAMES):
        yield ordered[start : start + _NAMES]


def name_of(connection: sa.Connection, table: sa.Table) -> str:
    """The table's name in plain SQL."""
    return table.name if connection.dialect.name == "sqlite" else f"{table.schema}.{table.name}"


def _write_sqlite(connection: sa.Connection, table: sa.Table, columns: Columns, on_conflict: str) -> int:
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table.name} AS old ({_list(columns)}) VALUES ({marks}){on_conflict}"  # noqa: S608
    cursor = _driver(connection).cursor()
    changed = 0
    for rows in _rows(table, columns, text_dates=True):
        changed += cursor.executemany(statement, rows).rowcount
    return changed


def _write_postgres(connection: sa.Connection, table: sa.Table, columns: Columns, on_conflict: str) -> int:
    target = name_of(connection, table)
    cursor = _driver(connection).cursor()
    into = target
    if on_conflict:
        into = "incoming"
        cursor.execute(f"CREATE TEMPORARY TABLE incoming (LIKE {target}) ON COMMIT DROP")
    types = [_POSTGRES_TYPES[type(table.c[name].type)] for name in columns]
    with cursor.copy(f"COPY {into} ({_list(columns)}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(types)
        for rows in _rows(table, columns, text_dates=False):
            for row in rows:
                copy.write_row(row)
    changed = int(cursor.rowcount)
    if on_conflict:
        names = _list(columns)
        cursor.execute(f"INSERT INTO {target} AS old ({names}) SELECT {names} FROM incoming{on_conflict}")  # noqa: S608
        changed = int(cursor.rowcount)
        cursor.execute("DROP TABLE incoming")
    return changed


_POSTGRES_TYPES: Mapping[type[Any], str] = {
    sa.Text: "text",
    sa.Date: "date",
    sa.Double: "float8",
    sa.Integer: "int4",
    sa.BigInteger: "int8",
    sa.LargeBinary: "bytea",
}


def _on_conflict(
    table: sa.Table, columns: Columns, conflict: Conflict, adding: Collection[str], differs: str
) -> str:
    if conflict == "fail":
        return ""
    key = [column.name for column in table.primary_key]
    changed = [name for name in columns if name not in key]
    target = f" ON CONFLICT ({', '.join(key)})"
    if conflict == "keep" or not changed:
        return f"{target} DO NOTHING"
    update = f"{target} DO UPDATE SET " + ", ".join(
        f'"{name}" = old."{name}" + excluded."{name}"' if name in adding else f'"{name}" = excluded."{name}"'
        for name in changed
    )
    if adding:
        return update
    # A row that is there just like this is left alone, so that the count tells whether a file said anything new.
    return f"{update} WHERE " + " OR ".join(f'old."{name}" {differs} excluded."{name}"' for name in changed)


def _rows(table: sa.Table, columns: Columns, *, text_dates: bool) -> Iterator[Iterator[tuple[Any, ...]]]:
    length = len(next(iter(columns.values())))
    for start in range(0, length, _BLOCK):
        part = slice(start, start + _BLOCK)
        lists = [_values(table.c[name], values[part], text_dates) for name, values in columns.items()]
        yield zip(*lists, strict=True)


def _values(column: sa.Column[Any], values: Any, text_dates: bool) -> Sequence[Any]:
    if isinstance(column.type, sa.Date):
        return _dates(np.asarray(values), text_dates)
    if not isinstance(values, np.ndarray):
        return list(values)
    if values.dtype.kind == "f" and column.nullable:
        missing = np.isnan(values)
        if isinstance(column.type, sa.Integer):
            values = np.where(missing, 0, values).astype(np.int64)
        if missing.any():
            values = values.astype(object)
            values[missing] = None
    return list(values.tolist())


def _dates(days: npt.NDArray[Any], text: bool) -> Sequence[Any]:
    distinct, which = np.unique(days, return_inverse=True)
    dates = [date_of(day) for day in distinct.tolist()]
    words = np.array([day.isoformat() for day in dates] if text else dates, dtype=object)
    return list(words[which].tolist())


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.driver_connection


def _list(columns: Columns) -> str:
    return ", ".join(f'"{name}"' for name in columns)
