"""A file that comes again: what is in force decides, not what was loaded once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from tests.factories.database import NOW, Trade, contents, day_file, load_master, master_file, rows, stock
from upper_circuit.market import formats
from upper_circuit.market.days import moment_of
from upper_circuit.market.loading import ingest

MON, TUE = date(2025, 12, 15), date(2025, 12, 16)


def results(eps: float, day: int = 12) -> formats.ResultsFile:
    """One filing of a day of November."""
    moment = moment_of(datetime(2025, 11, day))  # noqa: DTZ001
    row = formats.ResultRow("500001", None, date(2025, 9, 30), "standalone", moment, 1e7, 1e6, eps)
    return formats.ResultsFile("results", "quarterly results", "results.csv", repr(row), (), (row,))


def factors(factor: float) -> formats.FactorsFile:
    """The user's list of one action."""
    rows = (formats.FactorRow("500001", None, MON, factor, None),)
    return formats.FactorsFile("factors", "corporate action factors", f"{factor}.csv", repr(rows), (), rows)


def sessions(is_open: bool) -> formats.SessionsFile:
    """The user's list of one day."""
    rows = (formats.SessionRow(date(2026, 2, 1), is_open),)
    return formats.SessionsFile("sessions", "trading sessions", "mine.csv", repr(rows), (), rows)


def bands(since: date, band: float) -> formats.BandsFile:
    """NSE's list of one stock; its content does not say the day."""
    rows = (formats.BandRow("S500001", "EQ", band, None),)
    return formats.BandsFile("bands", "NSE price bands", "sec_list.csv", repr(rows), (), since, rows)


def test_a_file_that_was_corrected_does_not_come_back_out_of_a_folder(database):
    """It lies there every morning; looking through the folder again must end where it ended the first time."""
    load_master(database, "500001")
    first, second = day_file(MON, Trade(close=100.0)), day_file(MON, Trade(close=101.0))
    ingest(database, first, now=NOW, once=True)
    ingest(database, second, now=NOW, once=True)
    before = contents(database)

    again = [ingest(database, file, now=NOW + 1, once=True).unchanged for file in (first, second)]

    assert [
        "the same content was loaded as prices.csv, and others replaced it; given alone, it is loaded again",
        "the same content is loaded as prices.csv",
    ] == again
    assert before == contents(database)


def test_a_file_that_was_corrected_comes_back_when_somebody_gives_it(database):
    """The correction was the wrong one: nothing but the original repairs the day."""
    load_master(database, "500001", "500002")
    whole = day_file(MON, Trade(), Trade("500002", close=99.0), name="whole.csv")
    ingest(database, whole, now=NOW)
    ingest(database, day_file(MON, Trade(close=1.0), name="half.csv"), now=NOW)

    done = ingest(database, whole, now=NOW)

    assert (None, 2, ("half.csv",)) == (done.unchanged, done.rows, done.replaces)
    assert [("500001", 100.0), ("500002", 99.0)] == rows(database, "daily_prices", "bse_code", "close")


def test_the_same_file_under_a_fuller_master_list_brings_the_stocks_it_left_out(database):
    """A newcomer's first list is short; the day's file is the same, what it is to us is not."""
    file = day_file(MON, Trade(), Trade("500002", close=99.0))
    load_master(database, "500001")
    ingest(database, file, now=NOW)
    load_master(database, "500001", "500002")

    done = ingest(database, file, now=NOW)
    again = ingest(database, file, now=NOW)

    assert (2, ()) == (done.rows, done.dropped)
    assert "the same content is loaded as prices.csv" == again.unchanged
    assert ["500001", "500002"] == [code for (code,) in rows(database, "daily_prices", "bse_code")]


def test_a_file_given_for_the_wrong_day_is_loaded_for_the_right_one_after_that_day_s_own(database):
    """Monday's own file took the place of Tuesday's, which somebody had given for Monday."""
    ingest(database, master_file(stock(nse_symbol=None)), now=NOW)
    tuesday = day_file(MON, Trade(series="B", close=103.0), exchange="BSE", name="tue.csv")
    ingest(database, tuesday, now=NOW)
    ingest(database, day_file(MON, Trade(series="B"), exchange="BSE", name="mon.csv"), now=NOW)

    ingest(database, replace(tuesday, trade_date=TUE), now=NOW)

    assert [(MON, 100.0), (TUE, 103.0)] == rows(database, "daily_prices", "trade_date", "close")


@pytest.mark.parametrize(
    ("first", "second", "table"),
    [
        (factors(1.0), factors(0.5), "corporate_actions"),
        (sessions(is_open=True), sessions(is_open=False), "trading_calendar"),
        (bands(MON, 5.0), bands(MON, 10.0), "price_bands"),
        (master_file(stock(sector="A")), master_file(stock(sector="B")), "master_stock_list"),
        (results(eps=1.0), results(eps=2.0), "quarterly_results"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_list_that_another_one_replaced_is_loaded_again_and_then_changes_nothing(
    database, first, second, table
):
    """Whoever takes a change back gives the first list again; what it says is in force then, and known to be."""
    load_master(database, "500001")
    ingest(database, first, now=NOW)
    wanted = rows(database, table)
    ingest(database, second, now=NOW)
    between = rows(database, table)

    back = ingest(database, first, now=NOW)
    before = contents(database)
    again = ingest(database, first, now=NOW + 1)

    assert wanted != between
    assert back.unchanged is None
    assert wanted == rows(database, table)
    assert f"the same content is loaded as {first.name}" == again.unchanged
    assert before == contents(database)


def test_the_same_bands_hold_from_another_day_too(database):
    """NSE's list has no day in it: on most days it is the list of the day before."""
    load_master(database, "500001")
    tuesday = date(2025, 12, 16)

    for since in (MON, tuesday):
        ingest(database, bands(since, 5.0), now=NOW, once=True)

    assert [MON, tuesday] == [day for (day,) in rows(database, "price_bands", "effective_date")]


def test_a_master_list_of_the_day_before_changes_nothing(database):
    """Its bands hold from the day it was loaded, not from every day on which it is loaded again."""
    listed = master_file(stock("500001", no_band=True), stock("500002", band=5.0))
    ingest(database, listed, now=NOW)
    before = contents(database)

    again = ingest(database, listed, now=NOW + 86_400)

    assert "the same content is loaded as master.csv" == again.unchanged
    assert before == contents(database)


def test_rows_that_are_on_file_already_change_nothing_whatever_file_brings_them(database):
    """The year's list holds the quarter's again."""
    load_master(database, "500001")
    whole, last = (results(2.5, day) for day in (12, 20))
    year = replace(whole, sha256="year", rows=(*whole.rows, *last.rows))
    ingest(database, year, now=NOW)
    before = contents(database)

    again = ingest(database, last, now=NOW)

    assert "all that it says is loaded" == again.unchanged
    assert before == contents(database)


def test_a_list_of_nse_that_says_nothing_new_changes_nothing(database):
    """It comes every week."""
    ingest(database, master_file(stock(isin="INE001A01011", nse_symbol=None)), now=NOW)
    listed = (formats.NseListing("NEW", "Company 500001", "INE001A01011", "EQ", "MAIN", 10.0),)
    weekly = formats.NseListingsFile("nse_listings", "NSE list", "EQUITY_L.csv", "1", (), "MAIN", listed)
    ingest(database, weekly, now=NOW)
    before = contents(database)

    again = ingest(database, weekly, now=NOW)

    assert "the same content is loaded as EQUITY_L.csv" == again.unchanged
    assert before == contents(database)
