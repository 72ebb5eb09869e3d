"""
The exchange's sessions, as they were and as they are announced.

Two questions have two answers. Which days were sessions, for the age of an event or the next bar of a stock: those with
bars, and past the run date those of the published calendar with the user's overrides. Whether the exchange trades on a
day, and which session a run needs: those with bars and the published ones, wherever the bars end; otherwise a file that
is missing in the middle would look like a holiday, and an older day's answer would go out in silence. A day on which the
exchange was closed after all is none as soon as the user's list says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import sqlalchemy as sa

from upper_circuit.errors import DataUnavailable, NotASession
from upper_circuit.market.database import Database
from upper_circuit.market.days import Days, date_of, day_of
from upper_circuit.market.schema import trading_calendar


@dataclass(frozen=True, slots=True)
class Calendar:
    """Sessions by day number.

    Guaranteed: all arrays ascend strictly. `traded` are the sessions with bars; `published` are those of the calendar
    with overrides, over its whole range.
    """

    traded: Days
    published: Days
    sessions: Days = field(init=False, repr=False, compare=False)
    """Every session known from the first bar on: those with bars, and the published ones with or without."""

    def __post_init__(self) -> None:
        for name in ("traded", "published"):
            days = getattr(self, name)
            if len(days) > 1 and not (np.diff(days) > 0).all():
                raise ValueError(f"{name} sessions do not ascend")
        ahead = self.published[self.published > self.traded[0]] if len(self.traded) else self.published
        # Made once: every request of the API asks whether its day is one of them.
        object.__setattr__(self, "sessions", np.union1d(self.traded, ahead))

    @property
    def newest(self) -> date:
        """The newest session with bars. Raises DataUnavailable where no bar is loaded."""
        if not len(self.traded):
            raise DataUnavailable(
                "no prices are loaded; `upper-circuit ingest` or `import-history` loads them"
            )
        return date_of(int(self.traded[-1]))

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on a day. Raises DataUnavailable before the first bar: nothing is known there."""
        if len(self.traded) and day_of(day) < self.traded[0]:
            first = date_of(int(self.traded[0]))
            raise DataUnavailable(f"no prices before {day} are loaded: the first are of {first}")
        at = int(np.searchsorted(self.sessions, day_of(day)))
        return at < len(self.sessions) and bool(self.sessions[at] == day_of(day))

    def next_session(self, day: date) -> date:
        """The first session on or after a day. Raises DataUnavailable past the end of the published calendar."""
        sessions = self.sessions
        at = int(np.searchsorted(sessions, day_of(day)))
        if at == len(sessions):
            raise DataUnavailable(
                f"no session on or after {day} is known; `upper-circuit database upgrade` extends the calendar"
            )
        return date_of(int(sessions[at]))

    def session_before(self, day: date) -> date:
        """The last session before a day, whether its bars are loaded or not: what a run for the day needs."""
        sessions = self.sessions
        at = int(np.searchsorted(sessions, day_of(day))) - 1
        if at < 0:
            raise DataUnavailable(f"no session before {day} is known")
        return date_of(int(sessions[at]))

    def require_session(self, day: date) -> None:
        """Raise NotASession, which names the next one, unless the exchange trades on the day; or as `is_session` does."""
        if not self.is_session(day):
            raise NotASession(day, self.next_session(day))

    def as_of(self, run_date: date) -> Sessions:
        """The sessions as a run for a date counts them. Raises DataUnavailable where no bar lies before it."""
        day = day_of(run_date)
        past = self.traded[: np.searchsorted(self.traded, day)]
        if not len(past):
            raise DataUnavailable(f"no prices before {run_date} are loaded")
        return Sessions(np.concatenate([past, self.published[self.published >= day]]), len(past) - 1)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions around one run date: those with bars before it, the published ones from it on."""

    days: Days
    as_of: int
    """Position of the as-of session in `days`: the last one before the run date."""

    @property
    def as_of_day(self) -> int:
        """Day number of the as-of session."""
        return int(self.days[self.as_of])

    def age(self, days: Days) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """Sessions s with day < s <= as-of, for each day; a day after the as-of session has age 0."""
        known = self.as_of + 1
        return np.maximum(known - np.searchsorted(self.days[:known], days, side="right"), 0)

    def first_of(self, count: int) -> int:
        """Day number of the first of the last `count` sessions ending at the as-of session."""
        return int(self.days[max(self.as_of + 1 - count, 0)])

    def ahead(self, days: Days) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """Sessions s with run date <= s < day, for each day."""
        known = self.as_of + 1
        return np.searchsorted(self.days[known:], days, side="left")


def load_calendar(database: Database) -> Calendar:
    """Read the calendar."""
    with database.reading("market") as connection:
        return read_calendar(connection)


def read_calendar(connection: sa.Connection) -> Calendar:
    """Read the calendar over an open connection."""
    rows = connection.execute(
        sa.select(trading_calendar.c.day, trading_calendar.c.source, trading_calendar.c.is_session)
    ).all()
    days: dict[str, set[int]] = {"data": set(), "calendar": set(), "open": set(), "closed": set()}
    for day, source, is_session in rows:
        kind = source if source != "user" else "open" if is_session else "closed"
        days[kind].add(day_of(day))
    published = (days["calendar"] | days["open"]) - days["closed"]
    return Calendar(_ascending(days["data"]), _ascending(published))


def _ascending(days: set[int]) -> Days:
    return np.array(sorted(days), dtype=np.int32)
