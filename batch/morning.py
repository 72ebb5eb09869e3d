"""
One morning, from the question to the list.

A run goes through the same steps wherever it runs: take a shard, agree on a plan, make the rows, write them under the
attempt's token, and, whoever finishes last, publish. On one machine there is one shard and one process does it all; in
a cluster each pod does it for its own. Nothing is asked of settings once the plan stands.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from time import perf_counter

from batch.agreement import Renew, agree
from batch.attempting import Attempting
from batch.extraction import default_workers
from batch.freshness import Tolerance, marks, require_session_before
from batch.interruption import Stop
from batch.ledger import Attempt, Ledger
from batch.market_read import MarketRead
from batch.model import ChosenModel
from batch.plan import Plan, deal
from batch.publishing import publish, save
from batch.report import BatchReport
from batch.scoring import predict, skipped
from batch.universe import Universe, with_results_due
from upper_circuit.errors import DataUnavailable, NotASession
from upper_circuit.features import CrossSection, FeatureMatrix
from upper_circuit.market.database import Database
from upper_circuit.market.days import date_of
from upper_circuit.models.scorer import Scorer


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


@dataclass(frozen=True, slots=True)
class Morning:
    """The run of one date, with everything it needs."""

    location: str | Path
    """Folder of the SQLite files, or a postgresql:// URL."""
    database: Database
    """The same, opened."""
    registry: Path
    run_date: date
    output: Path
    """Folder of the files, or the path of the predictions' CSV."""
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
        model = ChosenModel.of(self.registry, self.choices.model_version)
        run = self.ledger.begin(
            part.run_id, self.run_date, model.type, str(model.version), shards=part.shards
        )
        attempt = self.ledger.take(part.run_id, part.shard)
        if attempt:
            with Attempting(self.ledger, attempt, is_retried=part.retried):
                _Shard(self, attempt, model, universe, shards=run.shards, began=began).score()
        self.stop.check()
        return publish(self.database, self.ledger, part.run_id, self.output, universe.master)


class _Shard:
    """One attempt at one shard."""

    def __init__(
        self,
        morning: Morning,
        attempt: Attempt,
        model: ChosenModel,
        universe: Universe,
        *,
        shards: int,
        began: float,
    ) -> None:
        self._morning = morning
        self._attempt = attempt
        self._model = model
        self._universe = universe
        self._shards = shards
        self._began = began
        self._rows_made = 0.0

    def score(self) -> None:
        morning, start = self._morning, perf_counter()
        require_session_before(self._universe.calendar, morning.run_date, morning.choices.tolerance)
        plan, matrix, scorer = self._rows()
        master = self._universe.master
        predictions = predict(scorer, matrix, master)
        seconds = {"features": self._rows_made - start, "model": perf_counter() - self._rows_made}
        save(
            morning.database,
            morning.ledger,
            self._attempt,
            plan,
            predictions=predictions,
            skipped=skipped(matrix, master),
            seconds=seconds,
        )

    def _rows(self) -> tuple[Plan, FeatureMatrix, Scorer]:
        """The plan, this shard's final rows and the model, which is proven while workers compute."""
        morning = self._morning
        reading = MarketRead(
            morning.database,
            morning.location,
            self._universe,
            morning.run_date,
            workers=morning.choices.workers,
            progress=morning.choices.progress,
        )
        with reading as market, ThreadPoolExecutor(1) as thread:
            model = thread.submit(self._model.load)
            plan = agree(morning.ledger, self._attempt, lambda renew: self._plan(market, renew))
            matrix = market.matrix(
                plan.shards[self._attempt.shard],
                CrossSection.from_bytes(plan.cross_section.encode()),
                data_version=plan.data_version,
                after_each=morning.stop.check,
            )
            self._universe = market.universe
            self._rows_made = perf_counter()
            return plan, matrix, model.result()

    def _plan(self, market: MarketRead, renew: Renew) -> Plan:
        choices, run_date = self._morning.choices, self._morning.run_date

        def after_each() -> None:
            self._morning.stop.check()
            renew()

        raw = market.whole(after_each)
        universe = market.universe
        cross = CrossSection.of(raw, universe.master)
        notes = marks(raw, cross, universe.calendar, choices.tolerance)
        if not universe.active:
            raise DataUnavailable("no stock in master_stock_list is ACTIVE; ingest a master list")
        stocks = list(universe.active)
        if choices.upcoming_earnings:
            stocks = with_results_due(stocks, raw, universe.calendar, run_date)
        return Plan(
            run_date=run_date,
            as_of=date_of(raw.as_of_day),
            data_version=universe.data_version,
            model_type=self._model.type,
            model_version=str(self._model.version),
            f1=self._model.f1,
            shards=deal([stock.bse_code for stock in stocks], self._shards),
            cross_section=cross.to_bytes().decode(),
            notes=notes,
            began=self._began,
        )
