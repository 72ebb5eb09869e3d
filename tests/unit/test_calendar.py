"""Sessions: those with bars are what was; the published ones are what should be there, wherever the bars end."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from upper_circuit.errors import DataUnavailable, NotASession
from upper_circuit.market.calendar import Calendar
from upper_circuit.market.days import day_of


def days(*values: date) -> np.ndarray:
    """Day numbers."""
    return np.array([day_of(value) for value in values], dtype=np.int32)


MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2025, 12, day) for day in (15, 16, 17, 18))
SATURDAY = date(2025, 12, 13)
CALENDAR = Calendar(traded=days(SATURDAY, MONDAY), published=days(MONDAY, TUESDAY, WEDNESDAY))


def test_a_saturday_with_bars_was_a_session():
    """Special sessions are known from the data, whatever the calendar says."""
    assert CALENDAR.is_session(SATURDAY)


def test_a_session_missing_among_the_bars_is_still_the_session_before():
    """A file that nobody loaded is no holiday: the run for Wednesday wants Tuesday."""
    calendar = Calendar(traded=days(MONDAY, WEDNESDAY), published=days(MONDAY, TUESDAY, WEDNESDAY))

    assert calendar.is_session(TUESDAY)
    assert TUESDAY == calendar.session_before(WEDNESDAY)


def test_a_session_missing_among_the_bars_makes_no_event_older():
    """Ages count sessions with bars: what the market did not do cannot let a result grow old."""
    sessions = Calendar(days(MONDAY, WEDNESDAY), days(MONDAY, TUESDAY, WEDNESDAY, THURSDAY)).as_of(THURSDAY)

    assert [1] == sessions.age(days(MONDAY)).tolist()


def test_before_the_first_bar_nobody_knows_the_sessions():
    """Neither a holiday nor a session: the answer is which prices are loaded."""
    with pytest.raises(
        DataUnavailable, match="no prices before 2025-12-12 are loaded: the first are of 2025-12-13"
    ):
        CALENDAR.require_session(date(2025, 12, 12))


def test_past_the_newest_bar_a_missing_session_is_still_the_session_before():
    """Never an older day's answer in silence: the run for Wednesday wants Tuesday."""
    assert TUESDAY == CALENDAR.session_before(WEDNESDAY)


def test_a_day_without_session_names_the_next_one():
    """The refusal carries what to ask for instead."""
    with pytest.raises(NotASession) as refused:
        CALENDAR.require_session(date(2025, 12, 14))

    assert MONDAY == refused.value.next_session
    assert "2025-12-14 is no session, next is 2025-12-15" == str(refused.value)


def test_past_the_published_end_there_is_no_next_session():
    """A calendar that ends is an error, not an endless weekend."""
    with pytest.raises(DataUnavailable, match="no session on or after 2025-12-18"):
        CALENDAR.next_session(THURSDAY)


def test_without_bars_there_is_no_as_of_session():
    """An empty database says which command fills it."""
    empty = Calendar(traded=days(), published=days(MONDAY))

    with pytest.raises(DataUnavailable, match="no prices before 2025-12-16"):
        empty.as_of(TUESDAY)
    with pytest.raises(DataUnavailable, match="import-history"):
        _ = empty.newest


def test_the_age_of_an_event_counts_sessions_after_its_day():
    """Sessions s with event day < s <= as-of; the night before the run has age 0."""
    sessions = Calendar(days(MONDAY, TUESDAY), days(WEDNESDAY)).as_of(WEDNESDAY)

    ages = sessions.age(days(SATURDAY, MONDAY, TUESDAY, WEDNESDAY))

    assert [2, 1, 0, 0] == ages.tolist()


def test_sessions_ahead_count_from_the_run_date():
    """Sessions s with run date <= s < day: results expected on the run date are 0 away."""
    sessions = Calendar(days(MONDAY), days(TUESDAY, WEDNESDAY)).as_of(TUESDAY)

    ahead = sessions.ahead(days(MONDAY, TUESDAY, WEDNESDAY, THURSDAY))

    assert [0, 0, 1, 2] == ahead.tolist()


def test_sessions_out_of_order_are_refused():
    """Every search in them would be wrong."""
    with pytest.raises(ValueError, match="traded sessions do not ascend"):
        Calendar(days(TUESDAY, MONDAY), days())
