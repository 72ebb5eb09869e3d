"""Days of prices, one file after the other: what is loaded, for whom, in place of what."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.factories.database import (
    NOW,
    Trade,
    contents,
    day_file,
    derived,
    load_days,
    load_master,
    master_file,
    rows,
    stock,
)
from upper_circuit.errors import FileRefused
from upper_circuit.market.days import day_of
from upper_circuit.market.loading import ingest, repack
from upper_circuit.market.packed import FIRST, LOCKED, from_bytes

MON, TUE, WED, THU = (date(2025, 12, day) for day in (15, 16, 17, 18))


def bars(database, code="500001"):
    """The packed bars of a stock."""
    packed = [row for row in rows(database, "packed_prices", "bse_code", "year", "payload") if row[0] == code]
    return from_bytes(payload for _, _, payload in packed)


def test_a_day_becomes_rows_and_packed_rows(database):
    """Rows hold rupees as published, packed rows whole paise, the calendar a session."""
    load_master(database, "500001")

    done = ingest(database, day_file(MON, Trade(close=195.92, prev_close=191.21, volume=43_806)), now=NOW)

    assert 1 == done.rows
    assert [("500001", MON, "NSE", "S500001", "EQ", 195.92, 191.21, 43_806)] == rows(
        database,
        "daily_prices",
        "bse_code",
        "trade_date",
        "exchange",
        "symbol",
        "series",
        "close",
        "prev_close",
        "volume",
    )
    assert [(day_of(MON), 19_592, 19_121, FIRST)] == bars(database)[
        ["date", "close", "prev_close", "flags"]
    ].tolist()
    assert (MON, "data", 1) in rows(database, "trading_calendar")


def test_published_sessions_begin_with_the_first_day_of_data(database):
    """Without the calendar ahead nobody could say which session is next."""
    load_master(database, "500001")

    ingest(database, day_file(MON, Trade()), now=NOW)

    published = [day for day, source, _ in rows(database, "trading_calendar") if source == "calendar"]
    assert MON == published[0]
    assert date(2025, 12, 25) not in published


def test_a_lock_is_found_from_the_day_s_own_prices(database):
    """145.16 + 20 % floored to the paisa is 174.19 (AGRITECH, from the exchange's list of hitters)."""
    load_master(database, "500001")
    load_days(database, {MON: [Trade(close=145.16)], TUE: [Trade(close=174.19, prev_close=145.16)]})

    flags = bars(database)["flags"].tolist()

    assert [FIRST, LOCKED] == flags
    assert [("500001", MON, 2025 * 4 + 3, 1, 2)] == rows(database, "circuit_quarters")


def test_the_same_file_again_changes_nothing_and_says_so(database):
    """A job that runs twice must not count twice, nor wake every reader."""
    load_master(database, "500001")
    ingest(database, day_file(MON, Trade()), now=NOW)
    before = contents(database)

    again = ingest(database, day_file(MON, Trade()), now=NOW + 1)

    assert "the same content is loaded as prices.csv" == again.unchanged
    assert before == contents(database)


def test_the_same_prices_under_another_content_change_nothing(database):
    """One blank more does not make another day."""
    load_master(database, "500001")
    ingest(database, day_file(MON, Trade()), now=NOW)
    before = contents(database)

    again = ingest(database, day_file(MON, Trade(), text="a blank more"), now=NOW + 1)

    assert f"the same prices are loaded for {MON}" == again.unchanged
    assert before == contents(database)


def test_a_corrected_file_replaces_its_day_and_records_it(database):
    """Rows of the day go, those of the correction come, the registry knows which file took whose place."""
    load_master(database, "500001", "500002", "500003")
    load_days(database, {MON: [Trade(), Trade("500002"), Trade("500003")]})

    done = ingest(
        database,
        day_file(MON, Trade(close=101.0), Trade("500002", close=102.0), name="corrected.csv"),
        now=NOW,
    )

    assert ("prices.csv",) == done.replaces
    assert [("500001", 101.0), ("500002", 102.0)] == rows(database, "daily_prices", "bse_code", "close")
    files = rows(database, "ingested_files", "file_id", "name", "replaces")
    assert [(3, "corrected.csv", 2)] == [file for file in files if file[1] == "corrected.csv"]
    assert 0 == len(bars(database, "500003"))


def test_a_file_that_was_corrected_does_not_come_back(database):
    """Loading a whole folder again must end where it ended the first time."""
    load_master(database, "500001")
    first, second = day_file(MON, Trade(close=100.0)), day_file(MON, Trade(close=101.0))
    ingest(database, first, now=NOW)
    ingest(database, second, now=NOW)

    again = ingest(database, first, now=NOW)

    assert again.unchanged
    assert [(101.0,)] == rows(database, "daily_prices", "close")


def test_a_holiday_s_copy_of_the_day_before_is_refused(database):
    """The exchange serves yesterday's rows under today's date: loaded, every stock would have stood still."""
    load_master(database, "500001", "500002")
    load_days(database, {MON: [Trade(close=101.0), Trade("500002", close=99.0)]})
    before = contents(database)

    with pytest.raises(
        FileRefused, match=f"copy of another day: 100% of its rows for {TUE} are those loaded for {MON}"
    ):
        ingest(database, day_file(TUE, Trade(close=101.0), Trade("500002", close=99.0)), now=NOW)

    assert before == contents(database)


def test_a_copy_is_refused_also_when_it_comes_before_its_original(database):
    """Files need not come in order."""
    load_master(database, "500001")
    load_days(database, {TUE: [Trade(close=101.0)]})

    with pytest.raises(FileRefused, match=f"for {MON} are those loaded for {TUE}"):
        ingest(database, day_file(MON, Trade(close=101.0)), now=NOW)


def test_a_loaded_day_under_a_holiday_s_name_is_refused(database):
    """The rows say Thursday the 14th, the name says Friday the 15th: nobody may believe the 15th is loaded."""
    load_master(database, "500001")
    load_days(database, {date(2025, 8, 14): [Trade(close=101.0)]})

    with pytest.raises(FileRefused, match="2025-08-15 was a holiday"):
        ingest(
            database,
            day_file(date(2025, 8, 14), Trade(close=101.0), name="bhav_15082025.csv", text="x"),
            now=NOW,
        )


def test_the_same_file_for_another_day_is_refused(database):
    """BSE's old files have no day in them: one given for two days is wrong for one of them."""
    load_master(database, "500001")
    file = day_file(MON, Trade(series="B"), exchange="BSE")
    ingest(database, master_file(stock(nse_symbol=None)), now=NOW)
    ingest(database, file, now=NOW)

    with pytest.raises(FileRefused, match=f"given for {TUE}, but the same file is loaded for {MON}"):
        ingest(database, replace(file, trade_date=TUE), now=NOW)


def test_stocks_are_found_by_isin_then_issuer_then_symbol(database):
    """A split changes the ISIN but not its first nine characters; a symbol may be renamed."""
    listed = [
        stock("500001", isin="INE001A01011", nse_symbol=None),
        stock("500002", isin="INE002A01010", nse_symbol=None),
        stock("500003", isin="INE003A01019", nse_symbol="KNOWN"),
    ]
    ingest(database, master_file(*listed), now=NOW)
    trades = [
        Trade(symbol="RENAMED", isin="INE001A01011"),
        Trade(symbol="SPLIT", isin="INE002A01028", close=101.0),
        Trade(symbol="KNOWN", close=102.0),
        Trade(symbol="NSEONLY", isin="INE999A01019", close=103.0),
    ]

    done = ingest(database, day_file(MON, *trades), now=NOW)

    assert [("500001", 100.0), ("500002", 101.0), ("500003", 102.0)] == rows(
        database, "daily_prices", "bse_code", "close"
    )
    assert ["1 x no BSE code (listed on NSE only) (NSEONLY)"] == [str(one) for one in done.dropped]


def test_a_symbol_that_the_master_list_lacks_is_known_from_recent_prices(database):
    """A full bhavcopy has no ISIN; the UDiFF file of the day before told who the symbol is."""
    ingest(database, master_file(stock(isin="INE001A01011", nse_symbol=None)), now=NOW)
    ingest(database, day_file(MON, Trade(symbol="NEW", isin="INE001A01011")), now=NOW)

    done = ingest(database, day_file(TUE, Trade(symbol="NEW", close=105.0)), now=NOW)

    assert 1 == done.rows


def test_a_stock_on_nse_is_never_loaded_from_bse(database):
    """One exchange a stock, used consistently: closes, highs and bands differ between the two."""
    ingest(database, master_file(stock("500001"), stock("500002", nse_symbol=None)), now=NOW)

    done = ingest(
        database, day_file(MON, Trade(series="A"), Trade("500002", series="XT"), exchange="BSE"), now=NOW
    )

    assert [("500002", "BSE", "BE")] == rows(database, "daily_prices", "bse_code", "exchange", "series")
    assert ["1 x listed on NSE, whose prices are used (S500001)"] == [str(one) for one in done.dropped]


def test_nse_s_row_takes_the_place_of_bse_s(database):
    """BSE's file came first, before anybody knew that the stock is on NSE."""
    ingest(database, master_file(stock(isin="INE001A01011", nse_symbol=None)), now=NOW)
    ingest(database, day_file(MON, Trade(series="B", close=99.0), exchange="BSE"), now=NOW)

    ingest(database, day_file(MON, Trade(isin="INE001A01011", close=98.0)), now=NOW)

    assert [("NSE", 98.0)] == rows(database, "daily_prices", "exchange", "close")
    assert [9_800] == bars(database)["close"].tolist()


def test_prices_of_unknown_stocks_only_are_refused_with_the_way_out(database):
    """The first thing a newcomer does is to load prices before any master list."""
    with pytest.raises(FileRefused, match="is a master list loaded"):
        ingest(database, day_file(MON, Trade()), now=NOW)


def test_a_split_is_inferred_and_its_day_is_no_lock(database):
    """2:1: the open halves, the close stands at a 20 % limit of a previous close that is not its base."""
    load_master(database, "500001")
    split = Trade(open=50.0, close=120.0, prev_close=100.0)

    load_days(database, {MON: [Trade()], TUE: [split]})

    assert [("500001", TUE, "inferred", 0.5, "opened at 50.00 after 100.00")] == rows(
        database, "corporate_actions"
    )
    assert [FIRST, 0] == bars(database)["flags"].tolist()


def test_a_correction_takes_an_inferred_split_back(database):
    """The wrong open came from the first file; what was inferred from it goes with it."""
    load_master(database, "500001")
    load_days(database, {MON: [Trade()], TUE: [Trade(open=50.0, close=120.0)]})

    ingest(database, day_file(TUE, Trade(open=100.0, close=120.0)), now=NOW)

    assert [] == rows(database, "corporate_actions")
    assert [FIRST, LOCKED] == bars(database)["flags"].tolist()


def test_a_day_that_comes_late_ends_a_silence(database):
    """12 days after its last bar a gap is no split; with the day between loaded, it is one."""
    load_master(database, "500001")
    load_days(database, {MON: [Trade()], date(2025, 12, 29): [Trade(open=50.0, close=51.0)]})
    silent = rows(database, "corporate_actions", "ex_date")

    load_days(database, {date(2025, 12, 22): [Trade(close=101.0)]})

    assert [] == silent
    assert [(date(2025, 12, 29),)] == rows(database, "corporate_actions", "ex_date")


def test_days_in_any_order_give_the_same_bytes(database):
    """An archive of single files is loaded as the shell lists them."""
    load_master(database, "500001", "500002")
    days = {
        WED: [Trade(close=110.0, prev_close=105.0), Trade("500002", close=52.5, prev_close=50.0)],
        MON: [Trade(close=100.0), Trade("500002", close=50.0, prev_close=50.0)],
        THU: [Trade(close=115.5, prev_close=110.0)],
        TUE: [Trade(close=105.0, prev_close=100.0)],
    }

    load_days(database, days)

    before = derived(database)
    repack(database, now=NOW)
    assert before == derived(database)
    assert [FIRST, LOCKED, 0, LOCKED] == bars(database)["flags"].tolist()


def test_a_year_s_first_bar_knows_the_year_before(database):
    """The packed row of the new year begins empty; the history does not."""
    load_master(database, "500001")

    load_days(database, {date(2025, 12, 31): [Trade()], date(2026, 1, 1): [Trade(close=105.0)]})

    assert [FIRST, LOCKED] == bars(database)["flags"].tolist()
    assert [(2025, 1), (2026, 1)] == rows(database, "packed_prices", "year", "bars")


def test_the_last_month_s_close_sets_the_tick_across_the_turn_of_the_year(database):
    """302.35 + 5 % is 317.4675: 317.46 by the tick of December's close of 80, 317.45 by that of the price itself."""
    load_master(database, "500001")
    days = {
        date(2025, 12, 31): [Trade(close=80.0, prev_close=80.0)],
        date(2026, 1, 1): [Trade(close=302.35, prev_close=80.0)],
        date(2026, 1, 2): [Trade(close=317.46, prev_close=302.35)],
    }

    load_days(database, days)

    assert LOCKED == bars(database)["flags"][-1]
