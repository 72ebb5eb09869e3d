"""
Minervini's "volatility contraction pattern": pullbacks that get shallower under a pivot.

The pattern is a reading of swing highs, and a swing high is known only three bars after it: all seven bars around it
must lie inside the window, or yesterday's pattern would be redrawn tomorrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from upper_circuit.market.windows import Floats, Window

SIDE = 3
"""Bars on either side that a swing high must top."""
SHALLOWEST = 0.02
"""A pullback of less than 2 % is no pullback."""
KEPT = 4
"""The newest pullbacks that count."""
PIVOT_BARS = 20
"""Without a swing high, the pivot is the highest high of this many bars before the newest."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Per stock, [n]."""

    contraction: Floats
    """Geometric mean of depth_k / depth_{k-1} over the kept pullbacks; below 1 they contract; NaN with fewer than 2."""
    pivot: Floats
    """High of the last swing high of the base, in rupees."""


def pattern(window: Window) -> Pattern:
    """The pattern in the newest 120 own bars."""
    high, low = window.high, window.low
    stocks, width = high.shape
    swing = _swing_highs(high)
    base = np.where(swing, high, -np.inf).argmax(axis=1)
    swing &= np.arange(width) >= base[:, None]
    stock, at = np.nonzero(swing)
    depth = 1.0 - _lows_after(low, stock, at) / high[stock, at]
    last = width - 1 - swing[:, ::-1].argmax(axis=1)
    pivot = np.where(
        swing.any(axis=1),
        high[np.arange(stocks), last],
        np.fmax.reduce(high[:, -1 - PIVOT_BARS : -1], axis=1),
    )
    return Pattern(_contraction(stock, depth, stocks), pivot)


def _swing_highs(high: Floats) -> npt.NDArray[np.bool_]:
    """H_i > H of the three bars before and >= H of the three after; comparisons with padding are false."""
    width = high.shape[1]
    middle = high[:, SIDE : width - SIDE]
    inside = np.ones(middle.shape, dtype=bool)
    for step in range(1, SIDE + 1):
        inside &= middle > high[:, SIDE - step : width - SIDE - step]
        inside &= middle >= high[:, SIDE + step : width - SIDE + step]
    swing = np.zeros(high.shape, dtype=bool)
    swing[:, SIDE : width - SIDE] = inside
    return swing


def _lows_after(low: Floats, stock: npt.NDArray[np.int64], at: npt.NDArray[np.int64]) -> Floats:
    """The lowest low strictly between each swing high and the stock's next; for its last, up to the newest bar."""
    if not len(at):
        return np.zeros(0)
    width = low.shape[1]
    following = np.full(len(at), width)
    same = stock[1:] == stock[:-1]
    following[:-1][same] = at[1:][same]
    bounds = np.stack([stock * width + at + 1, stock * width + following], axis=1).ravel()
    flat = np.append(low.ravel(), np.inf)  # the last bound may lie one past the end
    return np.minimum.reduceat(flat, bounds)[::2]


def _contraction(stock: npt.NDArray[np.int64], depth: Floats, stocks: int) -> Floats:
    deep = depth >= SHALLOWEST
    stock, depth = stock[deep], depth[deep]
    count = np.bincount(stock, minlength=stocks)
    end = np.cumsum(count)
    kept = np.minimum(count, KEPT)
    ratio = np.full(stocks, np.nan)
    has = kept >= 2
    # The product of the ratios telescopes to the last depth over the first kept one.
    across = depth[end[has] - 1] / depth[end[has] - kept[has]]
    roots = [across, np.sqrt(across), np.cbrt(across)]
    ratio[has] = np.select([kept[has] == 2, kept[has] == 3], roots[:2], roots[2])
    return ratio
