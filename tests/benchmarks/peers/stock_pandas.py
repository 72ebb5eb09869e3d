"""One stock's features the hurried way: a frame from a query, rolling windows, done. What most first versions are."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tests.benchmarks.peers.columns import HIGH, LOW, ORDER, OTHERS, TECHNICAL


class Stocks:
    """Rows of features out of SQLite."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False)
        medians = pd.read_sql("SELECT * FROM medians", self._connection).set_index("feature")["median"]
        self._medians = medians[list(TECHNICAL)]

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def row(self, bse_code: str, prediction_date: str) -> npt.NDArray[np.float32]:
        """The 25 features [25] of a stock."""
        bars = pd.read_sql(
            "SELECT * FROM daily_prices WHERE bse_code = ? AND trade_date < ? ORDER BY trade_date DESC LIMIT 252",
            self._connection,
            params=(bse_code, prediction_date),
        ).iloc[::-1]
        others = pd.read_sql(
            "SELECT * FROM stock_features WHERE bse_code = ? AND prediction_date = ?",
            self._connection,
            params=(bse_code, prediction_date),
        ).iloc[0]
        own = technical(bars.reset_index(drop=True)).clip(LOW, HIGH).fillna(self._medians)
        row: npt.NDArray[np.float32] = (
            pd.concat([own, others[list(OTHERS)].astype(float)]).to_numpy()[ORDER].astype(np.float32)
        )
        return row


def technical(bars: pd.DataFrame) -> pd.Series:
    """The twelve of up to 252 bars, oldest first."""
    high, low, close, volume = bars["high"], bars["low"], bars["close"], bars["volume"]
    change = close.diff()
    gain, loss = _wilder(change.clip(lower=0), 14), _wilder(-change.clip(upper=0), 14)
    before = close.shift()
    true_range = pd.concat([high - low, (high - before).abs(), (low - before).abs()], axis=1).max(axis=1)
    sma_50 = close.rolling(50).mean()
    long_mean = close.rolling(200, min_periods=120).mean()
    contraction, pivot = _pattern(high.tail(120).reset_index(drop=True), low.tail(120).reset_index(drop=True))
    last = close.iloc[-1]
    return pd.Series(
        {
            "rsi_14": 100 * gain / (gain + loss) if gain + loss else 0.0,
            "roc_20": close.pct_change(20).iloc[-1],
            "price_to_sma_50": last / sma_50.iloc[-1] - 1,
            "sma_50_to_sma_200": sma_50.iloc[-1] / long_mean.iloc[-1] - 1,
            "natr_14": _wilder(true_range, 14) / last,
            "relative_volume_20": _over(volume.iloc[-1], volume.shift().rolling(20).mean().iloc[-1]),
            "dist_52w_high": last / high.rolling(252, min_periods=120).max().iloc[-1] - 1,
            "vcp_contraction_ratio": contraction,
            "vcp_volatility_ratio": _over(_wilder(true_range, 10), _wilder(true_range, 50)),
            "vcp_volume_dry_up": _over(volume.tail(10).mean(), volume.rolling(50).mean().iloc[-1]),
            "vcp_pivot_proximity": last / pivot - 1,
            "upper_circuit_count_60": float(bars["locked"].tail(60).sum()),
        }
    )[list(TECHNICAL)]


def _wilder(values: pd.Series, period: int) -> float:
    """Wilder's average at the newest bar; the first value (there is no bar before it) does not count."""
    start = pd.Series([values.iloc[1 : period + 1].mean()])
    smoothed = pd.concat([start, values.iloc[period + 1 :]]).ewm(alpha=1 / period, adjust=False).mean()
    return float(smoothed.iloc[-1])


def _pattern(high: pd.Series, low: pd.Series) -> tuple[float, float]:
    is_swing = pd.Series(True, index=high.index)
    for step in (1, 2, 3):
        is_swing &= (high > high.shift(step)) & (high >= high.shift(-step))
    swings = high[is_swing]
    if swings.empty:
        return float("nan"), float(high.iloc[-21:-1].max())
    swings = swings.loc[swings.idxmax() :]
    starts, tops = swings.index.tolist(), swings.tolist()
    ends = [*starts[1:], len(low)]
    depths = pd.Series(
        [1 - low.iloc[at + 1 : end].min() / top for at, end, top in zip(starts, ends, tops, strict=True)]
    )
    kept = depths[depths >= 0.02].tail(4)
    if len(kept) < 2:
        return float("nan"), tops[-1]
    product: Any = (kept / kept.shift()).prod()
    return float(product) ** (1 / (len(kept) - 1)), tops[-1]


def _over(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else float("nan")
