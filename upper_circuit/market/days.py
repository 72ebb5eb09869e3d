"""
Days and moments as integers, so that arrays of them compare, subtract and search fast.

A *day* is the number of days since 1970-01-01 of a date in Asia/Kolkata; a *moment* is seconds since 1970-01-01 UTC.
Asia/Kolkata has been UTC+5:30 without summer time since 1945, so the step between the two is a constant.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

import numpy as np
import numpy.typing as npt

IST = timezone(timedelta(hours=5, minutes=30), "IST")
IST_OFFSET = 19_800
"""Seconds by which Asia/Kolkata is ahead of UTC."""
SECONDS = 86_400
RUN_TIME = time(7, 0)
"""A run for day D knows what was public before D at this time in Asia/Kolkata."""

STOCK_KEY = 1 << 20
"""What a stock's number is multiplied by before a day is added to it: one ascending number for a stock and a day."""

_EPOCH = date(1970, 1, 1).toordinal()

Days = npt.NDArray[np.int32]
Moments = npt.NDArray[np.int64]


def day_of(value: date) -> int:
    """The day number of a date."""
    return value.toordinal() - _EPOCH


def date_of(day: int) -> date:
    """The date of a day number."""
    return date.fromordinal(int(day) + _EPOCH)


def moment_of(stamp: datetime) -> int:
    """The moment of a time; one without zone is Asia/Kolkata, as in every exchange file."""
    aware = stamp if stamp.tzinfo else stamp.replace(tzinfo=IST)
    return int(aware.timestamp())


def stamp_of(moment: int) -> datetime:
    """The UTC time of a moment."""
    return datetime.fromtimestamp(moment, tz=UTC)


def cutoff(run_date: date) -> int:
    """The moment before which something must be public to count for a run date: 07:00 IST of that day."""
    return moment_of(datetime.combine(run_date, RUN_TIME))


def ist_day(moments: Moments) -> Days:
    """The day in Asia/Kolkata on which each moment falls."""
    return ((moments + IST_OFFSET) // SECONDS).astype(np.int32)


def quarter_of(day: int) -> int:
    """The calendar quarter of a day: year * 4 + 0..3."""
    value = date_of(day)
    return value.year * 4 + (value.month - 1) // 3


def first_day(quarter: int) -> date:
    """The first date of a calendar quarter (year * 4 + 0..3)."""
    year, number = divmod(quarter, 4)
    return date(year, number * 3 + 1, 1)


def quarters_of(days: Days) -> npt.NDArray[np.int32]:
    """`quarter_of` for an array."""
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return (1970 * 4 + months // 3).astype(np.int32)


def months_of(days: Days) -> npt.NDArray[np.int32]:
    """Calendar months since January 1970."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int32)
