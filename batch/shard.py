"""
One attempt at one shard: from the plan to the rows.

What it reads must be the state of the market that the plan names. Somebody may load a corrected file at any moment, so
an attempt that finds another state, or whose plan was replaced while it worked, starts over with the plan of the newer
state, which it makes itself if nobody else does (docs/adr/0011).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter

import sqlalchemy as sa

from batch import publishing, store
from batch.agreement import Renew, agree
from batch.extraction import MarketChanged
from batch.ledger import Replanned
from batch.ledger_rows import Attempt
from batch.market_read import MarketRead
from batch.model import ChosenModels
from batch.morning import Morning
from batch.plan import Plan, deal
from batch.scoring import ShardRows, score
from batch.universe import Universe, with_results_due
from upper_circuit.errors import DataUnavailable, ModelUnavailable
from upper_circuit.features import READINGS, CrossSection, marks, require_session_before
from upper_circuit.market.days import date_of
from upper_circuit.models.scorer import Scorer

log = logging.getLogger(__name__)


class Shard:
    """One attempt at one shard of a run of so many."""

    def __init__(
        self,
        morning: Morning,
        attempt: Attempt,
        models: ChosenModels,
        universe: Universe,
        *,
        shards: int,
        began: float,
    ) -> None:
        self._morning = morning
        self._attempt = attempt
        self._models = models
        self._universe = universe
        self._shards = shards
        self._began = began
        self._start = perf_counter()
        self._rows_made = self._start
        self._scorers: dict[str, Future[Scorer]] = {}

    def score(self) -> Universe:
        """Write the rows and close the shard; gives the lists that they were made with.

        Raises MarketChanged or Replanned where the market did not keep still for three readings.
        """
        morning = self._morning
        require_session_before(self._universe.calendar, morning.run_date, morning.choices.tolerance)
        reading = MarketRead(
            morning.database,
            morning.location,
            self._universe,
            morning.run_date,
            workers=morning.choices.workers,
            progress=morning.choices.progress,
        )
        with reading as market, ThreadPoolExecutor(1) as thread:
            # Proven while workers compute.
            self._scorers = {
                str(version): thread.submit(self._models.load, str(version))
                for version in self._models.versions
            }
            gone = None
            for tries_left in reversed(range(READINGS)):
                plan = self._agree(market, gone)
                try:
                    self._write(market, plan)
                    break
                except (MarketChanged, Replanned):
                    if not tries_left:
                        raise
                    gone = plan.data_version
            return market.universe

    def _agree(self, market: MarketRead, gone: int | None) -> Plan:
        """The plan of a state after the one that is gone; where it is made here, those done before are written anew."""
        everybody: list[tuple[ShardRows, set[str]]] = []

        def make(renew: Renew) -> Plan:
            if gone is None:
                return self._plan(market, renew)
            market.read_again()
            plan = self._plan(market, renew)
            everybody.append(
                (
                    self._rows(market, plan, plan.codes),
                    store.without_band(self._morning.database, plan.run_date),
                )
            )
            return plan

        def rewrite(connection: sa.Connection, plan: Plan, shards: Sequence[int]) -> None:
            rows, without_band = everybody[-1]
            publishing.rewrite(
                connection, self._attempt.run_id, plan, shards, rows=rows, without_band=without_band
            )

        return agree(self._morning.ledger, self._attempt, make, after=gone, rewrite=rewrite)

    def _write(self, market: MarketRead, plan: Plan) -> None:
        morning = self._morning
        rows = self._rows(market, plan, plan.shards[self._attempt.shard])
        features = self._rows_made - self._start
        publishing.save(
            morning.database,
            morning.ledger,
            self._attempt,
            plan,
            rows=rows,
            seconds={"features": features, "model": perf_counter() - self._rows_made},
        )

    def _rows(self, market: MarketRead, plan: Plan, codes: Sequence[str]) -> ShardRows:
        matrix = market.matrix(
            codes,
            CrossSection.from_bytes(plan.cross_section.encode()),
            data_version=plan.data_version,
            after_each=self._morning.stop.check,
        )
        self._rows_made = perf_counter()
        scorers = {plan.model_version: self._scorer(plan.model_version)}
        if plan.other_version:
            try:
                scorers[plan.other_version] = self._scorer(plan.other_version)
            except ModelUnavailable as error:  # sound where the plan was made, not here
                log.warning("other_model.refused", extra={"reason": str(error)})
        return score(scorers, matrix, market.universe.master)

    def _scorer(self, version: str) -> Scorer:
        known = self._scorers.get(version)
        return known.result() if known else self._models.load(version)

    def _plan(self, market: MarketRead, renew: Renew) -> Plan:
        morning, own = self._morning, self._models.own

        def after_each() -> None:
            morning.stop.check()
            renew()

        raw = market.whole(after_each)
        universe = market.universe
        cross = CrossSection.of(raw, universe.master)
        notes = marks(raw, cross, universe.calendar, morning.choices.tolerance)
        if not universe.active:
            raise DataUnavailable("no stock in master_stock_list is ACTIVE; ingest a master list")
        stocks = list(universe.active)
        if morning.choices.upcoming_earnings:
            stocks = with_results_due(stocks, raw, universe.calendar, morning.run_date)
        other, refused = self._other()
        renew()
        return Plan(
            run_date=morning.run_date,
            as_of=date_of(raw.as_of_day),
            data_version=universe.data_version,
            model_type=own.type,
            model_version=str(own.version),
            f1=own.f1,
            shards=deal([stock.bse_code for stock in stocks], self._shards),
            cross_section=cross.to_bytes().decode(),
            notes=notes,
            began=self._began,
            other_version=other,
            other_refused=refused,
        )

    def _other(self) -> tuple[str | None, str | None]:
        """The version to score beside, or why it is not."""
        if self._models.other is None:
            return None, None
        version = str(self._models.other)
        try:
            self._scorer(version)
        except ModelUnavailable as error:
            log.warning("other_model.refused", extra={"reason": str(error)})
            return None, str(error)
        return version, None
