"""
Years at once: a folder of history into the database.

All of a folder is loaded in one transaction, so an archive that is refused half way leaves nothing behind. What is
derived from the rows is made once at the end; day by day it would take hours.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from upper_circuit.market.database import Database
from upper_circuit.market.loading import deriving, registry
from upper_circuit.market.loading.archive import Archive
from upper_circuit.market.loading.folder import FolderLoad, Progress
from upper_circuit.market.loading.price_archive import LeftOut
from upper_circuit.market.schema import packed_prices

_HASHED_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class HistoryImport:
    """What an import did. `files`: those loaded, by name; none where all of them were loaded before."""

    folder: Path
    files: tuple[str, ...]
    rows: dict[str, int]
    """Rows written, by table."""
    left_out: tuple[LeftOut, ...]
    sessions: int
    stocks: int
    """Sessions and stocks that have bars, of all that is loaded."""
    suspicious: tuple[str, ...]
    """Figures in another unit than their neighbours, stored as filed and never used: stock, quarter, figure."""
    inferred: tuple[str, ...]
    """Corporate actions that the prices suggest, where no list of the archive says them: stock, ex-date, factor."""
    inferred_after: date | None
    """The last ex-date of the archive's list; None: it has no list, and all of its actions are inferred."""
    seconds: float


def _silent(_step: str, _share: float) -> None:
    """Tell nobody."""


def import_history(
    database: Database, folder: Path, *, now: int, progress: Progress = _silent
) -> HistoryImport:
    """Load a folder of history (docs/history-layout.md).

    Args:
        database: at the newest schema.
        folder: the archive. Files whose content was loaded before are left alone, unless another archive's file of
            that name came after. After a new list of stocks all are read again, since it decides which stock a row
            belongs to; that adds rows, and what corrected the archive meanwhile stays.
        now: the moment that goes on record; nothing in the folder may be of a later day.
        progress: told what is being done and the share of the whole that is done, 0..1.

    Raises:
        FileRefused: this is no archive, or one of its files cannot be used; nothing was loaded.
    """
    started = time.perf_counter()
    archive = Archive.of(folder)
    hashes = {path: _sha256(path) for _, path in archive.all}
    with registry.changing(database) as connection:
        known = _known(connection, hashes)
        fresh = {path for path in hashes if path not in known}
        again = _read_again(connection, archive, known, fresh)
        fresh |= again.keys()
        load = FolderLoad(connection, archive, hashes, fresh, again, now, progress)
        if fresh:
            load.run()
        sessions = len(deriving.read_sessions(connection))
        stocks = connection.execute(
            sa.select(sa.func.count(packed_prices.c.bse_code.distinct()))
        ).scalar_one()
    return HistoryImport(
        folder=folder,
        files=tuple(path.name for _, path in archive.all if path in fresh),
        rows=load.rows,
        left_out=LeftOut.summed(load.left_out),
        sessions=sessions,
        stocks=stocks,
        suspicious=tuple(load.suspicious),
        inferred=load.inferred,
        inferred_after=load.inferred_after,
        seconds=time.perf_counter() - started,
    )


def _known(connection: sa.Connection, hashes: Mapping[Path, str]) -> dict[Path, registry.Known]:
    found = {path: registry.find_archived(connection, path.name, sha256) for path, sha256 in hashes.items()}
    return {path: known for path, known in found.items() if known is not None}


def _read_again(
    connection: sa.Connection, archive: Archive, known: Mapping[Path, registry.Known], fresh: Collection[Path]
) -> dict[Path, int]:
    """The files on record that are older than the newest list of stocks, with their ids; the archive's own list stays."""
    lists = archive.files["master"]
    since = registry.stocks_listed_at(connection)
    has_new_list = not set(lists).isdisjoint(fresh)
    return {
        path: each.file_id
        for path, each in known.items()
        if path not in lists and (has_new_list or each.ingested_at < since)
    }


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASHED_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()
