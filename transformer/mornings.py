"""
The matrices of the run dates people ask about, in memory.

A row is one look-up, because all rows of a date were computed at once when its first question came: 2,000 stocks take
a tenth of a second, and nothing ever computes one stock by another path than the morning run. The database is asked
once in a while whether it changed; while it is away, what is in memory goes on answering.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from upper_circuit.errors import DatabaseAway, DataNotYetAvailable, FeaturesUnavailable, UnknownStock
from upper_circuit.features import CrossSection, FeatureMatrix, Skip, fill, raw
from upper_circuit.market.calendar import Calendar, load_calendar
from upper_circuit.market.database import Database
from upper_circuit.market.market import Market
from upper_circuit.market.master import Master, Stock
from upper_circuit.market.reading import read_data_version

KEPT = 8
"""Run dates in memory: 1.1 MB each for 11,000 stocks."""


@dataclass(frozen=True, slots=True)
class Morning:
    """Everything about one run date that a question needs; frozen, so that answers of one date never mix two states."""

    run_date: date
    as_of: date
    data_version: int
    matrix: FeatureMatrix
    row_of: dict[str, int]
    filled: dict[int, tuple[str, ...]]
    missing_tables: tuple[str, ...]

    def row(self, bse_code: str) -> npt.NDArray[np.float32]:
        """The 25 features of a stock; raises FeaturesUnavailable with the skip reason."""
        at = self.row_of.get(bse_code)
        if at is None:
            raise FeaturesUnavailable(bse_code, self.run_date, *self._why(bse_code))
        row: npt.NDArray[np.float32] = self.matrix.values[at]
        return row

    def filled_features(self, bse_code: str) -> tuple[str, ...]:
        """Names of the features of a stock that were filled."""
        return self.filled.get(self.row_of[bse_code], ())

    def _why(self, bse_code: str) -> tuple[str, str]:
        skip: Skip | None = self.matrix.skipped.get(bse_code)
        return (
            (skip.reason.value, skip.detail)
            if skip
            else ("NOT_ACTIVE", "the exchange does not list it as active")
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What the database said when it was asked last."""

    data_version: int
    calendar: Calendar
    master: Master
    by_symbol: dict[str, str]

    @classmethod
    def read(cls, database: Database) -> Known:
        """Ask the database; blocking."""
        with database.reading("market") as connection:
            version = read_data_version(connection)
        master = Master.load(database)
        symbols = {stock.nse_symbol: stock.bse_code for stock in master.stocks.values() if stock.nse_symbol}
        return cls(version, load_calendar(database), master, symbols)

    def stock(self, bse_code: str) -> Stock:
        """The stock of a code; raises UnknownStock."""
        found = self.master.stocks.get(bse_code)
        if found is None:
            raise UnknownStock(bse_code)
        return found


class Mornings:
    """The mornings asked for lately, refreshed when the database changed.

    `refresh` is called every `poll` seconds by the program; a question never waits for it, but for the first of a date.
    """

    def __init__(self, database: Database, *, kept: int = KEPT) -> None:
        self._database = database
        self._kept = kept
        self._known: Known | None = None
        self._mornings: OrderedDict[date, Morning] = OrderedDict()
        self._being_made: dict[date, asyncio.Task[Morning]] = {}
        self.database_error: str | None = None
        """Why the database could not be asked last time; None when it could."""

    @property
    def known(self) -> Known:
        """The newest state read; raises the database's error when it never was."""
        if self._known is None:
            raise DatabaseAway(self.database_error or "the market database was not read yet")
        return self._known

    async def refresh(self) -> None:
        """Ask the database whether it changed; if so, make the mornings in memory anew, newest first."""
        try:
            version = await asyncio.to_thread(self._version)
            if self._known is None or version != self._known.data_version:
                self._known = await asyncio.to_thread(Known.read, self._database)
            self.database_error = None
        except sa.exc.SQLAlchemyError as error:
            self.database_error = type(error).__name__
            return
        stale = [
            day for day, morning in self._mornings.items() if morning.data_version != self._known.data_version
        ]
        for day in sorted(stale, reverse=True):
            self._mornings[day] = await asyncio.to_thread(_make, self._database, day, self._known.master)

    async def of(self, run_date: date) -> Morning:
        """The morning of a run date; the first question for a date makes it, others wait for the same one.

        Raises NotASession, DataNotYetAvailable, TableMissing.
        """
        morning = self._mornings.get(run_date)
        if morning is not None:
            self._mornings.move_to_end(run_date)
            return morning
        self._require(run_date)
        task = self._being_made.get(run_date)
        if task is None:
            task = asyncio.create_task(
                asyncio.to_thread(_make, self._database, run_date, self.known.master),
                name=f"morning {run_date}",
            )
            self._being_made[run_date] = task
            task.add_done_callback(lambda _: self._being_made.pop(run_date, None))
        morning = await asyncio.shield(task)
        self._mornings[run_date] = morning
        while len(self._mornings) > self._kept:
            self._mornings.popitem(last=False)
        return morning

    def get(self, run_date: date) -> Morning | None:
        """The morning of a run date when it is in memory: the way of the hot routes."""
        return self._mornings.get(run_date)

    def next_run_date(self) -> date:
        """The newest run date that can be answered: the first session after the newest bars."""
        calendar = self.known.calendar
        return calendar.next_session(date.fromordinal(calendar.newest.toordinal() + 1))

    def _require(self, run_date: date) -> None:
        calendar = self.known.calendar
        calendar.require_session(run_date)
        needed = calendar.session_before(run_date)
        if needed > calendar.newest:
            raise DataNotYetAvailable(run_date, needed, calendar.newest)

    def _version(self) -> int:
        with self._database.reading("market") as connection:
            return read_data_version(connection)


def _make(database: Database, run_date: date, master: Master) -> Morning:
    market = Market.load(database, run_date=run_date)
    view = market.as_of(run_date)
    rows = raw(view)
    cross = CrossSection.of(rows, master)
    matrix = fill(rows, cross, master, [stock.bse_code for stock in master.active()])
    filled = {
        row: tuple(matrix.filled(row)) for row in np.flatnonzero((matrix.sources > 0).any(axis=1)).tolist()
    }
    return Morning(
        run_date=run_date,
        as_of=view.as_of,
        data_version=market.data_version,
        matrix=matrix,
        row_of={code: row for row, code in enumerate(matrix.codes)},
        filled=filled,
        missing_tables=cross.missing_tables,
    )
