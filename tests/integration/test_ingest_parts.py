"""A part of a day: cut off at the end of a line a file looks whole, and must not take a whole day's place."""

from __future__ import annotations

from datetime import date

import pytest

from tests.factories.database import NOW, Trade, contents, day_file, load_master
from upper_circuit.errors import FileRefused
from upper_circuit.market.loading import ingest

MON, TUE = date(2025, 12, 15), date(2025, 12, 16)


def market_day(day, count, *, moved=0.0, name="prices.csv"):
    """A day of that many stocks, unlike the days that moved otherwise."""
    trades = [Trade(f"{500_001 + at}", close=100.0 + at + moved) for at in range(count)]
    return day_file(day, *trades, name=name)


@pytest.fixture
def sixty(database):
    """A database with a Monday of sixty stocks."""
    load_master(database, *(f"{500_001 + at}" for at in range(60)))
    ingest(database, market_day(MON, 60), now=NOW)
    return database


@pytest.mark.parametrize("day", [MON, TUE], ids=["in place of a whole day", "after a whole day"])
def test_a_file_cut_off_at_a_line_s_end_is_refused(sixty, day):
    """It looks whole, and it would erase a complete day, or leave the next one with stocks that did not trade."""
    before = contents(sixty)

    with pytest.raises(
        FileRefused,
        match=f"cut.csv: has 47 stocks where {MON} has 60, less than 80%: it looks cut off; .* say so",
    ):
        ingest(sixty, market_day(day, 47, moved=1.0, name="cut.csv"), now=NOW)

    assert before == contents(sixty)


def test_a_part_of_a_day_is_loaded_when_somebody_says_that_it_is_whole(sixty):
    """An exchange that opened for some stocks only; the doubt is told all the same."""
    done = ingest(sixty, market_day(TUE, 47, moved=1.0), now=NOW, allow_partial=True)

    assert (47, f"only 47 stocks where {MON} has 60: is the file whole?") == (done.rows, done.doubt)


@pytest.mark.parametrize(("count", "doubts"), [(48, True), (56, True), (57, False), (60, False)])
def test_a_file_that_lacks_some_stocks_is_loaded_with_a_word(sixty, count, doubts):
    """Files of series EQ alone have four fifths of a day; below 95 % somebody should look."""
    done = ingest(sixty, market_day(TUE, count, moved=1.0), now=NOW)

    assert (count, doubts) == (done.rows, done.doubt is not None)


def test_a_few_stocks_may_all_but_one_be_silent(database):
    """Five thin stocks are no market: that one of them traded says nothing about the file."""
    load_master(database, *(f"{500_001 + at}" for at in range(5)))
    ingest(database, market_day(MON, 5), now=NOW)

    done = ingest(database, market_day(TUE, 1, moved=1.0), now=NOW)

    assert f"only 1 stocks where {MON} has 5: is the file whole?" == done.doubt
