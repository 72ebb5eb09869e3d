"""
The matrices of the run dates people ask about, in memory.

A row is one look-up, because all rows of a date were computed at once when its first question came: 2,000 stocks take
a tenth of a second, and nothing ever computes one stock by another path than the morning run. The database is asked
once in a while whether it changed; while it is away, what is in memory goes on answering.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from transformer.known import Known
from upper_circuit.errors import DatabaseAway, DataUnavailable, FeaturesUnavailable
from upper_circuit.features import FEATURE_NAMES, FeatureMatrix, Skip, Tolerance, morning_matrix
from upper_circuit.market.database import Database
from upper_circuit.market.reading import read_data_version

PATIENCE = 10.0
"""Seconds that a question waits for a database that says nothing."""
NOT_ACTIVE = "NOT_ACTIVE"
"""Reason of a stock that the exchange does not list as active: the morning run leaves it out too."""
_MOST_REFUSED = 1_000

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Morning:
    """Everything about one run date that a question needs; frozen, so that answers of one date never mix two states."""

    run_date: date
    as_of: date
    data_version: int
    matrix: FeatureMatrix
    row_of: dict[str, int]
    missing_tables: tuple[str, ...]

    def at(self, bse_code: str) -> int:
        """The row of a stock in the matrix; raises FeaturesUnavailable with the skip reason."""
        at = self.row_of.get(bse_code)
        if at is None:
            raise FeaturesUnavailable(bse_code, self.run_date, *self._why(bse_code))
        return at

    def row(self, bse_code: str) -> npt.NDArray[np.float32]:
        """The features [1, 25] of a stock; raises FeaturesUnavailable with the skip reason."""
        at = self.at(bse_code)
        return self.matrix.values[at : at + 1]

    def filled(self, bse_code: str) -> dict[str, str]:
        """The features of a stock that were filled, each with industry, sector or market."""
        return self.matrix.filled(self.at(bse_code))

    def filled_names(self, row: int) -> tuple[str, ...]:
        """The features of a row that were filled."""
        return _names(self.matrix.sources[row].tobytes())

    def _why(self, bse_code: str) -> tuple[str, str]:
        skip: Skip | None = self.matrix.skipped.get(bse_code)
        return (skip.reason.value, skip.detail) if skip else (NOT_ACTIVE, "not listed as ACTIVE")


class Mornings:
    """The mornings asked for lately. Belongs to one event loop.

    The program calls `refresh` now and then; a question never waits for that, only for the first of its date.
    """

    def __init__(self, database: Database, *, kept: int = 8, tolerance: Tolerance | None = None) -> None:
        self._database = database
        self._kept = kept
        self._tolerance = tolerance or Tolerance()
        self._known: Known | None = None
        self._has_read = False
        self._mornings: OrderedDict[date, Morning] = OrderedDict()
        self._refused: dict[date, DataUnavailable] = {}
        self._being_made: dict[date, asyncio.Task[Morning]] = {}
        self._thread = ThreadPoolExecutor(1, "market")
        self.trouble: str | None = "the market database was not read yet"
        """Why the database could not be asked last time; None when it could."""

    @property
    def known(self) -> Known:
        """The newest state read; raises DatabaseAway when it never was."""
        if self._known is None:
            raise DatabaseAway(self.trouble or "")
        return self._known

    @property
    def is_ready(self) -> bool:
        """Whether questions can be answered, from the database or from memory; the newest morning as quick as others."""
        return self._has_read

    def take_over(self, known: Known, morning: Morning) -> None:
        """Begin with what another process read, as one does that was forked from it."""
        self._known, self.trouble, self._has_read = known, None, True
        self._mornings[morning.run_date] = morning

    async def refresh(self) -> None:
        """Ask the database whether it changed; if so, make the mornings in memory anew, newest first."""
        try:
            async with asyncio.timeout(PATIENCE):
                changed = await self._in_thread(lambda: _changed(self._database, self._known))
        except (sa.exc.SQLAlchemyError, DataUnavailable, TimeoutError) as error:
            self._note_trouble(str(error) if isinstance(error, DataUnavailable) else type(error).__name__)
            return
        if self.trouble is not None:
            log.info("market.readable")
        self.trouble = None
        if changed is not None:
            self._known = changed
            self._refused.clear()
        if changed is not None or self._is_behind:
            await self._make_anew(self.known)
        self._has_read = True

    async def of(self, run_date: date) -> Morning:
        """The morning of a run date; the first question for a date makes it, others wait for the same one.

        Raises NotASession, DataNotYetAvailable, PricesStale, TableMissing, DatabaseAway.
        """
        morning = self.get(run_date)
        if morning is not None:
            return morning
        self.known.require_run_date(run_date)
        if run_date in self._refused:
            raise self._refused[run_date].with_traceback(None)
        task = self._being_made.get(run_date)
        if task is None:
            task = asyncio.create_task(self._make(run_date), name=f"morning {run_date}")
            self._being_made[run_date] = task
            task.add_done_callback(lambda made: self._made(run_date, made))
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.shield(task)
        except TimeoutError:
            raise DatabaseAway(f"the market database gave nothing for {run_date} in {PATIENCE:g} s") from None

    def get(self, run_date: date) -> Morning | None:
        """The morning of a run date when it is in memory: the way of the hot routes."""
        morning = self._mornings.get(run_date)
        if morning is not None:
            self._mornings.move_to_end(run_date)
        return morning

    def stop(self) -> None:
        """Let go of the thread; what it does is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _make(self, run_date: date) -> Morning:
        known = self.known
        try:
            morning = await self._in_thread(lambda: make(self._database, run_date, known, self._tolerance))
        except sa.exc.SQLAlchemyError as error:
            self._note_trouble(type(error).__name__)
            raise DatabaseAway(
                f"the market database cannot be read for {run_date}: {type(error).__name__}"
            ) from error
        except DataUnavailable as error:
            may_pass = isinstance(error, DatabaseAway)
            if not may_pass and len(self._refused) < _MOST_REFUSED:
                self._refused[run_date] = error
            raise
        self._mornings[run_date] = morning
        while len(self._mornings) > self._kept:
            self._mornings.popitem(last=False)
        return morning

    def _made(self, run_date: date, task: asyncio.Task[Morning]) -> None:
        del self._being_made[run_date]
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody may be left to

    @property
    def _is_behind(self) -> bool:
        """Whether a morning goes on answering that could not be made anew."""
        return any(morning.data_version != self.known.data_version for morning in self._mornings.values())

    async def _make_anew(self, known: Known) -> None:
        """Every morning in memory of an older state, and the newest one that can be asked for."""
        days = {day for day, morning in self._mornings.items() if morning.data_version != known.data_version}
        try:
            days.add(known.next_run_date())
        except DataUnavailable as error:
            log.warning("morning.not_made", extra={"because": str(error)})
        for day in sorted(days, reverse=True):
            order = list(self._mornings)
            try:
                await self._make(day)
            except DataUnavailable as error:
                if not isinstance(error, DatabaseAway):
                    self._mornings.pop(day, None)
                log.warning("morning.not_made", extra={"run_date": day, "because": str(error)})
            for other in order:  # a morning made anew is not one that was asked for
                if other in self._mornings:
                    self._mornings.move_to_end(other)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _note_trouble(self, trouble: str) -> None:
        if trouble != self.trouble or self._known is None:
            log.warning("market.unreadable", extra={"because": trouble, "goes_on": self._known is not None})
        self.trouble = trouble


def make(database: Database, run_date: date, known: Known, tolerance: Tolerance) -> Morning:
    """The morning of a run date, from the database; blocking. Raises DataUnavailable."""
    made = morning_matrix(database, run_date, tolerance, lists=known)
    for code, reason in made.unreadable.items():
        log.error("stock.unreadable", extra={"bse_code": code, "reason": reason})
    return Morning(
        run_date=run_date,
        as_of=made.as_of,
        data_version=made.data_version,
        matrix=made.matrix,
        row_of={code: row for row, code in enumerate(made.matrix.codes)},
        missing_tables=made.missing_tables,
    )


def _changed(database: Database, known: Known | None) -> Known | None:
    if known is not None:
        with database.reading("market") as connection:
            if read_data_version(connection) == known.data_version:
                return None
    return Known.read(database)


@lru_cache(maxsize=4096)
def _names(sources: bytes) -> tuple[str, ...]:
    return tuple(name for name, source in zip(FEATURE_NAMES, sources, strict=True) if source)
