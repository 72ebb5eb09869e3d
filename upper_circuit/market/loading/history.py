"""
Years at once: a folder of history into the database.

All of a folder is loaded in one transaction, so an archive that is refused half way leaves nothing behind. What is
derived from the rows is made once at the end; day by day it would take hours.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
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
    """Figures whose size is that of another unit: stored as filed, struck out where results are read."""
    seconds: float


def _silent(_step: str, _share: float) -> None:
    """Tell nobody."""


def import_history(
    database: Database, folder: Path, *, now: int, progress: Progress = _silent
) -> HistoryImport:
    """Load a folder of history (docs/history-layout.md).

    Args:
        database: at the newest schema.
        folder: the archive. Files whose content was loaded before are left alone; with a new master list all are
            loaded again, since it decides which stock a row belongs to.
        now: the moment that goes on record; nothing in the folder may be of a later day.
        progress: told what is being done and the share of the whole that is done, 0..1.

    Raises:
        FileRefused: this is no archive, or one of its files cannot be used; nothing was loaded.
    """
    started = time.perf_counter()
    archive = Archive.of(folder)
    hashes = {path: _sha256(path) for _, path in archive.all}
    with registry.changing(database) as connection:
        fresh = {path for path, sha256 in hashes.items() if registry.find(connection, sha256) is None}
        if fresh.intersection(archive.files["master"]):
            fresh = set(hashes)
        load = FolderLoad(connection, archive, hashes, fresh, now, progress)
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
        seconds=time.perf_counter() - started,
    )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASHED_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()
