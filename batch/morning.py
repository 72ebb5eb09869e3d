"""
One morning, from the question to the list.

A run goes through the same steps wherever it runs: take a shard, agree on a plan, make the rows, write them under the
attempt's token, and, whoever finishes last, publish. On one machine there is one shard and one process does it all; in
a cluster each pod does it for its own. Nothing is asked of settings once the plan stands.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from batch.attempting import Attempting
from batch.extraction import default_workers
from batch.freshness import Tolerance
from batch.interruption import Stop
from batch.ledger import Ledger
from batch.ledger_rows import Attempt
from batch.model import ChosenModels
from batch.publishing import publish
from batch.report import BatchReport
from batch.shard import Shard
from batch.universe import Universe
from upper_circuit.errors import NotASession
from upper_circuit.market.database import Database
from upper_circuit.market.master import Master


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

    def run(self, part: Part) -> BatchReport | None:
        """Do this process's part; the report where it finished the run, None where another shard is open.

        Raises NotASession, which is recorded too, on a day without trade; Fenced when a newer attempt took over.
        """
        began = self.ledger.clock()
        self.database.require_schema()
        universe = Universe.read(self.database, self.run_date)
        if not universe.calendar.is_session(self.run_date):
            error = NotASession(self.run_date, universe.calendar.next_session(self.run_date))
            self.ledger.skip(part.run_id, self.run_date, str(error))
            raise error
        models = ChosenModels.of(self.registry, self.choices.model_version, self.choices.other_model_version)
        run = self.ledger.begin(
            part.run_id,
            self.run_date,
            models.own.type,
            str(models.own.version),
            shards=part.shards,
            other_version=str(models.other) if models.other else None,
        )
        attempt = self.ledger.take(part.run_id, part.shard)
        if attempt:
            shard = Shard(self, attempt, models, universe, shards=run.shards, began=began)
            universe = self._score(part, attempt, shard, universe.master)
        self.stop.check()
        return publish(self.database, self.ledger, part.run_id, self.output, universe.master)

    def _score(self, part: Part, attempt: Attempt, shard: Shard, master: Master) -> Universe:
        try:
            with Attempting(
                self.ledger, attempt, is_retried=part.retried, is_replaced_when_stopped=part.in_cluster
            ):
                return shard.score()
        except Exception:
            if not part.retried:  # nobody may be left to publish what other shards did
                with suppress(Exception):
                    publish(self.database, self.ledger, part.run_id, self.output, master)
            raise
