"""
The exchange's sessions, as they were and as they are announced.

Where bars reach, the bars decide: evenings of Muhurat and Saturdays that no published calendar knew did happen. Past
the newest bar the published calendar counts, with the user's overrides, also those announced late. Without this
distinction a missing file would look like a holiday, and an older day's answer would go out in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
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

    Guaranteed: both arrays ascend strictly. `traded` are the sessions with bars; `published` are those of the calendar
    with overrides, over its whole range.
    """

    traded: Days
    published: Days

    def __post_init__(self) -> None:
        for name in ("traded", "published"):
            days = getattr(self, name)
            if len(days) > 1 and not (np.diff(days) > 0).all():
                raise ValueError(f"{name} sessions do not ascend")

    @property
    def newest(self) -> date:
        """The newest session with bars. Raises DataUnavailable where no bar is loaded."""
        if not len(self.traded):
            raise DataUnavailable(
                "no prices are loaded; `upper-circuit ingest` or `import-history` loads them"
            )
        return date_of(int(self.traded[-1]))

    @property
    def sessions(self) -> Days:
        """Every session known: those with bars, then the published ones after them."""
        if not len(self.traded):
            return self.published
        return np.concatenate([self.traded, self.published[self.published > self.traded[-1]]])

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on a day."""
        return bool(np.isin(day_of(day), self.sessions))

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
        """The last session before a day, whether its bars are loaded or not."""
        sessions = self.sessions
        at = int(np.searchsorted(sessions, day_of(day))) - 1
        if at < 0:
            raise DataUnavailable(f"no session before {day} is known")
        return date_of(int(sessions[at]))

    def require_session(self, day: date) -> None:
        """Raise NotASession, which names the next one, unless the exchange trades on the day."""
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
