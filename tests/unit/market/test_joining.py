"""Marks by which a row finds its stock, and those that tell nobody."""

from __future__ import annotations

from datetime import date

from tests.factories.database import NOW, Trade, day_file, load_days, master_file, stock
from upper_circuit.market.loading import ingest
from upper_circuit.market.loading.joining import read_joins

DAY = date(2025, 12, 15)


def joins(database, *listed, before=None):
    """The marks of stocks on the master list."""
    if listed:
        ingest(database, master_file(*listed), now=NOW)
    with database.reading("market") as connection:
        return read_joins(connection, before)


def test_a_mark_of_two_stocks_is_the_active_one_s(database):
    """An old code of the same issuer is delisted; the new one trades."""
    found = joins(
        database,
        stock("500001", isin="INE001A01011", status="DELISTED", nse_symbol="SAME"),
        stock("500002", isin="INE001A01029", nse_symbol="SAME"),
    )

    assert "500002" == found.of_symbol("SAME")
    assert "500002" == found.of_listing("INE001A01037", "ANY")
    assert "500001" == found.of_listing("INE001A01011", "ANY")


def test_a_mark_of_two_active_stocks_tells_nobody(database):
    """Better no stock than the wrong one."""
    found = joins(
        database,
        stock("500001", isin="INE001A01011", nse_symbol=None),
        stock("500002", isin="INE001A01029", nse_symbol=None),
    )

    assert found.of_listing("INE001A01037", "ANY") is None


def test_missing_marks_join_nothing(database):
    """An empty ISIN is not the same empty ISIN."""
    found = joins(database, stock("500001", isin=None, nse_symbol=None))

    assert (None, None, None) == (
        found.of_listing(None, ""),
        found.of_symbol(None),
        found.of_event(None, None),
    )


def test_a_row_s_own_code_goes_before_its_symbol(database):
    """A result names both; the code is the key."""
    found = joins(database, stock("500001"))

    assert "500009" == found.of_event("500009", "S500001")


def test_a_traded_symbol_is_the_stock_s_that_had_it_last(database):
    """NSE gave OLD to another company years later."""
    listed = [stock(code, isin=f"INE00{code[-1]}A01011", nse_symbol=None) for code in ("500001", "500002")]
    ingest(database, master_file(*listed), now=NOW)
    load_days(
        database,
        {
            date(2021, 1, 4): [Trade(symbol="OLD", isin="INE001A01011")],
            DAY: [Trade(symbol="OLD", isin="INE002A01011")],
        },
    )

    assert "500002" == joins(database).of_symbol("OLD")


def test_only_recent_prices_tell_who_has_a_symbol_on_a_day(database):
    """A symbol may be given anew; after 40 days nobody can say."""
    ingest(database, master_file(stock(isin="INE001A01011", nse_symbol=None)), now=NOW)
    load_days(database, {DAY: [Trade(symbol="NEW", isin="INE001A01011")]})

    soon, late = (joins(database, before=day) for day in (date(2026, 1, 24), date(2026, 1, 25)))

    assert ("500001", None) == (soon.of_symbol("NEW"), late.of_symbol("NEW"))
    assert ({"500001"}, set()) == (soon.on_nse, late.on_nse)


def test_prices_of_bse_tell_no_nse_symbol(database):
    """BSE's ticker may be another company's symbol on NSE."""
    ingest(database, master_file(stock(nse_symbol=None)), now=NOW)
    ingest(database, day_file(DAY, Trade(symbol="TICKER", series="B"), exchange="BSE"), now=NOW)

    assert joins(database).of_symbol("TICKER") is None
