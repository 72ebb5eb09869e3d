"""Somebody who loads files while a program reads: after every reading the market is of another state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from tests.factories.batch import change_market
from upper_circuit.market.database import Database


@contextmanager
def loading(
    database: Database, folder: Path, *statements: str, files: int | None = None
) -> Iterator[list[int]]:
    """Execute the statements, as an ingest does, at the end of each reading through `database`; gives the files so far.

    `files`: loads so many and no more; None: goes on for ever.
    """
    loads: list[int] = []

    def load(_connection: sa.Connection) -> None:
        if files is None or len(loads) < files:
            change_market(folder, *statements)
            loads.append(len(loads))

    sa.event.listen(database.market, "commit", load)
    try:
        yield loads
    finally:
        sa.event.remove(database.market, "commit", load)
