"""
The exchange's sessions as published ahead, from the `exchange_calendars` library (XBOM).

Prices tell which days were sessions; which days will be one, only a calendar knows. For 2021-2026 this one agrees
with the exchange but for ten special sessions, which bars and the user's own list (`upper-circuit ingest FILE`)
bring. The library knows holidays some years ahead and ends there; it never depends on today.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
import sqlalchemy as sa

from upper_circuit.market.days import Days, date_of, day_of
from upper_circuit.market.schema import trading_calendar

PUBLISHED = "calendar"
DATA = "data"
_LONGEST_BREAK = timedelta(days=10)
"""A first bar on a special session lies before the first published session by no more than this."""


def published_sessions(start: date) -> Days:
    """Sessions of XBOM from a date to the end of the last year whose holidays the library knows."""
    sessions = _every_session()
    return sessions[sessions >= day_of(start)]


@cache
def _every_session() -> Days:
    from exchange_calendars.exchange_calendar_xbom import XBOMExchangeCalendar as Xbom  # noqa: PLC0415  # slow to import

    sessions = Xbom(start=Xbom.bound_min(), end=Xbom.bound_max()).sessions
    days: Days = sessions.to_numpy().astype("datetime64[D]").astype(np.int32)
    return days


def extend_calendar(connection: sa.Connection, *, anew: bool = False) -> int:
    """Publish sessions from the first one with bars on; returns how many days that adds.

    Nothing is done where there are no bars, or where the calendar begins early enough already, unless asked `anew`:
    a newer library knows more years.
    """
    table = trading_calendar
    first, begins = (
        connection.execute(sa.select(sa.func.min(table.c.day)).where(table.c.source == source)).scalar()
        for source in (DATA, PUBLISHED)
    )
    if first is None or (begins is not None and begins <= first + _LONGEST_BREAK and not anew):
        return 0
    known = connection.execute(sa.select(table.c.day).where(table.c.source == PUBLISHED)).scalars()
    days = np.setdiff1d(published_sessions(first), [day_of(day) for day in known])
    rows = [{"day": date_of(day), "source": PUBLISHED, "is_session": 1} for day in days.tolist()]
    if rows:
        connection.execute(sa.insert(table), rows)
    return len(rows)
