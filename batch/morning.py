"""
What a morning is: which run of which date, over which market, with which choices, and who is to say stop.

Whoever starts a run decides all of it once; the steps (`running.py`, `shard.py`) are given it and decide none of it
again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from batch.extraction import default_workers
from batch.interruption import Stop
from batch.ledger import Ledger
from upper_circuit.features import Tolerance
from upper_circuit.market.database import Database


@dataclass(frozen=True, slots=True)
class Choices:
    """What the caller of a run decides."""

    workers: int = field(default_factory=default_workers)
    """Processes that compute features."""
    tolerance: Tolerance = field(default_factory=Tolerance)
    upcoming_earnings: bool = False
    """Score only stocks with results due in the next 30 days."""
    model_version: str | None = None
    """None or `latest`: the promoted one."""
    other_model_version: str | None = None
    """Another version to score on the same rows, where its features are the same and it is sound."""
    progress: bool = True
    """Draw a bar on stderr."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which run, and which shard of it is this process's."""

    run_id: str
    shards: int = 1
    shard: int = 0
    retried: bool = False
    """Whether somebody tries a shard again that failed; else its failure is the run's."""
    in_cluster: bool = False
    """Whether one that was asked to stop is replaced by whoever asked, so that its shard stays open."""


@dataclass(frozen=True, slots=True)
class Morning:
    """The run of one date, with everything it needs."""

    location: str | Path
    """Folder of the SQLite files, or a postgresql:// URL."""
    database: Database
    """The same, opened."""
    registry: Path
    run_date: date
    output: Path | None
    """Folder of the files, or the path of the predictions' CSV; None: report and CSV are in the ledger alone."""
    choices: Choices
    ledger: Ledger
    stop: Stop
    """Asked after every block of stocks, and before the files are made."""
