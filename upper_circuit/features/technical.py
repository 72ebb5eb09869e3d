"""
The twelve features of a stock's own bars.

Each is handed only as many bars as the catalog grants it. Sums run along the rows of C-ordered arrays, so that a
stock has the same bits alone, in a shard or in the whole market. Formulas: docs/features.md.
"""

from __future__ import annotations

import numpy as np

from upper_circuit.features import vcp, wilder
from upper_circuit.features.catalog import CATALOG, COLUMN
from upper_circuit.market.windows import Floats, Window

LONG_HISTORY = 120
"""Own bars below which the 200-bar mean and the 52-week high say too little."""


def technical(window: Window) -> dict[str, Floats]:
    """The twelve by name, [n] each, not clipped; NaN where the catalog's "null when" holds."""
    smoothed = wilder.smooth(window)
    pattern = vcp.pattern(_granted(window, "vcp_contraction_ratio"))
    close = window.close[:, -1]
    return {
        "rsi_14": smoothed.rsi_14,
        "roc_20": _roc(_granted(window, "roc_20")),
        "price_to_sma_50": close / _mean(_granted(window, "price_to_sma_50").close) - 1.0,
        "sma_50_to_sma_200": _sma_ratio(_granted(window, "sma_50_to_sma_200")),
        "natr_14": smoothed.atr_14 / close,
        "relative_volume_20": _relative_volume(_granted(window, "relative_volume_20")),
        "dist_52w_high": _distance_to_high(_granted(window, "dist_52w_high")),
        "vcp_contraction_ratio": pattern.contraction,
        "vcp_volatility_ratio": _ratio(smoothed.atr_10, smoothed.atr_50),
        "vcp_volume_dry_up": _dry_up(_granted(window, "vcp_volume_dry_up")),
        "vcp_pivot_proximity": close / pattern.pivot - 1.0,
        "upper_circuit_count_60": _granted(window, "upper_circuit_count_60").locked.sum(
            axis=1, dtype=np.float64
        ),
    }


def _granted(window: Window, name: str) -> Window:
    return window.last(CATALOG[COLUMN[name]].lookback)


def _roc(window: Window) -> Floats:
    change: Floats = window.close[:, -1] / window.close[:, 0] - 1.0
    return change


def _sma_ratio(window: Window) -> Floats:
    """With 120 to 199 bars the long mean takes all there are."""
    present = ~np.isnan(window.close)
    bars = present.sum(axis=1)
    long_mean = np.where(present, window.close, 0.0).sum(axis=1) / np.maximum(bars, 1)
    short_mean = _mean(np.ascontiguousarray(window.close[:, -50:]))
    return np.where(bars >= LONG_HISTORY, _ratio(short_mean, long_mean) - 1.0, np.nan)


def _relative_volume(window: Window) -> Floats:
    return _ratio(window.volume[:, -1], _mean(np.ascontiguousarray(window.volume[:, :-1])))


def _distance_to_high(window: Window) -> Floats:
    highest = np.fmax.reduce(window.high, axis=1)
    return np.where(window.count >= LONG_HISTORY, window.close[:, -1] / highest - 1.0, np.nan)


def _dry_up(window: Window) -> Floats:
    return _ratio(_mean(np.ascontiguousarray(window.volume[:, -10:])), _mean(window.volume))


def _mean(values: Floats) -> Floats:
    mean: Floats = values.sum(axis=1) / values.shape[1]
    return mean


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """A ratio with a zero denominator is missing."""
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator != 0.0)
