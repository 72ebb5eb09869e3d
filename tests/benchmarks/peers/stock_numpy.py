"""One stock's features the careful way: two indexed queries, TA-Lib for the recursions, numpy for the rest."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import numpy.typing as npt
import talib

from tests.benchmarks.peers.columns import HIGH, LOW, ORDER, OTHERS, TECHNICAL

_BARS = (
    "SELECT high, low, close, volume, locked FROM daily_prices "
    "WHERE bse_code = ? AND trade_date < ? ORDER BY trade_date DESC LIMIT 252"
)
_OTHERS = f"SELECT {', '.join(OTHERS)} FROM stock_features WHERE bse_code = ? AND prediction_date = ?"  # noqa: S608  # our own names

Floats = npt.NDArray[np.float64]


class Stocks:
    """Rows of features out of SQLite."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.execute("PRAGMA mmap_size = 1073741824")
        medians = dict(self._connection.execute("SELECT feature, median FROM medians"))
        self._medians = np.array([medians[name] for name in TECHNICAL])

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def row(self, bse_code: str, prediction_date: str) -> npt.NDArray[np.float32]:
        """The 25 features [25] of a stock."""
        asked = (bse_code, prediction_date)
        bars = np.array(self._connection.execute(_BARS, asked).fetchall())[::-1]
        others = self._connection.execute(_OTHERS, asked).fetchone()
        own = technical(*np.ascontiguousarray(bars.T))
        filled = np.where(np.isnan(own), self._medians, np.clip(own, LOW, HIGH))
        return np.concatenate([filled, others])[ORDER].astype(np.float32)


def technical(high: Floats, low: Floats, close: Floats, volume: Floats, locked: Floats) -> Floats:
    """The twelve of up to 252 bars, oldest first."""
    last, bars = close[-1], len(close)
    atr_14 = talib.ATR(high, low, close, 14)[-1]
    atr_50 = talib.ATR(high, low, close, 50)[-1]
    sma_50 = close[-50:].mean()
    contraction, pivot = _pattern(high[-120:], low[-120:])
    before, quarter = volume[-21:-1].mean(), volume[-50:].mean()
    return np.array(
        [
            talib.RSI(close, 14)[-1],
            last / close[-21] - 1,
            last / sma_50 - 1,
            sma_50 / close[-200:].mean() - 1 if bars >= 120 else np.nan,
            atr_14 / last,
            volume[-1] / before if before else np.nan,
            last / high.max() - 1 if bars >= 120 else np.nan,
            contraction,
            talib.ATR(high, low, close, 10)[-1] / atr_50 if atr_50 else np.nan,
            volume[-10:].mean() / quarter if quarter else np.nan,
            last / pivot - 1,
            locked[-60:].sum(),
        ]
    )


def _pattern(high: Floats, low: Floats) -> tuple[float, float]:
    """Contraction of the newest pullbacks, and the pivot."""
    middle = high[3:-3]
    swing = np.ones(len(middle), dtype=bool)
    for step in (1, 2, 3):
        swing &= middle > high[3 - step : -3 - step]
        swing &= middle >= high[3 + step : len(high) - 3 + step]
    at = np.flatnonzero(swing) + 3
    if not len(at):
        return np.nan, high[-21:-1].max()
    at = at[high[at].argmax() :]
    lows = np.minimum.reduceat(low, np.stack([at + 1, np.append(at[1:], len(low) - 1)], axis=1).ravel())[::2]
    lows[-1] = low[at[-1] + 1 :].min()
    depth = 1 - lows / high[at]
    kept = depth[depth >= 0.02][-4:]
    pivot = high[at[-1]]
    return ((kept[-1] / kept[0]) ** (1 / (len(kept) - 1)) if len(kept) >= 2 else np.nan), pivot
