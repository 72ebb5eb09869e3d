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
    load_days,
    load_master,
    master_file,
    rows,
    stock,
)
from upper_circuit.errors import FileRefused
from upper_circuit.market.days import day_of
from upper_circuit.market.loading import ingest
from upper_circuit.market.packed import FIRST, LOCKED, from_bytes

MON, TUE = date(2025, 12, 15), date(2025, 12, 16)


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


def test_a_later_file_adds_what_the_first_did_not_say(database):
    """Delivery comes hours after the prices; prices that come again without it take nothing away."""
    load_master(database, "500001")
    ingest(database, day_file(MON, Trade()), now=NOW)

    ingest(database, day_file(MON, Trade(deliv_qty=640), name="full.csv"), now=NOW)
    again = ingest(database, day_file(MON, Trade(), text="udiff"), now=NOW)

    assert again.unchanged
    assert [(640,)] == rows(database, "daily_prices", "deliv_qty")


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
