"""Periods by time, with a gap: rules of the split and the sentences of its refusals."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from tests.factories.market import weekdays
from upper_circuit.errors import BadInput, DataUnavailable
from upper_circuit.market.days import date_of, day_of
from upper_circuit.training.split import Split

SESSIONS = np.array([day_of(day) for day in weekdays(600)], dtype=np.int32)


def session(at: int) -> date:
    """The date of a session by its position."""
    return date_of(int(SESSIONS[at]))


def test_the_last_n_sessions_of_a_period_are_no_run_dates():
    """An embargo as long as the label's look-ahead stands between the periods."""
    split = Split.of(
        SESSIONS, 5, fit_until=session(399), calibrate_until=session(499), test_until=session(599)
    )

    assert (session(252), session(394)) == (split.fit.first, split.fit.last)
    assert (session(400), session(494)) == (split.calibrate.first, split.calibrate.last)
    assert (session(500), session(594)) == (split.test.first, split.test.last)


def test_fitting_takes_every_second_session_and_the_others_take_all():
    """Windows of neighbours overlap; metrics are of every morning."""
    split = Split.of(SESSIONS, 5, fit_until=session(399), calibrate_until=session(499))

    assert SESSIONS[252:395:2].tolist() == split.fit.days.tolist()
    assert SESSIONS[400:495].tolist() == split.calibrate.days.tolist()


def test_an_end_need_not_be_a_session():
    """The end of a year is a holiday as often as not."""
    sunday = date(2024, 7, 21)  # 405 sessions lie before it

    split = Split.of(SESSIONS, 5, fit_until=sunday, calibrate_until=session(499))

    assert (session(398), session(405)) == (split.fit.last, split.calibrate.first)


def test_without_an_end_there_is_no_test():
    """Then every later session stays unseen, and F1 is n/a."""
    split = Split.of(SESSIONS, 5, fit_until=session(399), calibrate_until=session(499))

    assert split.test is None
    assert ["fit", "calibrate"] == list(split.periods)


def test_by_default_the_newest_15_percent_test_and_those_before_calibrate():
    """348 mornings have 252 sessions before them: 52 of them, and 52 again."""
    split = Split.by_default(SESSIONS, 5)

    assert (session(252), session(495)) == (split.fit.first, date_of(split.fit.until))
    assert (session(496), session(547)) == (split.calibrate.first, date_of(split.calibrate.until))
    assert (session(548), session(599)) == (split.test.first, date_of(split.test.until))


def test_a_first_run_date_can_be_named():
    """Who has little history may fit on mornings with less of it behind them."""
    split = Split.of(SESSIONS, 5, fit_from=session(130), fit_until=session(399), calibrate_until=session(499))

    assert session(130) == split.fit.first


@pytest.mark.parametrize(
    ("ends", "error", "sentence"),
    [
        pytest.param((450, 400, 599), BadInput, "calibrate-until is 2024-07-15: it must come after fit-until, 2024-09-23", id="order"),
        pytest.param((200, 400, 599), BadInput, "fit-until is 2023-10-09: it must come after fit-from, 2023-12-20", id="before fit-from"),
        pytest.param((400, 420, 599), DataUnavailable, "the calibrate period from 2024-07-16 to 2024-08-12 has 20 sessions, 25 are needed", id="short"),
        pytest.param((400, 499, None), DataUnavailable, "test-until is 2030-01-01, but the newest session on file is 2025-04-18", id="beyond the data"),
    ],
)  # fmt: skip
def test_dates_that_make_no_periods_are_refused(ends, error, sentence):
    """The sentence names the option, the value and what is allowed."""
    fit_until, calibrate_until = session(ends[0]), session(ends[1])
    test_until = date(2030, 1, 1) if ends[2] is None else session(ends[2])

    with pytest.raises(error) as refusal:
        Split.of(SESSIONS, 5, fit_until=fit_until, calibrate_until=calibrate_until, test_until=test_until)

    assert sentence == str(refusal.value)


def test_a_history_of_a_year_is_too_short():
    """Features look back 252 sessions: with no more than these there is no first morning."""
    with pytest.raises(DataUnavailable) as refusal:
        Split.by_default(SESSIONS[:252], 5)

    assert (
        "252 sessions are on file, 252 are needed before the first morning; load a longer history or give --fit-from"
        == str(refusal.value)
    )


def test_too_few_mornings_to_split_are_refused():
    """Fifteen percent of nothing is nothing."""
    with pytest.raises(DataUnavailable, match=r"3 sessions from .* are too few to split"):
        Split.by_default(SESSIONS[:255], 5)


def test_no_prices_are_refused_in_a_sentence():
    """A newcomer trains before loading anything."""
    with pytest.raises(DataUnavailable, match="0 sessions are on file"):
        Split.by_default(SESSIONS[:0], 5)
