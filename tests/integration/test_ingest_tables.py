"""Everything but prices: stocks, results, announcements, meetings, bands, sessions."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pytest

from tests.factories.database import NOW, Trade, contents, load_days, load_master, master_file, rows, stock
from upper_circuit.errors import FileRefused
from upper_circuit.market import formats
from upper_circuit.market.calendar import load_calendar
from upper_circuit.market.days import moment_of
from upper_circuit.market.loading import ingest

MON = date(2025, 12, 15)
QUARTER = date(2025, 9, 30)


def moment(day: int, hour: int = 18) -> int:
    """An hour of a day of November 2025 in India."""
    return moment_of(datetime(2025, 11, day, hour))  # noqa: DTZ001


def result(code="500001", *, symbol=None, at=12, basis="standalone", revenue=1e7, eps=2.5):
    """One filing of the quarter."""
    return formats.ResultRow(code, symbol, QUARTER, basis, moment(at), revenue, 1e6, eps)


def results(*filings):
    """A file of results."""
    return formats.ResultsFile("results", "quarterly results", "results.csv", repr(filings), (), filings)


def news(*items, name="news.csv"):
    """A file of announcements from (symbol, day, category, snippet)."""
    symbols, days, categories, snippets = zip(*items, strict=True)
    moments = np.array([moment(day) for day in days])
    fields = {"nse_symbol": symbols, "announced_at": moments, "category": categories, "snippet": snippets}
    return formats.AnnouncementsFile(
        "announcements", "announcements", name, repr(items), (), bse_code=(None,) * len(items), **fields
    )


def test_a_master_list_leaves_alone_what_it_does_not_say(database):
    """BSE's list knows neither NSE's symbols nor market values; loading it must not erase them."""
    ours = stock(nse_symbol="ABB", market_cap_cr=111_082.37, status="ACTIVE")
    ingest(
        database,
        master_file(ours, stock("500002"), columns=("bse_code", "status", "nse_symbol", "market_cap_cr")),
        now=NOW,
    )
    theirs = stock(nse_symbol=None, company_name="ABB India Limited", status="SUSPENDED")

    ingest(database, master_file(theirs, columns=("bse_code", "company_name", "status")), now=NOW)

    found = rows(
        database, "master_stock_list", "bse_code", "company_name", "status", "nse_symbol", "market_cap_cr"
    )
    assert ("500001", "ABB India Limited", "SUSPENDED", "ABB", 111_082.37) == found[0]
    assert ("500002", None, "ACTIVE", "S500002", None) == found[1]


def test_a_master_list_that_knows_bands_starts_them_on_the_day_it_is_loaded(database):
    """No Band is a band of NULL; a stock that the list says nothing of has no row."""
    listed = [stock("500001", no_band=True), stock("500002", band=5.0), stock("500003")]

    ingest(database, master_file(*listed), now=NOW)

    today = date(2026, 1, 2)
    assert [("500001", today, None), ("500002", today, 5.0)] == rows(
        database, "price_bands", "bse_code", "effective_date", "band"
    )


def test_nse_s_list_gives_symbols_by_isin_alone(database):
    """By the whole ISIN or its first nine characters; names are never matched, symbols move with their stock."""
    listed = [
        stock("500001", isin="INE001A01011", nse_symbol="OLD"),
        stock("500002", isin="INE002A01010", nse_symbol=None),
        stock("500003", isin="INE003A01019", nse_symbol="TAKEN"),
    ]
    ingest(database, master_file(*listed), now=NOW)
    on_nse = [
        formats.NseListing("NEW", "Company 500001", "INE001A01011", "EQ", "MAIN", 10.0),
        formats.NseListing("TAKEN", "Company 500003", "INE002A01028", "EQ", "MAIN", 1.0),
        formats.NseListing("ONLY", "Company 500004", "INE999A01019", "SM", "SME", 10.0),
    ]
    file = formats.NseListingsFile("nse_listings", "NSE list", "EQUITY_L.csv", "1", (), "MAIN", tuple(on_nse))

    done = ingest(database, file, now=NOW)

    assert [("500001", "NEW", "MAIN"), ("500002", "TAKEN", "MAIN"), ("500003", None, None)] == rows(
        database, "master_stock_list", "bse_code", "nse_symbol", "board"
    )
    assert ["1 x no stock with this code or symbol (ONLY)"] == [str(one) for one in done.dropped]


def test_every_filing_of_a_quarter_is_kept(database):
    """The first one counts where results are read; the table has them all, and both bases."""
    load_master(database, "500001")

    done = ingest(
        database,
        results(result(at=12), result(at=20, revenue=2e7), result(at=12, basis="consolidated")),
        now=NOW,
    )

    assert 3 == done.rows
    assert [("consolidated", 1e7), ("standalone", 1e7), ("standalone", 2e7)] == rows(
        database, "quarterly_results", "basis", "revenue"
    )


def test_results_join_by_code_then_master_s_symbol_then_symbol_of_prices(database):
    """What joins no stock is left out by name; a figure that is not filed stays missing."""
    ingest(
        database, master_file(stock("500001"), stock("500002", nse_symbol=None, isin="INE002A01010")), now=NOW
    )
    load_days(database, {MON: [Trade(symbol="RENAMED", isin="INE002A01010")]})
    filings = [
        result("500009", revenue=None),
        result(None, symbol="S500001"),
        result(None, symbol="RENAMED"),
        result(None, symbol="NOBODY"),
    ]

    done = ingest(database, results(*filings), now=NOW)

    assert [("500001", 1e7), ("500002", 1e7), ("500009", None)] == rows(
        database, "quarterly_results", "bse_code", "revenue"
    )
    assert [f"1 x no stock with this code or symbol (NOBODY {QUARTER})"] == [str(one) for one in done.dropped]


def test_equal_announcements_of_one_file_are_all_kept_and_those_of_two_files_once(database):
    """Nothing is merged, and files overlap: a week's list holds the day's again."""
    load_master(database, "500001")
    twice = ("S500001", 12, "Updates", "")
    ingest(database, news(twice, twice), now=NOW)

    ingest(database, news(twice, twice, ("S500001", 13, "Bonus", "")), now=NOW)

    assert [("Bonus", 0, 0.5, 1), ("Updates", 0, 0.0, 0), ("Updates", 1, 0.0, 0)] == rows(
        database, "announcement_scores", "category", "copy", "score", "event"
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["text second", "text first"])
def test_a_text_brings_its_score_whenever_it_comes(database, order):
    """The list of the year has no texts, the day's bulletin has; a later list without must not take the score back."""
    load_master(database, "500001")
    files = [
        news(("S500001", 12, "Credit Rating", "")),
        news(("S500001", 12, "Credit Rating", "downgraded to D")),
    ]

    for at in order:
        ingest(database, files[at], now=NOW)

    assert [(-0.7, -1, "downgraded to D")] == rows(
        database, "announcement_scores", "score", "event", "snippet"
    )


def test_only_meetings_for_results_go_on_the_earnings_calendar(database):
    """A meeting to raise funds says nothing about earnings."""
    load_master(database, "500001")
    meetings = tuple(
        formats.MeetingRow(None, "S500001", date(2026, 1, day), "purpose", for_results, moment(12))
        for day, for_results in ((15, True), (20, False))
    )

    done = ingest(
        database, formats.MeetingsFile("meetings", "board meetings", "bm.txt", "1", (), meetings), now=NOW
    )

    assert [("500001", date(2026, 1, 15), moment(12))] == rows(
        database, "earnings_calendar", "bse_code", "meeting_date", "published_at"
    )
    assert ["1 x meeting for something else than results (S500001 2026-01-20)"] == [
        str(one) for one in done.dropped
    ]


def test_bands_need_the_day_from_which_they_hold(database):
    """NSE's list has none in it; a band from an unknown day is none."""
    load_master(database, "500001")
    bands = (formats.BandRow("S500001", "EQ", None, None),)
    undated = formats.BandsFile("bands", "NSE price bands", "sec_list.csv", "1", (), None, bands)
    dated = formats.BandsFile("bands", "NSE price bands", "sec_list.csv", "1", (), MON, bands)

    with pytest.raises(FileRefused, match="does not say from which day"):
        ingest(database, undated, now=NOW)
    ingest(database, dated, now=NOW)

    assert [("500001", MON, None, None)] == rows(database, "price_bands")


def test_the_user_s_sessions_override_the_published_ones(database):
    """A Sunday session announced late, a holiday that no library knows."""
    load_master(database, "500001")
    load_days(database, {MON: [Trade()]})
    sunday, holiday = date(2026, 2, 1), date(2026, 1, 15)
    sessions = (formats.SessionRow(holiday, False), formats.SessionRow(sunday, True))

    ingest(
        database, formats.SessionsFile("sessions", "trading sessions", "mine.csv", "1", (), sessions), now=NOW
    )

    calendar = load_calendar(database)
    assert calendar.is_session(sunday)
    assert not calendar.is_session(holiday)


def test_a_session_that_is_missing_is_none_once_the_user_says_that_the_exchange_was_closed(database):
    """A day of mourning, declared the evening before: no library knows it, and no file will ever come."""
    load_master(database, "500001")
    tuesday, wednesday = date(2025, 12, 16), date(2025, 12, 17)
    load_days(database, {MON: [Trade()], wednesday: [Trade(close=101.0)]})
    missed = load_calendar(database).session_before(wednesday)

    closed = (formats.SessionRow(tuesday, False),)
    ingest(
        database, formats.SessionsFile("sessions", "trading sessions", "mine.csv", "1", (), closed), now=NOW
    )

    calendar = load_calendar(database)
    assert tuesday == missed
    assert MON == calendar.session_before(wednesday)
    assert not calendar.is_session(tuesday)


def test_figures_in_another_unit_are_named_by_the_file_that_shows_them(database):
    """The first filing has nothing beside it; the quarter after it is right, so the first one is in lakhs."""
    load_master(database, "500001")
    first = replace(result(revenue=1e12), quarter_end=date(2025, 6, 30))

    alone = ingest(database, results(first), now=NOW)
    together = ingest(database, results(result()), now=NOW)
    later = ingest(database, results(replace(result(), quarter_end=date(2025, 3, 31))), now=NOW)

    assert [(), ("500001 2025 Q2 revenue",), ()] == [done.suspicious for done in (alone, together, later)]
    assert (1e12,) in rows(database, "quarterly_results", "revenue")


def test_a_file_of_which_nothing_joins_is_refused(database):
    """Loaded as if it were fine, it would be missed only when its features are."""
    before = contents(database)

    with pytest.raises(
        FileRefused, match=r"nothing to load: 1 x no stock with this code or symbol \(S500001 2025-09-30\)"
    ):
        ingest(database, results(result(None, symbol="S500001")), now=NOW)

    assert before == contents(database)


def test_a_list_of_hitters_is_refused(database):
    """It checks the circuit rule and feeds nothing."""
    hitters = formats.HittersFile("hitters", "NSE price band hitters", "bh.csv", "1", (), None, ())

    with pytest.raises(FileRefused, match="good for checks"):
        ingest(database, hitters, now=NOW)


def test_every_change_raises_the_data_version(database):
    """Readers that keep the market in memory look at nothing else."""
    load_master(database, "500001")
    load_days(database, {MON: [Trade()]})

    ingest(database, results(result()), now=NOW + 5)

    assert [(1, 3, NOW + 5)] == rows(database, "data_version")
