"""The product's features against the independent reference, on real stocks, through the database and back."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.reference.inputs import read_history
from tests.reference.locked import with_flags
from tests.reference.morning import Morning, features_of
from upper_circuit.features import FEATURE_NAMES, CrossSection, FeatureMatrix, fill, raw
from upper_circuit.market.database import Database
from upper_circuit.market.days import moment_of
from upper_circuit.market.loading import import_history
from upper_circuit.market.market import Market
from upper_circuit.market.master import Master
from upper_circuit.market.migrations import upgrade

pytestmark = pytest.mark.market_data

MORNINGS = [date(2023, 8, 17), date(2024, 11, 14), date(2025, 12, 17)]
"""Before the ticks changed; a season of results, after a bonus of RELIANCE; the day with the exchange's lists."""
RELIANCE = "500325"


@pytest.fixture(scope="module")
def history(market_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 200 real stocks, 2021 to 2025: every tenth, and those whose bars are a case of their own."""
    folder = tmp_path_factory.mktemp("history")
    years = [pd.read_parquet(path) for path in sorted((market_data / "nse-eod").glob("nse_eod_*.parquet"))]
    prices = pd.concat(years).dropna(subset="bse_code")
    chosen = {
        RELIANCE,
        *sorted(set(prices["bse_code"]))[::11],
        *new_listings(prices)[:5],
        *suspended(prices)[:5],
    }
    prices = prices[prices["bse_code"].isin(chosen)]
    for place in ("nse-eod", "results", "announcements", "master"):
        (folder / place).mkdir()
    prices.to_parquet(folder / "nse-eod/nse_eod_2021.parquet", index=False)
    symbols = set(prices["nse_symbol"])
    for name in (
        "results/quarterly_results",
        "announcements/announcements_2021_2025",
        "announcements/announcement_texts_2024_2025",
    ):
        table = pd.read_parquet(market_data / f"{name}.parquet")
        table[table["nse_symbol"].isin(symbols)].to_parquet(folder / f"{name}.parquet", index=False)
    for name in ("nse-eod/corporate_action_factors_inferred", "nse-eod/nse_trading_dates_2010_2026"):
        shutil.copy(market_data / f"{name}.csv", folder / f"{name}.csv")
    shutil.copy(market_data / "master/master_stock_list.csv", folder / "master")
    return folder


def new_listings(prices: pd.DataFrame) -> list[str]:
    """Codes first traded 70 to 200 sessions before the newest morning."""
    first = prices.groupby("bse_code")["date"].min().astype(str)
    return sorted(first.index[first.between("2025-03-01", "2025-08-31")])


def suspended(prices: pd.DataFrame) -> list[str]:
    """Codes that did not trade for more than a month in 2025, and did again."""
    days = pd.to_datetime(prices["date"].astype(str)).groupby(prices["bse_code"])
    gaps = days.apply(lambda own: own[own >= "2025-01-01"].sort_values().diff().dt.days.max())
    return sorted(gaps.index[gaps > 35])


@pytest.fixture(scope="module")
def database(history: Path, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Those stocks, imported."""
    database = Database.at(tmp_path_factory.mktemp("db"))
    upgrade(database)
    import_history(database, history, now=moment_of(datetime(2026, 1, 1)))  # noqa: DTZ001  # IST, as in the files
    return database


@pytest.fixture(scope="module")
def reference(history: Path) -> dict[date, Morning]:
    """What the independent implementation makes of them."""
    read = read_history(history)
    bars = with_flags(read.prices, read.factors)
    return {morning: features_of(read, bars, morning) for morning in MORNINGS}


def product(database: Database, run_date: date) -> FeatureMatrix:
    """What the product makes of them."""
    master = Master.load(database)
    rows = raw(Market.load(database, run_date=run_date).as_of(run_date))
    cross = CrossSection.of(rows, master)
    cross.require_every_feature()
    return fill(rows, cross, master, [stock.bse_code for stock in master.active()])


@pytest.mark.parametrize("run_date", MORNINGS, ids=str)
def test_final_values_equal_the_reference(database, reference, run_date):
    """25 values a stock within 1e-5 relative or 1e-7 absolute, which is what rounding to float32 leaves."""
    matrix = product(database, run_date)
    expected = reference[run_date].values.loc[list(matrix.codes), list(FEATURE_NAMES)]

    assert len(matrix.codes) > 120
    np.testing.assert_allclose(matrix.values, expected.to_numpy(np.float64), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("run_date", MORNINGS, ids=str)
def test_the_same_stocks_are_skipped_for_the_same_reasons(database, reference, run_date):
    """Skip reasons are tested in one order."""
    matrix = product(database, run_date)

    assert matrix.skipped
    assert dict(reference[run_date].skipped) == {
        code: skip.reason.value for code, skip in matrix.skipped.items()
    }


@pytest.mark.parametrize("run_date", MORNINGS, ids=str)
def test_the_same_features_are_filled_from_the_same_peers(database, reference, run_date):
    """Industry with five peers, else sector, else market."""
    matrix = product(database, run_date)
    filled = {code: matrix.filled(row) for row, code in enumerate(matrix.codes) if matrix.sources[row].any()}

    assert filled
    assert {
        code: sources for code, sources in reference[run_date].filled.items() if code in matrix.codes
    } == filled


def test_the_mornings_hold_a_split_a_suspension_and_a_new_listing(database):
    """Else the comparison would say less than it seems to."""
    market = Market.load(database, run_date=MORNINGS[2])
    view = market.as_of(MORNINGS[2])
    days = np.where(view.window.day > 0, view.window.day, view.window.day.max(axis=1, keepdims=True))

    assert len(market.factors.until(view.sessions.as_of_day).stock) >= 10
    assert (
        np.diff(days[view.window.newest_day == view.sessions.as_of_day], axis=1).max(axis=1) > 35
    ).sum() >= 1
    assert ((view.window.count >= 60) & (view.window.count < 252)).sum() >= 5


def test_a_bonus_leaves_no_cliff_in_reliance(database):
    """28 October 2024, 1:1: the file's previous close is 2,655.70, the open 1,337.00, and roc_20 no -50 %."""
    matrix = product(database, MORNINGS[1])
    row = matrix.values[matrix.codes.index(RELIANCE)]

    assert -0.2 < row[FEATURE_NAMES.index("roc_20")] < 0.0
