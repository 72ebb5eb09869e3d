"""
Many rows into a table at once.

A statement that names its parameters costs more in Python than in the database: eleven thousand predictions took four
tenths of a second, most of it spent on preparing parameters. So rows go as tuples, to SQLite as one prepared statement
over the driver, to PostgreSQL as COPY.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa


def insert(
    connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Insert rows, values in the order of `columns`, inside the connection's transaction.

    Dates go as ISO text, which both databases take. A key that is there already is an error.
    """
    names = ", ".join(columns)
    if connection.dialect.name == "sqlite":
        values = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table.name} ({names}) VALUES ({values})"  # noqa: S608  # our own names
        if given := [tuple(row) for row in rows]:
            connection.exec_driver_sql(statement, given)
        return
    driver: Any = connection.connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
