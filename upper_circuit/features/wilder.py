"""
Wilder's smoothing for all stocks at once, bit for bit as TA-Lib does it for one.

RSI and ATR are recursions: started elsewhere, or averaged by another formula, they differ for hundreds of bars. So
the five that the features need run in one pass over the columns, each from the stock's first bar in the window, with
TA-Lib's own order of operations: (average * (n - 1) + value) / n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from upper_circuit.market.windows import WINDOW, Floats, Window

_PERIODS = np.array([14.0, 14.0, 14.0, 10.0, 50.0])[:, None]
"""Gain and loss of RSI(14), then ATR(14), ATR(10) and ATR(50)."""

_BARS = np.arange(WINDOW)[:, None, None]
_WEIGHT = np.where(_BARS <= _PERIODS, 1.0, _PERIODS - 1.0)
_DIVISOR = np.where(_BARS < _PERIODS, 1.0, _PERIODS)
"""By bar since the first: sum up to the period, divide once there, then Wilder's weights."""


@dataclass(frozen=True, slots=True)
class Smoothed:
    """Averages at each stock's newest bar, [n]; NaN where a stock has not one bar more than the period."""

    rsi_14: Floats
    atr_14: Floats
    atr_10: Floats
    atr_50: Floats


def smooth(window: Window) -> Smoothed:
    """RSI(14) in 0..100 (0 where price never moved, as TA-Lib) and three ATRs in rupees."""
    high, low, close = (
        _from_first(values, window.count) for values in (window.high, window.low, window.close)
    )
    change = close[1:] - close[:-1]
    true_range = np.maximum(
        np.maximum(high[1:] - low[1:], abs(high[1:] - close[:-1])), abs(low[1:] - close[:-1])
    )
    steps = np.stack(
        [np.maximum(change, 0.0), np.maximum(-change, 0.0), true_range, true_range, true_range], axis=1
    )
    average = np.zeros((len(_PERIODS), len(window.count)))
    newest = np.full_like(average, np.nan)
    ends = {int(count) - 1: np.flatnonzero(window.count == count) for count in np.unique(window.count)}
    for bar in range(1, max(ends, default=0) + 1):
        average *= _WEIGHT[bar]
        average += steps[bar - 1]
        average /= _DIVISOR[bar]
        if bar in ends:
            newest[:, ends[bar]] = average[:, ends[bar]]
    gain, loss, *ranges = np.where(window.count > _PERIODS, newest, np.nan)
    moved = gain + loss
    with np.errstate(invalid="ignore", divide="ignore"):
        rsi = np.where(moved == 0.0, 0.0, 100.0 * (gain / moved))
    return Smoothed(rsi, *ranges)


def _from_first(values: Floats, count: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Floats:
    """[252, n]: the window left-aligned, so that every stock's first bar is row 0 and recursions start together."""
    width = values.shape[1]
    at = np.minimum(np.arange(width)[:, None] + (width - count)[None, :], width - 1)
    left_aligned: Floats = values[np.arange(len(count))[None, :], at]
    return left_aligned
