"""The exchange's sessions around one run date.

Look-backs of prices count a stock's own bars, those of events count sessions: one off-by-one here would shift
every event feature, so the counting stands in one place and is tested on dates counted by hand.
"""

from dataclasses import dataclass
from datetime import date

import exchange_calendars
import numpy as np
import pandas as pd

from tests.reference.inputs import History

LOOK_AHEAD = pd.Timedelta(days=150)  # 60 sessions, the cap of days_to_next_earnings, end well before


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions before the run date (`past`, from the data) and from it on (`future`, from the calendar).

    Guaranteed: both sorted; `past` is not empty and ends with `as_of`; `future` starts with `run_date`.
    """

    run_date: pd.Timestamp
    past: pd.DatetimeIndex
    future: pd.DatetimeIndex

    @property
    def as_of(self) -> pd.Timestamp:
        """The last session before the run date: the newest one whose bars may be used."""
        return self.past[-1]

    @property
    def cutoff(self) -> pd.Timestamp:
        """07:00 IST of the run date: events count when their stamp is earlier."""
        return self.run_date + pd.Timedelta(hours=7)

    def last(self, n: int) -> pd.DatetimeIndex:
        """The n sessions that end at as_of."""
        return self.past[-n:]

    def age(self, moments: pd.Series) -> pd.Series:
        """Sessions s with (date of the event) < s <= as_of; 0 for events of as_of and of the run date."""
        days = moments.dt.normalize().to_numpy()
        return pd.Series(
            len(self.past) - np.searchsorted(self.past.to_numpy(), days, side="right"), index=moments.index
        )

    def until(self, expected: pd.Timestamp) -> int:
        """Sessions s with run_date <= s < expected; 0 when expected is not after the run date."""
        return int(self.future.searchsorted(expected, side="left"))


def sessions_around(history: History, run_date: date) -> Sessions:
    """The past from the bars; the future from the exchange calendar and the folder's list of sessions.

    Choice: the future is the union of the library's XBOM sessions, the folder's list and the days with bars,
    since overrides so far only ever added sessions (Muhurat evenings, Saturdays, Sunday 2026-02-01).
    """
    day = pd.Timestamp(run_date)
    seen = pd.DatetimeIndex(np.sort(history.prices["date"].unique()))
    past = seen[seen < day]
    if past.empty:
        raise ValueError(f"no session before {run_date} in the prices")
    end = day + LOOK_AHEAD
    known = exchange_calendars.get_calendar("XBOM", start=day, end=end).sessions
    future = known.union(history.listed_sessions).union(seen)
    future = future[(future >= day) & (future <= end)]
    if future[0] != day:
        raise ValueError(f"{run_date} is no session; the next one is {future[0].date()}")
    return Sessions(run_date=day, past=past, future=future)
