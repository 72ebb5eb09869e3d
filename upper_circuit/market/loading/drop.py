"""
Which files of a drop folder are new.

People and downloads put files there, nobody takes them away, and it may be read-only: so what was read is remembered in
the database, by name, size and time. Without that each morning would read years of files to learn that it knows them.
Whether a file says anything new is still `ingest`'s to say, by its content: forgetting all of this costs time only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from upper_circuit.errors import BadInput
from upper_circuit.market.database import Database
from upper_circuit.market.loading.writing import insert
from upper_circuit.market.schema import seen_files

SETTLED_AFTER = 60.0
"""Seconds without a change after which a file is whole."""
_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class DropFile:
    """A file as it was before anybody opened it; one that is changed meanwhile is another one the next time."""

    path: Path
    size: int
    """Bytes."""
    modified_ns: int
    """Nanoseconds since 1970-01-01 UTC, by the file system's clock."""

    @classmethod
    def at(cls, path: Path) -> DropFile | None:
        """What lies at a path; None where that is no file, or none any more."""
        try:
            facts = path.stat()
        except OSError:
            return None
        return cls(path, facts.st_size, facts.st_mtime_ns) if path.is_file() else None


@dataclass(frozen=True, slots=True)
class Drop:
    """What lies in a folder, each by name. Hidden files are none of it: downloads that are under way are called so."""

    fresh: tuple[DropFile, ...]
    """To be read: never seen, or changed since."""
    seen: int
    """How many were read before."""
    growing: tuple[str, ...]
    """Still being written."""
    folders: tuple[str, ...]
    """Not looked into."""


def look(
    database: Database,
    folder: Path,
    *,
    now: float,
    wait: Callable[[float], None],
    settled_after: float = SETTLED_AFTER,
) -> Drop:
    """Look through a folder.

    Args:
        database: at the newest schema; what was seen is seen by it.
        folder: only files in the folder itself count.
        now: seconds since 1970-01-01 UTC.
        wait: called with `settled_after`, at most once, when a file was changed less than that before `now`: one
            that changes meanwhile, or goes, is growing.
        settled_after: seconds.

    Raises BadInput where there is no such folder.
    """
    try:
        visible = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise BadInput(f"{folder} cannot be looked through: {error.strerror}") from error
    found = [file for file in map(DropFile.at, visible) if file is not None]
    seen = _seen(database)
    fresh = [file for file in found if seen.get(file.path.name) != (file.size, file.modified_ns)]
    growing: list[DropFile] = []
    if any(abs(now - file.modified_ns / _NANO) < settled_after for file in fresh):
        wait(settled_after)
        growing = [file for file in fresh if DropFile.at(file.path) != file]
    return Drop(
        fresh=tuple(file for file in fresh if file not in growing),
        seen=len(found) - len(fresh),
        growing=tuple(file.path.name for file in growing),
        folders=tuple(path.name for path in visible if path.is_dir()),
    )


def remember(database: Database, file: DropFile, *, now: int) -> None:
    """Do not open this file again, unless it changes."""
    row = {"size": [file.size], "modified_ns": [file.modified_ns], "seen_at": [now]}
    with database.writing("market") as connection:
        insert(connection, seen_files, {"name": [file.path.name], **row}, conflict="replace")


def _seen(database: Database) -> dict[str, tuple[int, int]]:
    table = seen_files
    with database.reading("market") as connection:
        rows = connection.execute(sa.select(table.c.name, table.c.size, table.c.modified_ns))
        return {name: (size, modified_ns) for name, size, modified_ns in rows}
