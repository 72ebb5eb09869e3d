"""A folder of history: what is read, and what the database makes of it."""

from __future__ import annotations

import gzip
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest

from tests.factories.database import (
    NOW,
    Trade,
    change_column,
    contents,
    day_file,
    derived,
    load_days,
    load_master,
    rows,
    write_archive,
)
from upper_circuit.market.calendar import load_calendar
from upper_circuit.market.days import moment_of
from upper_circuit.market.loading import import_history, ingest, repack

CODES = ("500001", "500002")
MON, TUE, WED = (date(2025, 12, day) for day in (15, 16, 17))
DAYS = {
    MON: [Trade(close=100.0), Trade("500002", close=50.0, prev_close=50.0)],
    TUE: [Trade(close=105.0), Trade("500002", open=25.0, close=25.5, prev_close=50.0)],
}


def archive(folder: Path, days=DAYS, **tables: pd.DataFrame) -> Path:
    """A flat archive of the two stocks."""
    return write_archive(folder / "archive", days, CODES, **tables)


def left_out(done) -> list[str]:
    """What an import left out, without names."""
    return [f"{one.rows} {one.table}: {one.reason}" for one in done.left_out]


def test_an_import_is_the_days_one_by_one(database, tmp_path):
    """Rows, packed rows, counts, actions and sessions."""
    done = import_history(database, archive(tmp_path), now=NOW)

    by_import = derived(database)
    repack(database, now=NOW)
    assert by_import == derived(database)
    assert (4, 2, 2) == (done.rows["daily_prices"], done.stocks, done.sessions)
    assert [("500002", TUE, "inferred", 0.5)] == rows(
        database, "corporate_actions", "bse_code", "ex_date", "source", "factor"
    )


def test_the_same_folder_again_changes_nothing_and_says_so(database, tmp_path):
    """By content, wherever it lies."""
    folder = archive(tmp_path)
    import_history(database, folder, now=NOW)
    before = contents(database)
    moved = folder.rename(tmp_path / "elsewhere")

    again = import_history(database, moved, now=NOW + 1)

    assert () == again.files
    assert before == contents(database)


def test_a_year_more_is_added_to_what_is_there(database, tmp_path):
    """Only the new file is read; the packed rows of both years are one history."""
    folder = archive(tmp_path)
    (folder / "nse-eod").mkdir()
    (folder / "daily_prices.parquet").rename(folder / "nse-eod/nse_eod_2025.parquet")
    import_history(database, folder, now=NOW)
    more = write_archive(
        tmp_path / "more", {date(2026, 1, 1): [Trade(close=110.25, prev_close=105.0)]}, CODES
    )
    (more / "daily_prices.parquet").rename(folder / "nse-eod/nse_eod_2026.parquet")

    done = import_history(database, folder, now=NOW)

    assert ("nse_eod_2026.parquet",) == done.files
    assert [("500001", 2025, 2), ("500001", 2026, 1), ("500002", 2025, 2)] == rows(
        database, "packed_prices", "bse_code", "year", "bars"
    )
    assert ("500001", MON, 2026 * 4, 1, 1) in rows(database, "circuit_quarters")


def test_an_archive_of_some_stocks_leaves_the_rest_of_the_market(database, tmp_path):
    """Its rows take the place of those of the same stock and day, and of no others."""
    load_master(database, *CODES, "500003")
    load_days(database, {MON: [Trade(close=99.0), Trade("500003", close=77.0)]})

    import_history(database, archive(tmp_path), now=NOW)

    assert [("500001", 100.0), ("500002", 50.0), ("500003", 77.0)] == [
        (code, close)
        for code, day, close in rows(database, "daily_prices", "bse_code", "trade_date", "close")
        if day == MON
    ]


def test_a_list_of_factors_takes_the_place_of_inference(database, tmp_path):
    """The archive's own list is the word on its years: no more, no less, joined by symbol."""
    factors = pd.DataFrame({"nse_symbol": ["S500001", "GONE"], "ex_date": [TUE, TUE], "factor": [0.9, 0.5]})

    done = import_history(database, archive(tmp_path, corporate_action_factors_inferred=factors), now=NOW)

    assert () == done.inferred
    assert [("500001", TUE, "inferred", 0.9, None)] == rows(database, "corporate_actions")
    assert ["1 corporate_actions: no stock with this code or symbol"] == left_out(done)


def test_new_factors_alone_derive_their_stocks_anew(database, tmp_path):
    """TUE of 500001 locks at 5 %; as an ex-date it does not."""
    folder = archive(tmp_path)
    import_history(database, folder, now=NOW)
    locked = rows(database, "circuit_quarters", "bse_code", "locked")
    pd.DataFrame({"bse_code": ["500001"], "ex_date": [TUE], "factor": [0.8]}).to_csv(
        folder / "corporate_action_factors_inferred.csv", index=False
    )

    import_history(database, folder, now=NOW)

    assert [("500001", 1), ("500002", 0)] == locked
    assert [("500001", 0), ("500002", 0)] == rows(database, "circuit_quarters", "bse_code", "locked")


def test_after_the_last_ex_date_of_the_list_actions_are_inferred(database, tmp_path):
    """The archive grew, its list did not: a year without any split is what nobody would notice."""
    factors = pd.DataFrame({"nse_symbol": ["S500001"], "ex_date": [MON], "factor": [0.9]})
    folder = archive(tmp_path, {MON: DAYS[MON]}, corporate_action_factors_inferred=factors)
    import_history(database, folder, now=NOW)
    write_archive(folder, DAYS, CODES)

    done = import_history(database, folder, now=NOW)

    assert (("500002 2025-12-16 x 0.5",), MON) == (done.inferred, done.inferred_after)
    assert 1 == done.rows["corporate_actions"]
    assert [("500001", MON, 0.9), ("500002", TUE, 0.5)] == rows(
        database, "corporate_actions", "bse_code", "ex_date", "factor"
    )


def test_csv_is_as_good_as_parquet(database, tmp_path):
    """Codes stay text, blanks are missing, gzip is opened."""
    folder = archive(tmp_path)
    prices = pd.read_parquet(folder / "daily_prices.parquet").assign(deliv_qty=[None, 7, 8, None])
    (folder / "daily_prices.parquet").unlink()
    with gzip.open(folder / "daily_prices.csv.gz", "wt") as file:
        prices.to_csv(file, index=False)

    import_history(database, folder, now=NOW)

    assert [("500001", 8), ("500001", None), ("500002", 7), ("500002", None)] == rows(
        database, "daily_prices", "bse_code", "deliv_qty"
    )


def test_rupees_of_the_old_files_become_lacs_and_their_zeros_missing(database, tmp_path):
    """Until mid-2021 turnover came in rupees, and counts that the file does not have as 0."""
    folder = archive(tmp_path)
    prices = {
        "turnover_lacs": [100_000.0, 0.5, 1.05, 0.25],
        "trades": [0, 0, 3, 4],
        "deliv_qty": [0, 5, 6, 7],
    }
    change_column(folder / "daily_prices.parquet", **prices)

    import_history(database, folder, now=NOW)

    first = rows(database, "daily_prices", "bse_code", "trade_date", "turnover_lacs", "trades", "deliv_qty")[
        0
    ]
    assert ("500001", MON, 1.0, None, None) == first


def test_news_results_and_texts_join_by_the_symbol_of_the_prices(database, tmp_path):
    """The stock left NSE: the master list has no symbol for it any more, its prices have."""
    at = datetime(2025, 11, 12, 18, 0, 30)  # noqa: DTZ001
    days = {MON: [Trade("500009", symbol="LEFT")]}
    news = pd.DataFrame(
        {"nse_symbol": ["LEFT"] * 2, "announced_at": [at] * 2, "category": ["Credit Rating"] * 2}
    )
    texts = pd.DataFrame(
        {
            "nse_symbol": ["LEFT"] * 2,
            "announced_at": [at] * 2,
            "category": ["Credit Rating"] * 2,
            "snippet": ["upgraded", "downgraded"],
        }
    )
    results = pd.DataFrame(
        {"nse_symbol": ["LEFT"], "quarter_end": [datetime(2025, 9, 30)], "announced_at": [at], "consolidated": ["Standalone"], "revenue": [1e7], "net_profit": [1e6], "eps": [2.0]}  # noqa: DTZ001
    )  # fmt: skip

    done = import_history(
        database,
        archive(tmp_path, days, announcements=news, announcement_texts=texts, quarterly_results=results),
        now=NOW,
    )

    moment = moment_of(at)
    assert [("500009", moment, 0, 0.6), ("500009", moment, 1, 0.6)] == rows(
        database, "announcement_scores", "bse_code", "announced_at", "copy", "score"
    )
    assert [("500009", "standalone", moment)] == rows(
        database, "quarterly_results", "bse_code", "basis", "announced_at"
    )
    assert [] == left_out(done)


def test_figures_in_another_unit_are_named_and_kept(database, tmp_path):
    """A filing in lakhs among filings in rupees: stored as filed, struck out where results are read."""
    quarters = pd.to_datetime(["2025-03-31", "2025-06-30", "2025-09-30"])
    results = pd.DataFrame(
        {"bse_code": "500001", "quarter_end": quarters, "announced_at": quarters + pd.Timedelta(days=40), "consolidated": "Standalone", "revenue": [2e7, 2e12, 2e7], "net_profit": 1e6, "eps": 2.0}
    )  # fmt: skip

    done = import_history(database, archive(tmp_path, quarterly_results=results), now=NOW)

    assert ("500001 2025 Q2 revenue",) == done.suspicious
    assert 3 == len(rows(database, "quarterly_results"))


def test_days_missing_from_the_list_of_sessions_are_holidays(database, tmp_path):
    """Between its first and last day the list is complete; after it the published calendar counts."""
    listed = [*DAYS, WED, date(2025, 12, 19), date(2025, 12, 21)]
    sessions = pd.DataFrame({"trading_date": [day.isoformat() for day in listed]})

    import_history(database, archive(tmp_path, nse_trading_dates_2025=sessions), now=NOW)

    calendar = load_calendar(database)
    asked = [date(2025, 12, day) for day in (17, 18, 19, 21, 22)]
    assert [True, False, True, True, True] == [calendar.is_session(day) for day in asked]


def test_lists_with_their_day_in_the_name_count_from_that_day(database, tmp_path):
    """Bands hold from it; notices of meetings are public at its end."""
    folder = archive(tmp_path)
    (folder / "bands").mkdir()
    (folder / "bands/sec_list_2025-12-15.csv").write_text(
        'Symbol,Series,Security Name,Band,Remarks\nS500001,EQ,ONE,5,"-"\nS500002,EQ,TWO,No Band,"-"\n'
    )
    (folder / "meetings").mkdir()
    (folder / "meetings/bm15122025.txt").write_text(
        "COMPANY NAME    SYMBOL     : BM DATE    : BM PURPOSE\nOne Ltd S500001 : 15-JAN-2026 : Financial Results\n"
    )

    import_history(database, folder, now=NOW)

    assert [("500001", MON, 5.0), ("500002", MON, None)] == rows(
        database, "price_bands", "bse_code", "effective_date", "band"
    )
    public = moment_of(datetime(2025, 12, 15, 23, 59, 59))  # noqa: DTZ001
    assert [("500001", date(2026, 1, 15), public)] == rows(
        database, "earnings_calendar", "bse_code", "meeting_date", "published_at"
    )


def test_a_day_after_the_archive_is_appended_to_it(database, tmp_path):
    """The usual life: years at once, then a file a day."""
    import_history(database, archive(tmp_path), now=NOW)

    done = ingest(database, day_file(WED, Trade(close=110.25, prev_close=105.0)), now=NOW)

    as_it_came = derived(database)
    repack(database, now=NOW)
    assert as_it_came == derived(database)
    assert (1, ()) == (done.rows, done.replaces)
    assert ("500001", MON, 2025 * 4 + 3, 2, 3) in rows(database, "circuit_quarters")


def test_whoever_watches_sees_it_move_to_the_end(database, tmp_path):
    """A bar that stands still looks like a program that hangs."""
    seen: list[float] = []

    import_history(database, archive(tmp_path), now=NOW, progress=lambda _, share: seen.append(share))

    assert sorted(seen) == seen
    assert (0.0, 1.0) == (seen[0], seen[-1])


@pytest.mark.market_data
def test_real_stocks_keep_every_row(market_data, database):
    """220 real stocks of two and a half years: nothing is left out, derived rows equal those made from the rows."""
    done = import_history(database, market_data / "mini", now=NOW)

    as_it_came = derived(database)
    repack(database, now=NOW)
    assert (140_730, 3_340, 53_538) == tuple(
        done.rows[name] for name in ("daily_prices", "quarterly_results", "announcement_scores")
    )
    assert () == done.left_out
    assert as_it_came == derived(database)
