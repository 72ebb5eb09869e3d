"""
The features of the calendar: when results come, and how this quarter went in earlier years.

Two of the four need the whole market (its share of companies that just reported, its rate of locks); for those this
module gives the counts, and `cross_section` finishes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from upper_circuit.features.financial import Quarters
from upper_circuit.market.days import Days, date_of, ist_day
from upper_circuit.market.events import NEVER
from upper_circuit.market.market import MarketView
from upper_circuit.market.windows import Floats

UNKNOWN_NEXT = 60.0
"""Sessions to the next results where none can be expected; also the most that is told."""
NEVER_REPORTED = 90.0
"""Sessions since the last results where there were none; also the most that is told."""
SEASON_SESSIONS = 5
"""A result of age 0..4 makes its company one that just reported."""


@dataclass(frozen=True, slots=True)
class Season:
    """Per stock, [n]."""

    features: dict[str, Floats]
    has_result: npt.NDArray[np.bool_]
    """Whether any result was announced before the run date's 07:00."""
    just_reported: npt.NDArray[np.bool_]
    """Whether any result has age 0..4."""


def season(view: MarketView, quarters: Quarters) -> Season:
    """`days_to_next_earnings` and `days_since_last_earnings`, [n] each, clipped by their own definition."""
    newest = view.results.newest_filing()
    has_result = newest >= 0
    since = view.sessions.age(ist_day(np.maximum(newest, 0))).astype(np.float64)
    return Season(
        {
            "days_to_next_earnings": np.minimum(_until_next(view, quarters), UNKNOWN_NEXT),
            "days_since_last_earnings": np.where(
                has_result, np.minimum(since, NEVER_REPORTED), NEVER_REPORTED
            ),
        },
        has_result,
        has_result & (since < SEASON_SESSIONS),
    )


def _until_next(view: MarketView, quarters: Quarters) -> Floats:
    """Sessions from the run date to the day results are expected on.

    A board meeting that is announced wins; else the quarter after Q0 is expected a year after its counterpart, and if
    that has passed, any day now: 0.
    """
    stocks = len(view.codes)
    meeting = np.full(stocks, np.iinfo(np.int32).max, dtype=np.int64)
    np.minimum.at(meeting, view.meetings.stock, view.meetings.day)
    has_meeting = meeting < np.iinfo(np.int32).max
    last_year = quarters.announced_at[:, 3]
    expectable = quarters.valid & (last_year != NEVER)
    expected = _a_year_later(ist_day(np.where(expectable, last_year, 0)))
    day = np.where(has_meeting, meeting, expected)
    return np.where(has_meeting | expectable, view.sessions.ahead(day).astype(np.float64), UNKNOWN_NEXT)


def _a_year_later(days: Days) -> Days:
    distinct, inverse = np.unique(days, return_inverse=True)
    later = [_plus_a_year(date_of(day)).toordinal() - date_of(0).toordinal() for day in distinct]
    return np.array(later, dtype=np.int32)[inverse]


def _plus_a_year(day: date) -> date:
    leap_day = day.month == 2 and day.day == 29
    return day.replace(year=day.year + 1, day=28 if leap_day else day.day)
