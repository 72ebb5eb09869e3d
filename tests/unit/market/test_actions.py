"""Splits and bonuses: recognised from the opening gap, overridden by the user."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.factories.database import NOW, Trade, load_days, load_master, rows
from upper_circuit.market.actions import effective_actions, infer
from upper_circuit.market.days import day_of
from upper_circuit.market.formats import FactorRow, FactorsFile
from upper_circuit.market.loading import ingest
from upper_circuit.market.packed import BAR, FIRST, LOCKED, from_bytes
from upper_circuit.market.reading import read_factors

MON, TUE = date(2025, 12, 15), date(2025, 12, 16)


def gap(opened: float, prev_close: float, *, after: int = 1) -> float:
    """What is inferred from a bar that opened so, so many days after the stock's bar before."""
    bars = np.zeros(2, dtype=BAR)
    bars["date"] = [day_of(MON), day_of(MON + timedelta(after))]
    bars["open"] = [10_000, round(opened * 100)]
    bars["prev_close"] = [10_000, round(prev_close * 100)]
    return float(infer(bars, np.zeros(2, dtype=np.int64))[1])


@pytest.mark.parametrize(
    ("opened", "prev_close", "factor"),
    [
        pytest.param(1337.00, 2655.70, 1 / 2, id="RELIANCE 2024-10-28, bonus 1:1"),
        pytest.param(489.95, 1773.30, 2 / 7, id="360ONE 2023-03-02, split 1:2 and bonus 3:4"),
        pytest.param(29.40, 282.25, 1 / 10, id="AAKASH 2022-02-03, split 1:10"),
        pytest.param(85.00, 126.00, 2 / 3, id="AAATECH 2022-09-14, bonus 1:2"),
        pytest.param(490.00, 100.00, 5.0, id="a consolidation of five"),
    ],
)
def test_the_simple_ratio_nearest_to_the_gap_is_taken(opened, prev_close, factor):
    """The day's own move is in the gap; the ratio is not."""
    assert factor == gap(opened, prev_close)


@pytest.mark.parametrize(
    ("opened", "prev_close", "after"),
    [
        pytest.param(78.00, 100.00, 1, id="a fall of 22 % may be a day's move"),
        pytest.param(130.00, 100.00, 1, id="a rise of 30 % too"),
        pytest.param(150.00, 100.00, 1, id="no consolidation is 3 for 2"),
        pytest.param(3.40, 100.00, 1, id="no ratio lies within 12 % of 0.034"),
        pytest.param(50.00, 100.00, 11, id="a silence of more than 10 days"),
        pytest.param(50.00, 0.00, 1, id="no previous close"),
    ],
)
def test_nothing_is_inferred_where_a_gap_may_mean_something_else(opened, prev_close, after):
    """A wrong factor spoils a year of features."""
    assert np.isnan(gap(opened, prev_close, after=after))


def test_a_first_bar_has_no_gap():
    """Two stocks that list at twice and half of their issue price."""
    bars = np.zeros(2, dtype=BAR)
    bars["date"] = day_of(MON)
    bars["open"] = [5_000, 20_000]
    bars["prev_close"] = 10_000

    assert np.isnan(infer(bars, np.array([0, 1]))).all()


def factors(*rows: tuple[date, float]) -> FactorsFile:
    """The user's own list for one stock."""
    listed = tuple(FactorRow("500001", None, day, factor, None) for day, factor in rows)
    return FactorsFile("factors", "corporate action factors", "mine.csv", repr(rows), (), listed)


def flags(database) -> list[int]:
    """The flags of all bars."""
    packed = rows(database, "packed_prices", "year", "payload")
    return from_bytes(payload for _, payload in packed)["flags"].tolist()


def test_a_users_factor_makes_its_day_an_ex_date(database):
    """A bonus of 1:4 is too small to be inferred; 20 % up on its ex-date is no lock."""
    load_master(database, "500001")
    load_days(database, {MON: [Trade()], TUE: [Trade(close=120.0)]})
    before = flags(database)

    ingest(database, factors((TUE, 0.8)), now=NOW)

    assert [FIRST, LOCKED] == before
    assert [FIRST, 0] == flags(database)


def test_a_users_factor_of_one_cancels_an_inferred_split(database):
    """The stock fell by half on news; it was no split, and its close was at the limit."""
    load_master(database, "500001")
    load_days(database, {MON: [Trade()], TUE: [Trade(open=50.0, close=120.0)]})
    before = flags(database)

    ingest(database, factors((TUE, 1.0)), now=NOW)

    with database.reading("market") as connection:
        assert () == effective_actions(connection).codes
    assert [FIRST, 0] == before
    assert [FIRST, LOCKED] == flags(database)


def test_features_read_the_factors_that_flags_were_made_with(database):
    """Where the user's row and an inferred one meet, the user's counts; one that stands alone counts too."""
    load_master(database, "500001")
    load_days(database, {MON: [Trade()], TUE: [Trade(open=50.0, close=51.0)]})
    ingest(database, factors((TUE, 0.45), (date(2026, 3, 2), 0.2)), now=NOW)

    with database.reading("market") as connection:
        actions = effective_actions(connection)
        read = read_factors(connection, ("500001",))

    assert ("500001", "500001") == actions.codes
    assert [day_of(TUE), day_of(date(2026, 3, 2))] == actions.ex_day.tolist() == read.ex_day.tolist()
    assert [0.45, 0.2] == actions.factor.tolist() == read.factor.tolist()


@pytest.mark.market_data
def test_the_factors_of_the_archive_are_those_inferred_from_its_prices(market_data):
    """612 events of 2021-2025, inferred by somebody else from the same prices by the same words."""
    columns = ["nse_symbol", "date", "open", "prev_close"]
    paths = sorted((market_data / "nse-eod").glob("nse_eod_*.parquet"))
    prices = pd.concat([pd.read_parquet(path, columns=columns) for path in paths])
    prices = prices.sort_values(["nse_symbol", "date"], ignore_index=True)
    listed = pd.read_csv(market_data / "nse-eod/corporate_action_factors_inferred.csv")
    bars = np.zeros(len(prices), dtype=BAR)
    bars["date"] = prices["date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    for name in ("open", "prev_close"):
        bars[name] = np.rint(prices[name] * 100)

    prices["factor"] = infer(bars, pd.factorize(prices["nse_symbol"])[0].astype(np.int64)).round(5)

    found = prices.dropna(subset="factor").assign(ex_date=prices["date"].astype(str))
    key = ["nse_symbol", "ex_date", "factor"]
    assert 612 == len(listed)
    assert set(listed[key].itertuples(index=False, name=None)) == set(
        found[key].itertuples(index=False, name=None)
    )
