"""
The market as of a morning.

Everything a feature may know about a run date comes out of `Market.as_of`, and nothing else does: sessions before the
date, events public before 07:00 of it, factors with an ex-date up to the as-of session. So a formula cannot look
ahead, because it is never handed what lies ahead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from upper_circuit.errors import DataUnavailable
from upper_circuit.market import reading
from upper_circuit.market.calendar import Calendar, Sessions, read_calendar
from upper_circuit.market.database import Database
from upper_circuit.market.days import IST_OFFSET, SECONDS, cutoff, date_of, day_of, quarter_of
from upper_circuit.market.events import Announcements, CircuitQuarters, Meetings, Results
from upper_circuit.market.windows import WINDOW, Factors, Histories, Window

EVENT_SESSIONS = 65
"""Announcements of ages 0..64 are looked at by some feature."""
_SESSIONS_READ = WINDOW + 20


@dataclass(frozen=True, slots=True)
class MarketView:
    """What was known about n stocks on the morning of a run date; the first axis of every array is the stock.

    Guaranteed: nothing in it is younger than the run date's 07:00 IST, no bar is of the run date or later.
    """

    run_date: date
    codes: tuple[str, ...]
    sessions: Sessions
    window: Window
    results: Results
    announcements: Announcements
    meetings: Meetings
    quarter_locked: npt.NDArray[np.int64]
    """[n] locked days in the calendar quarter of the run date, one, two and three years earlier."""
    quarter_bars: npt.NDArray[np.int64]
    """[n] own bars in those quarters."""
    unreadable: Mapping[str, str]
    """Stocks that are missing here because their packed prices are damaged, with the reason."""

    @property
    def as_of(self) -> date:
        """The last session before the run date."""
        return date_of(self.sessions.as_of_day)


@dataclass(frozen=True, slots=True)
class Market:
    """Bars and events of some stocks, for one run date or for all of history.

    Guaranteed: codes ascend, and the `stock` of every table indexes them.
    """

    codes: tuple[str, ...]
    calendar: Calendar
    histories: Histories
    factors: Factors
    results: Results
    announcements: Announcements
    meetings: Meetings
    quarters: CircuitQuarters
    data_version: int

    @classmethod
    def load(
        cls,
        database: Database,
        *,
        run_date: date | None = None,
        codes: Sequence[str] | None = None,
        calendar: Calendar | None = None,
    ) -> Market:
        """Read the market, all from one state of the database.

        Args:
            database: where from.
            run_date: read what `as_of` of this date needs; None reads all of history.
            codes: only these stocks; a code without bars in the years read is left out. None: every stock.
            calendar: where the caller has it already, as a worker has that reads block after block.

        A stock whose packed prices are damaged is left out, and named in `histories.unreadable`. Raises DataUnavailable
        where no bar lies before the run date.
        """
        with database.reading("market") as connection:
            calendar = calendar or read_calendar(connection)
            from_year = since = quarters = None
            day = 0 if run_date is None else day_of(run_date)
            if run_date is not None:
                sessions = calendar.as_of(run_date)
                from_year = date_of(sessions.first_of(_SESSIONS_READ)).year
                since = _event_start(sessions)
                quarters = [quarter_of(day) - back for back in (4, 8, 12)]
            histories = reading.read_histories(connection, codes, from_year, day)
            stocks = histories.codes
            return cls(
                codes=stocks,
                calendar=calendar,
                histories=histories,
                factors=reading.read_factors(connection, stocks),
                results=reading.read_results(connection, stocks),
                announcements=reading.read_announcements(connection, stocks, since),
                meetings=reading.read_meetings(connection, stocks),
                quarters=reading.read_quarters(connection, stocks, quarters),
                data_version=reading.read_data_version(connection),
            )

    def as_of(self, run_date: date) -> MarketView:
        """What was public before 07:00 IST of a run date. Raises DataUnavailable where no bar lies before it."""
        sessions = self.calendar.as_of(run_date)
        day = day_of(run_date)
        factors = self.factors.until(sessions.as_of_day)
        window = self.histories.window(day, factors)
        locked, bars = self.quarters.counts(quarter_of(day), window.newest_day)
        moment = cutoff(run_date)
        return MarketView(
            run_date=run_date,
            codes=self.codes,
            sessions=sessions,
            window=window,
            results=self.results.known_at(moment).adjusted(factors),
            announcements=self.announcements.between(_event_start(sessions), moment),
            meetings=self.meetings.known_at(moment, day),
            quarter_locked=locked,
            quarter_bars=bars,
            unreadable=self.histories.unreadable,
        )

    def require_readable(self) -> None:
        """Raise DataUnavailable where a stock's packed prices are damaged: who needs everybody's must not go on."""
        damaged = self.histories.unreadable
        if damaged:
            code, reason = next(iter(damaged.items()))
            raise DataUnavailable(
                f"packed prices cannot be read: {code} ({reason}), {len(damaged)} in all; run `upper-circuit repack`"
            )


def _event_start(sessions: Sessions) -> int:
    return sessions.first_of(EVENT_SESSIONS) * SECONDS - IST_OFFSET
