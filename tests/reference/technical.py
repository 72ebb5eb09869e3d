"""The 12 technical features of one stock, written from section 3.1 with loops instead of matrices.

RSI and ATR come from TA-Lib itself, so that two authors cannot share one misreading of Wilder.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import talib

from tests.reference.inputs import Splits

Floats = npt.NDArray[np.float64]

WINDOW = 252  # bars: a technical feature sees nothing older
FEATURES = (
    "rsi_14",
    "roc_20",
    "price_to_sma_50",
    "sma_50_to_sma_200",
    "natr_14",
    "relative_volume_20",
    "dist_52w_high",
    "vcp_contraction_ratio",
    "vcp_volatility_ratio",
    "vcp_volume_dry_up",
    "vcp_pivot_proximity",
    "upper_circuit_count_60",
)


@dataclass(frozen=True, slots=True)
class Window:
    """The newest 252 own bars before the run date, oldest first, adjusted as of it; fewer if there are fewer."""

    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    locked: npt.NDArray[np.bool_]


def window_of(bars: pd.DataFrame, splits: Splits, as_of: pd.Timestamp) -> Window:
    """One stock's bars (its newest history, none later than as_of) and its splits, of any date.

    Prices of bars before an ex-date are multiplied by its factor, volumes divided, if ex_date <= as_of.
    """
    newest = bars.tail(WINDOW)
    scale = np.ones(len(newest))
    for ex_date, factor in splits:
        if ex_date <= as_of:
            scale[newest["date"] < ex_date] *= factor
    return Window(
        high=newest["high"].to_numpy() * scale,
        low=newest["low"].to_numpy() * scale,
        close=newest["close"].to_numpy() * scale,
        volume=newest["volume"].to_numpy() / scale,
        locked=newest["locked"].to_numpy(),
    )


def technical(w: Window) -> dict[str, float]:
    """The 12 values before clipping, NaN for null; needs at least 60 bars, the shortest history not skipped."""
    H, L, C, V = w.high, w.low, w.close, w.volume
    n = len(C)
    enough = n >= 120
    depths, pivot = pullbacks(H[-120:], L[-120:])
    return {
        "rsi_14": float(talib.RSI(C, 14)[-1]),
        "roc_20": C[-1] / C[-21] - 1,
        "price_to_sma_50": C[-1] / C[-50:].mean() - 1,
        "sma_50_to_sma_200": C[-50:].mean() / C[-200:].mean() - 1 if enough else math.nan,
        "natr_14": float(talib.ATR(H, L, C, 14)[-1]) / C[-1],
        "relative_volume_20": ratio(V[-1], V[-21:-1].mean()),
        "dist_52w_high": C[-1] / H.max() - 1 if enough else math.nan,
        "vcp_contraction_ratio": contraction(depths),
        "vcp_volatility_ratio": ratio(float(talib.ATR(H, L, C, 10)[-1]), float(talib.ATR(H, L, C, 50)[-1])),
        "vcp_volume_dry_up": ratio(V[-10:].mean(), V[-50:].mean()),
        "vcp_pivot_proximity": C[-1] / (H[-21:-1].max() if pivot is None else pivot) - 1,
        "upper_circuit_count_60": float(w.locked[-60:].sum()),
    }


def ratio(numerator: float, denominator: float) -> float:
    """The quotient; null where the denominator is zero."""
    return float(numerator / denominator) if denominator != 0 else math.nan


def swing_highs(H: Floats) -> list[int]:
    """Indices i with H_i > the three before and H_i >= the three after, all seven inside the window."""
    return [
        i
        for i in range(3, len(H) - 3)
        if all(H[i] > H[i - back] for back in (1, 2, 3)) and all(H[i] >= H[i + on] for on in (1, 2, 3))
    ]


def pullbacks(H: Floats, L: Floats) -> tuple[list[float], float | None]:
    """Depths of the kept pullbacks of the base, oldest first, and the pivot (None: no swing high).

    Choice: the pivot is the last swing high of the base even where its own pullback is struck as shallow.
    """
    swings = swing_highs(H)
    if not swings:
        return [], None
    start = max(swings, key=lambda i: (H[i], -i))  # the earliest of equals
    base = [i for i in swings if i >= start]
    ends = [*base[1:], len(H)]
    depths = [float(1 - L[i + 1 : end].min() / H[i]) for i, end in zip(base, ends, strict=True)]
    kept = [depth for depth in depths if depth >= 0.02]
    return kept[-4:], float(H[base[-1]])


def contraction(depths: list[float]) -> float:
    """Geometric mean of each depth over the one before; null with fewer than two."""
    if len(depths) < 2:
        return math.nan
    steps = [later / earlier for earlier, later in itertools.pairwise(depths)]
    return math.prod(steps) ** (1 / len(steps))
