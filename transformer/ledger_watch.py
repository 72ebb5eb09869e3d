"""
The morning runs as metrics, for the alert that no run has come.

A run that never started counts nothing itself, so somebody who is always there must say that it was due. Asked in the
background and never by a scrape: a database that is away must not make Prometheus wait. Meanwhile what was read stays,
with the time of the reading, and the days go on by the calendar in hand: a morning is due whether we can look or not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time

import sqlalchemy as sa

from transformer.database_threads import DatabaseThreads
from upper_circuit.errors import UpperCircuitError
from upper_circuit.market.calendar import Calendar, load_calendar
from upper_circuit.market.database import Database
from upper_circuit.market.days import IST
from upper_circuit.market.schema import run_shards, runs
from upper_circuit.telemetry.metrics import BatchMetrics

EVERY_SECONDS = 30.0
"""How often the ledger is read."""
SHARD_STATES = ("open", "done", "failed", "skipped", "lost")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What the ledger and the calendar say about the newest mornings."""

    calendar: Calendar
    done_on: date | None
    """The newest run date of which a run is done."""
    success: tuple[int, int] | None
    """When the newest run date that has a list got it first (seconds since 1970), and the seconds that took."""
    shards: dict[str, int]
    """Of the newest run of the newest run date: shards by state."""
    scored: int
    skipped: int

    @classmethod
    def read(cls, database: Database) -> LedgerState:
        """Ask the database; blocking."""
        calendar = load_calendar(database)
        with database.reading("predictions") as connection:
            is_done = runs.c.state == "done"
            done_on = connection.scalar(sa.select(sa.func.max(runs.c.run_date)).where(is_done))
            success = connection.execute(
                sa.select(runs.c.finished_at, runs.c.finished_at - runs.c.started_at)
                .where(is_done, runs.c.run_date == done_on)
                .order_by(runs.c.finished_at)
                .limit(1)
            ).first()
            newest = connection.scalar(
                sa.select(runs.c.run_id)
                .where(runs.c.state != "skipped")
                .order_by(runs.c.run_date.desc(), runs.c.started_at.desc(), runs.c.run_id.desc())
                .limit(1)
            )
            table = run_shards.c
            sums = (sa.func.coalesce(sa.func.sum(column), 0) for column in (table.scored, table.skipped))
            counts = connection.execute(
                sa.select(table.state, sa.func.count(), *sums)
                .where(table.run_id == newest)
                .group_by(table.state)
            ).all()
        return cls(
            calendar=calendar,
            done_on=done_on,
            success=None if success is None else (success[0], success[1]),
            shards={state: shards for state, shards, _, _ in counts},
            scored=sum(int(scored) for _, _, scored, _ in counts),
            skipped=sum(int(skipped) for _, _, _, skipped in counts),
        )


class LedgerWatch:
    """Brings the metrics up to date whenever it is told to."""

    def __init__(self, database: Database, metrics: BatchMetrics, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._thread = DatabaseThreads(1)
        self._calendar: Calendar | None = None
        self._is_readable = True

    async def refresh(self) -> None:
        """Read the ledger; where that fails, what is due is told all the same."""
        now = self._clock()
        await self._read(now)
        today = now.astimezone(IST).date()
        if self._calendar is not None and self._calendar.is_session(today):
            self._metrics.due_date.set(_midnight(today))

    async def _read(self, now: datetime) -> None:
        try:
            state = await self._thread.ask(LedgerState.read, self._database)
        except (sa.exc.SQLAlchemyError, UpperCircuitError) as error:
            if self._is_readable:
                log.warning("ledger.unreadable", extra={"because": type(error).__name__})
            self._is_readable = False
            return
        self._is_readable = True
        self._calendar = state.calendar
        self._metrics.ledger_read.set(now.timestamp())
        self._show(state)

    def stop(self) -> None:
        """Let go of the thread; what it does is not waited for."""
        self._thread.stop()

    def _show(self, state: LedgerState) -> None:
        metrics = self._metrics
        if state.done_on:
            metrics.done_date.set(_midnight(state.done_on))
        if state.success:
            metrics.last_success.set(state.success[0])
            metrics.duration.set(state.success[1])
        for name in SHARD_STATES:
            metrics.shards.labels(name).set(state.shards.get(name, 0))
        metrics.stocks.labels("scored").set(state.scored)
        metrics.stocks.labels("skipped").set(state.skipped)


def _midnight(day: date) -> float:
    return datetime.combine(day, time(), IST).timestamp()
