"""A folder of history with faults in it: rows are left out and counted, files refused with everything."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.factories.database import NOW, Trade, change_column, contents, rows, write_archive
from upper_circuit.errors import FileRefused
from upper_circuit.market.loading import import_history

CODES = ("500001", "500002")
MON, TUE = date(2025, 12, 15), date(2025, 12, 16)
DAYS = {
    MON: [Trade(close=100.0), Trade("500002", close=50.0, prev_close=50.0)],
    TUE: [Trade(close=105.0), Trade("500002", open=25.0, close=25.5, prev_close=50.0)],
}


def archive(folder: Path, **tables: pd.DataFrame) -> Path:
    """A flat archive of two stocks and two days."""
    return write_archive(folder / "archive", DAYS, CODES, **tables)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        pytest.param({"bse_code": [None, "500002", "500001", "500002"], "nse_symbol": "GONE"}, "no BSE code (listed on NSE only)", id="NSE only"),
        pytest.param({"series": ["GS", "EQ", "EQ", "EQ"]}, "series other than BE BZ EQ SM ST SZ", id="debt"),
        pytest.param({"close": [None, 50.0, 105.0, 25.5]}, "a price is missing", id="no close"),
        pytest.param({"low": [0.0, 50.0, 100.0, 25.0]}, "a price is not above 0, or too high to be one", id="zero"),
        pytest.param({"high": [30e6, 50.0, 105.0, 50.0]}, "a price is not above 0, or too high to be one", id="too high"),
        pytest.param({"close": [99.999, 50.0, 105.0, 25.5], "low": 25.0, "high": 120.0}, "a price has more than two decimals: not as published", id="adjusted"),
        pytest.param({"high": [99.0, 50.0, 105.0, 50.0]}, "high, low, open and close contradict each other", id="contradiction"),
        pytest.param({"volume": [0, 1, 1, 1]}, "no trade on the day", id="no trade"),
        pytest.param({"bse_code": ["500002", "500002", "500001", "500002"]}, "second row of one stock and day", id="twice"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_a_bar_is_left_out_and_counted(database, tmp_path, columns, reason):
    """One bad print among millions must not shut an archive out, nor get in."""
    folder = archive(tmp_path)
    change_column(folder / "daily_prices.parquet", **columns)

    done = import_history(database, folder, now=NOW)

    assert [f"1 daily_prices: {reason}"] == [f"{one.rows} {one.table}: {one.reason}" for one in done.left_out]
    assert [(3, 1)] == [
        (loaded, dropped)
        for kind, loaded, dropped in rows(database, "ingested_files", "kind", "rows", "dropped")
        if kind == "prices"
    ]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda path: change_column(path, date=date(2026, 1, 3)), "date='2026-01-03': lies in the future", id="tomorrow"),
        pytest.param(lambda path: change_column(path, bse_code="50001"), "bse_code '50001' is no code of 6 digits", id="code"),
        pytest.param(lambda path: change_column(path, date=[None, MON, MON, MON]), "line 1: date='': is missing", id="no date"),
        pytest.param(lambda path: change_column(path, close="many"), "column close holds something else", id="text"),
        pytest.param(lambda path: pd.read_parquet(path).drop(columns="open").to_parquet(path), "lacks the columns open", id="column"),
        pytest.param(lambda path: pd.read_parquet(path).head(0).to_parquet(path), "has columns and no rows", id="empty"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-200]), "cannot be read", id="cut off"),
    ],
)  # fmt: skip
def test_an_archive_with_an_unusable_file_is_refused_whole(database, tmp_path, spoil, reason):
    """All of a folder or nothing of it; the error names the file."""
    folder = archive(tmp_path)
    before = contents(database)
    spoil(folder / "daily_prices.parquet")

    with pytest.raises(FileRefused, match=f"daily_prices.parquet.*{reason}"):
        import_history(database, folder, now=NOW)

    assert before == contents(database)


def test_a_file_refused_at_the_end_takes_everything_back(database, tmp_path):
    """Prices are written before results are read."""
    results = pd.DataFrame({"bse_code": ["500001"], "quarter_end": [MON]})
    before = contents(database)

    with pytest.raises(FileRefused, match=r"quarterly_results.parquet, line 1: has an unknown header"):
        import_history(database, archive(tmp_path, quarterly_results=results), now=NOW)

    assert before == contents(database)


def test_a_folder_that_is_no_archive_is_refused_with_what_it_needs(database, tmp_path):
    """The first thing a newcomer does is to name the wrong folder."""
    with pytest.raises(
        FileRefused, match=r"holds no prices: nse-eod/nse_eod_YYYY.parquet or daily_prices.parquet"
    ):
        import_history(database, tmp_path, now=NOW)
    with pytest.raises(FileRefused, match="is no folder"):
        import_history(database, tmp_path / "not there", now=NOW)


def test_codes_and_symbols_may_be_encoded_in_any_way(database, tmp_path):
    """Tools write codes as numbers and symbols as categories."""
    folder = archive(tmp_path)
    prices = pd.read_parquet(folder / "daily_prices.parquet")
    prices = prices.astype({"bse_code": float, "nse_symbol": "category", "series": "category"})
    prices.to_parquet(folder / "daily_prices.parquet", index=False)

    import_history(database, folder, now=NOW)

    assert [("500001", "S500001"), ("500002", "S500002")] == sorted(
        set(rows(database, "daily_prices", "bse_code", "symbol"))
    )


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        pytest.param("bands/sec_list_2025-13-45.csv", "x", r"has no day in its name \(2025-13-45\)", id="no day"),
        pytest.param("master/master_stock_list.csv", "x", "holds 2 master lists", id="two master lists"),
        pytest.param("quarterly_results.csv", "trading_date\n2025-12-15\n", "a file of sessions under the name of another kind", id="another kind"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_its_name_says_is_refused(database, tmp_path, name, text, reason):
    """The layout tells kinds by names; a wrong one would load the wrong table."""
    folder = archive(tmp_path)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)

    with pytest.raises(FileRefused, match=reason):
        import_history(database, folder, now=NOW)


def test_rows_of_no_stock_are_named_by_table(database, tmp_path):
    """News of a company on NSE only; the same filing twice, once by code and once by symbol."""
    at = pd.Timestamp("2025-11-12 18:00")
    news = pd.DataFrame({"nse_symbol": ["GONE", "S500001"], "announced_at": at, "category": "Updates"})
    filing = {"quarter_end": pd.Timestamp("2025-09-30"), "announced_at": at, "consolidated": "Standalone"}
    figures = {"revenue": 1e7, "net_profit": 1e6, "eps": 2.0}
    results = pd.DataFrame({"bse_code": ["500001", None], "nse_symbol": ["S500001"] * 2, **filing, **figures})

    done = import_history(database, archive(tmp_path, announcements=news, quarterly_results=results), now=NOW)

    assert [
        "1 rows of quarterly_results: the same key again in one file (S500001 2025-09-30)",
        "1 rows of announcement_scores: no stock with this code or symbol (GONE)",
    ] == [str(one) for one in done.left_out]
