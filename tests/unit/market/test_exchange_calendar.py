"""Published sessions: where they begin, where they end, and that a newer library adds to them."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from tests.factories.database import Trade, load_days, load_master, rows
from upper_circuit.market.days import date_of
from upper_circuit.market.exchange_calendar import extend_calendar, published_sessions
from upper_circuit.market.schema import trading_calendar


def published(database) -> list[date]:
    """The published days in the database."""
    return [day for day, source, _ in rows(database, "trading_calendar") if source == "calendar"]


def test_sessions_are_the_exchange_s_week_days_without_its_holidays():
    """Christmas 2025 is none; the Sunday of the budget, announced late, is not known to the library."""
    days = [date_of(day) for day in published_sessions(date(2025, 12, 24)).tolist()]

    assert [date(2025, 12, day) for day in (24, 26, 29, 30, 31)] == days[:5]
    assert date(2026, 2, 1) not in days
    assert {day.weekday() for day in days} == {0, 1, 2, 3, 4}


def test_without_bars_nothing_is_published(database):
    """Nobody knows from when on."""
    with database.writing("market") as connection:
        added = extend_calendar(connection)

    assert (0, []) == (added, published(database))


def test_a_newer_library_s_years_are_added_when_asked(database):
    """`upper-circuit database upgrade` asks; a day's ingest does not look."""
    load_master(database, "500001")
    load_days(database, {date(2025, 12, 15): [Trade()]})
    known = published(database)
    newest = trading_calendar.c.day == known[-1]
    with database.writing("market") as connection:
        connection.execute(sa.delete(trading_calendar).where(newest))

    with database.writing("market") as connection:
        added = [extend_calendar(connection, anew=anew) for anew in (False, True, True)]

    assert [0, 1, 0] == added
    assert known == published(database)


def test_an_older_first_day_publishes_the_days_before(database):
    """An archive loaded after the newest day brings years of sessions."""
    load_master(database, "500001")
    load_days(database, {date(2025, 12, 15): [Trade()], date(2025, 10, 1): [Trade(close=99.0)]})

    assert date(2025, 10, 1) == published(database)[0]
