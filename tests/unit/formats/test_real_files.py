"""The exchanges' own files, where the user has them: counts that were taken with other tools."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from upper_circuit.errors import FileRefused
from upper_circuit.market import formats

pytestmark = pytest.mark.market_data

TODAY = date(2026, 11, 23)
EVENING = int(datetime(2025, 12, 16, 15, 0, tzinfo=UTC).timestamp())
BSE_DAY = date(2021, 2, 9)


def read(path: Path, **options):
    """Read a file as of a day after all of them."""
    return formats.read(path, today=TODAY, **options)


def rows_of(path: Path) -> int:
    """Lines of a file without its header and without blank ones."""
    return sum(1 for line in path.read_text(encoding="utf-8").splitlines()[1:] if line.strip())


@pytest.mark.parametrize(
    ("name", "exchange", "day"),
    [
        (
            "bhavcopy-fixtures/BSE_UDIFF_CM_20210210_RECONSTRUCTED_from_real_rows.csv",
            "BSE",
            date(2021, 2, 10),
        ),
        ("bhavcopy-fixtures/NSE_sec_bhavdata_full_02012019.csv", "NSE", date(2019, 1, 2)),
        ("bhavcopy-fixtures/NSE_sec_bhavdata_full_01062022.csv", "NSE", date(2022, 6, 1)),
        ("bhavcopy-fixtures/NSE_sec_bhavdata_full_03062024.csv", "NSE", date(2024, 6, 3)),
        ("bhavcopy-fixtures/NSE_HOLIDAY_DUPLICATE_sec_bhavdata_full_15082025.csv", "NSE", date(2025, 8, 14)),
        ("bhavcopy-fixtures/NSE_legacy_cm01APR2011bhav.csv", "NSE", date(2011, 4, 1)),
        ("bhavcopy-fixtures/NSE_legacy_cm02JAN2014bhav.csv", "NSE", date(2014, 1, 2)),
        ("bhavcopy-fixtures/NSE_legacy_cm31MAY2021bhav.csv", "NSE", date(2021, 5, 31)),
        ("nse-pr-bundle/2025-12-16/sec_bhavdata_full_16122025.csv", "NSE", date(2025, 12, 16)),
        ("nse-pr-bundle/2025-12-17/sec_bhavdata_full_17122025.csv", "NSE", date(2025, 12, 17)),
        ("bhavcopy-fixtures/BSE_legacy_EQ090221.CSV", "BSE", BSE_DAY),
        ("bhavcopy-fixtures/BSE_legacy_loader_3409rows.csv", "BSE", BSE_DAY),
    ],
)
def test_every_row_of_a_real_price_file_is_kept_or_counted(name, exchange, day, market_data):
    """Kept and left out add up to the lines of the file; the day is that of the content."""
    path = market_data / name

    file = read(path, trade_date=BSE_DAY if "legacy_EQ" in name or "loader" in name else None)

    assert (exchange, day) == (file.exchange, file.trade_date)
    assert rows_of(path) == len(file.rows) + sum(entry.count for entry in file.dropped)
    assert len(file.rows) > 1300


def test_the_real_full_bhavcopy_agrees_with_the_stored_history(market_data):
    """The same day in the archive, which other people's tools made: every price of every share.

    The archive has 2,655 shares; the other rows of the file are fund units, which only an ISIN would tell from shares.
    """
    file = read(market_data / "nse-pr-bundle/2025-12-17/sec_bhavdata_full_17122025.csv")
    history = pd.read_parquet(market_data / "nse-eod/nse_eod_2025.parquet")
    history = history[history["date"].astype(str) == "2025-12-17"].set_index("symbol_asof")
    columns = ("open", "high", "low", "close", "prev_close")

    differing = [
        symbol
        for row, symbol in enumerate(file.rows.symbol)
        if symbol in history.index
        and [int(getattr(file.rows, name)[row]) for name in columns]
        != [round(history.at[symbol, name] * 100) for name in columns]
    ]

    assert [] == differing
    assert set(history.index) <= set(file.rows.symbol)
    assert 2655 == len(history)


def test_a_real_copy_rewritten_from_the_legacy_file_is_seen_through(market_data):
    """Its turnover is in rupees whatever its heading says: 20MICRONS traded 74 lacs, not 74 crores."""
    rows = read(market_data / "bhavcopy-fixtures/NSE_sec_bhavdata_full_02012019.csv").rows

    assert ("20MICRONS", 74.146805, None, None) == (
        rows.symbol[0],
        rows.turnover_lacs[0],
        rows.trades[0],
        rows.deliv_qty[0],
    )


def test_the_real_f_and_o_file_is_refused(market_data):
    """It has the header of the cash market."""
    with pytest.raises(FileRefused, match="F&O"):
        read(market_data / "bhavcopy-fixtures/NSE_UDIFF_FO_20250203_head400.csv")


def test_the_real_list_of_scrips_is_the_master_list(market_data):
    """Without preference shares and repetitions it has the 10,124 codes of the master list, with the same statuses."""
    scrips = read(market_data / "master/BSE_list_of_scrips_2025-07_all_statuses.csv")
    master = read(market_data / "master/master_stock_list.csv")

    assert {row.bse_code: row.status for row in master.rows} == {
        row.bse_code: row.status for row in scrips.rows
    }
    assert {"ACTIVE": 4555, "DELISTED": 4437, "SUSPENDED": 1129, "OTHER": 3} == Counter(
        row.status for row in scrips.rows
    )
    assert [row.industry for row in master.rows] == [row.industry for row in scrips.rows]
    assert [122, 14] == [entry.count for entry in scrips.dropped]
    assert 205 == sum(row.no_band for row in master.rows)


@pytest.mark.parametrize(
    ("name", "rows"),
    [("NSE_EQUITY_L.csv", 2365), ("NSE_SME_EQUITY_L.csv", 545), ("NSE_sec_list_2025-12-12.csv", 3038)],
)
def test_real_lists_of_nse(name, rows, market_data):
    """Counted with other tools: 3,075 lines of bands, 37 of them of other series."""
    assert rows == len(read(market_data / "master" / name).rows)


def test_the_real_bulletins(market_data):
    """946 announcements and 20 meetings on one evening; Infosys and Asian Paints have results due."""
    bundle = market_data / "nse-pr-bundle/2025-12-16"

    announcements = read(bundle / "an16122025.txt", announced_at=EVENING)
    meetings = read(bundle / "bm16122025.txt", announced_at=EVENING)

    assert 946 == len(announcements.category)
    assert 1 == announcements.category.count("")
    assert {"INFY": date(2026, 1, 14), "ASIANPAINT": date(2026, 1, 27)} == {
        row.nse_symbol: row.meeting_date for row in meetings.rows if row.for_results
    }
    assert 20 == len(meetings.rows)


def test_the_real_hitters(market_data):
    """As many H and L as the lines say."""
    path = market_data / "nse-pr-bundle/2025-12-17/bh17122025.csv"
    with path.open(encoding="utf-8", newline="") as file:
        upper = sum(row["HIGH/LOW"] == "H" for row in csv.DictReader(file))

    hitters = read(path)

    assert upper == sum(row.upper for row in hitters.rows)


def test_the_real_archive_of_events(market_data):
    """43,421 results before 2026 became 39,961 rows of the table; the announcements are 767,634, none dropped."""
    results = read(market_data / "results/quarterly_results.parquet")
    announcements = read(market_data / "announcements/announcements_2021_2025.parquet")

    assert (39_961, 767_634) == (len(results.rows), len(announcements.category))
    assert () == results.dropped + announcements.dropped
    assert {"standalone": 39_949, "consolidated": 12} == Counter(row.basis for row in results.rows)
    # 20 Microns, 2018-05-28 13:54:14 IST
    assert int(datetime(2018, 5, 28, 8, 24, 14, tzinfo=UTC).timestamp()) == results.rows[0].announced_at


def test_the_users_lists_of_the_archive(market_data):
    """The inferred factors and the sessions have the layout of the user's own."""
    factors = read(market_data / "nse-eod/corporate_action_factors_inferred.csv")
    sessions = read(market_data / "nse-eod/nse_trading_dates_2010_2026.csv")

    assert (612, 4003) == (len(factors.rows), len(sessions.rows))


@pytest.mark.parametrize(
    "name",
    ["master/NSE_symbolchange.csv", "nse-pr-bundle/2025-12-16/readme.txt", "results/shareholding.parquet"],
)
def test_real_files_that_we_do_not_load_are_refused(name, market_data):
    """With the list of those we do."""
    with pytest.raises(FileRefused, match="unknown header"):
        read(market_data / name)
