"""RSI and ATR against TA-Lib's own library, the independent reference."""

from __future__ import annotations

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories.market import Listing, bars, market, weekdays
from upper_circuit.features import raw
from upper_circuit.features.catalog import COLUMN

DAYS = weekdays(300)


def walk(seed: int, count: int) -> Listing:
    """A random walk of so many bars, ending on the last session but one."""
    random = np.random.default_rng(seed)
    close = np.round(100 * np.cumprod(1 + random.normal(0, 0.02, count)), 2)
    high = np.round(close * (1 + abs(random.normal(0, 0.01, count))), 2)
    low = np.round(close * (1 - abs(random.normal(0, 0.01, count))), 2)
    return Listing(bars(DAYS[299 - count : 299], close, high=high, low=low))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([60, 61, 120, 251, 252, 253, 299]))
def test_wilder_features_equal_ta_lib(seed, count):
    """Started at the first of the newest 252 own bars, as TA-Lib does."""
    listing = walk(seed, count)
    high, low, close = (listing.bars[name][-252:] / 100.0 for name in ("high", "low", "close"))

    row = raw(market({"500001": listing}, ahead=DAYS).as_of(DAYS[299])).values[0]

    atr = {period: talib.ATR(high, low, close, period)[-1] for period in (10, 14, 50)}
    assert row[COLUMN["rsi_14"]] == pytest.approx(talib.RSI(close, 14)[-1], rel=1e-12)
    assert row[COLUMN["natr_14"]] == pytest.approx(atr[14] / close[-1], rel=1e-12)
    assert row[COLUMN["vcp_volatility_ratio"]] == pytest.approx(atr[10] / atr[50], rel=1e-12)


def test_a_price_that_never_moves_has_rsi_zero():
    """No rise and no fall: 0, as TA-Lib answers, not 50 and not missing."""
    listing = Listing(bars(DAYS[:100], [50.0] * 100))

    row = raw(market({"500001": listing}, ahead=DAYS).as_of(DAYS[100])).values[0]

    assert 0.0 == row[COLUMN["rsi_14"]] == talib.RSI(np.full(100, 50.0), 14)[-1]


def test_fifty_bars_are_too_few_for_the_volatility_ratio():
    """ATR(50) needs 51 bars: the first has no true range."""
    rows = {
        count: raw(market({"500001": walk(7, count)}, ahead=DAYS).as_of(DAYS[299])).values[0]
        for count in (50, 51)
    }

    assert np.isnan(rows[50][COLUMN["vcp_volatility_ratio"]])
    assert not np.isnan(rows[51][COLUMN["vcp_volatility_ratio"]])
