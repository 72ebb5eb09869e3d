"""
The days on which the synthetic exchange trades.

They agree with the real exchange's published days from 2019 to 2026, so that a calendar asked for the next session
answers as for real data, special week-end sessions included. Other years have the holidays of fixed date only. A span
without a special session gets one Saturday in its middle: calendars made of weekdays must stumble in a test, not later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from upper_circuit.errors import BadInput
from upper_circuit.market.synthetic.draws import Ints

AHEAD = 60
"""Sessions published past the newest bar."""

EPOCH = date(1970, 1, 1)
_SATURDAY = 5
_FIXED = ("01-26", "04-14", "05-01", "08-15", "10-02", "12-25")
_HOLIDAYS = {
    2019: "03-04 03-21 04-17 04-19 04-29 05-01 06-05 08-12 08-15 09-02 09-10 10-02 10-08 10-21 10-28 11-12 12-25",
    2020: "02-21 03-10 04-02 04-06 04-10 04-14 05-01 05-25 10-02 11-16 11-30 12-25",
    2021: "01-26 03-11 03-29 04-02 04-14 04-21 05-13 07-21 08-19 09-10 10-15 11-04 11-05 11-19",
    2022: "01-26 03-01 03-18 04-14 04-15 05-03 08-09 08-15 08-31 10-05 10-24 10-26 11-08",
    2023: "01-26 03-07 03-30 04-04 04-07 04-14 05-01 06-29 08-15 09-19 10-02 10-24 11-14 11-27 12-25",
    2024: "01-22 01-26 03-08 03-25 03-29 04-11 04-17 05-01 05-20 06-17 07-17 08-15 10-02 11-01 11-15 11-20 12-25",
    2025: "02-26 03-14 03-31 04-10 04-14 04-18 05-01 08-15 08-27 10-02 10-21 10-22 11-05 12-25",
    2026: "01-15 01-26 03-03 03-26 03-31 04-03 04-14 05-01 05-28 06-26 09-14 10-02 10-20 11-10 11-24 12-25",
}
_WEEKENDS = (
    "2019-10-27 2020-02-01 2020-11-14 2023-11-12 2024-01-20 2024-03-02 2024-05-18 2025-02-01 2026-02-01"
)
_SPECIAL = frozenset(map(date.fromisoformat, _WEEKENDS.split()))


@dataclass(frozen=True, slots=True)
class Sessions:
    """Guaranteed: `past` ascends and has at least one day; `ahead` follows it; `days` are the past as day numbers."""

    past: tuple[date, ...]
    ahead: tuple[date, ...]
    days: Ints

    def __post_init__(self) -> None:
        if (np.diff([day_number(day) for day in (*self.past, *self.ahead)]) <= 0).any():
            raise ValueError("sessions do not ascend")

    @property
    def last(self) -> int:
        """Day number of the newest session with bars."""
        return day_number(self.past[-1])


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def date_of(number: int) -> date:
    """The date of a day number."""
    return EPOCH + timedelta(days=number)


def sessions_until(until: date, count: int) -> Sessions:
    """The `count` sessions that end at `until`, and AHEAD more. Raises BadInput where `until` is no session."""
    if not _trades(until):
        before = _walk(until, -1, 1)[0]
        raise BadInput(
            f"until={until} is no session of the synthetic exchange; the one before it is {before}"
        )
    past = [*reversed(_walk(until, -1, count - 1)), until]
    if not any(day in _SPECIAL for day in past):
        past = _with_a_saturday(past)
    days = np.array([day_number(day) for day in past], dtype=np.int64)
    return Sessions(tuple(past), tuple(_walk(until, 1, AHEAD)), days)


def _trades(day: date) -> bool:
    if day.weekday() >= _SATURDAY:
        return day in _SPECIAL
    return day.isoformat()[5:] not in _HOLIDAYS.get(day.year, " ".join(_FIXED))


def _walk(start: date, step: int, count: int) -> list[date]:
    found: list[date] = []
    day = start
    while len(found) < count:
        day += timedelta(days=step)
        if _trades(day):
            found.append(day)
    return found


def _with_a_saturday(past: list[date]) -> list[date]:
    middle = past[len(past) // 2]
    saturday = middle + timedelta(days=_SATURDAY - middle.weekday())
    return sorted({*past[1:], saturday})
