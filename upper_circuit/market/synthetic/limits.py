"""
The exchange's arithmetic of ticks and price limits, in whole paise.

The product has its own; this one is written from the exchange's rule a second time, so that a mistake there cannot
hide behind the same mistake in the market it is tried on.

    upper = floor(base * (1 + band) / tick) * tick        lower = ceil(base * (1 - band) / tick) * tick
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from upper_circuit.market.synthetic.draws import Flags, Floats, Ints

PENNY_TICKS_FROM = date(2024, 6, 10)
GRADED_TICKS_FROM = date(2025, 4, 15)
_EDGES = np.array([250_00, 1_000_00, 5_000_00, 10_000_00, 20_000_00], dtype=np.int64)
_GRADED = np.array([1, 5, 10, 50, 100, 500], dtype=np.int64)
_NO_FIXED_BAND = 18
"""Percent a derivative stock may move here; its true limit flexes with trading and is never 'locked'."""
_FIRST_BAR = (60, 30)
"""Percent a first bar may stand above and below the issue price."""


def ticks(day: date, price: Ints, *, sme: Flags) -> Ints:
    """Tick in paise at a reference price in paise; 5 paise for SME series on every day."""
    if day >= GRADED_TICKS_FROM:
        main = _GRADED[np.searchsorted(_EDGES, price, side="right")]
    elif day >= PENNY_TICKS_FROM:
        main = np.where(price < _EDGES[0], 1, 5)
    else:
        main = np.full(len(price), 5, dtype=np.int64)
    return np.where(sme, 5, main).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Limits:
    """The prices that a session allows, in paise; all multiples of the tick, lower <= upper."""

    tick: Ints
    lower: Ints
    upper: Ints

    def nearest(self, price: Floats) -> Ints:
        """The allowed price nearest to a wanted one."""
        on_tick = (np.floor(price / self.tick + 0.5) * self.tick).astype(np.int64)
        return np.clip(on_tick, self.lower, self.upper)


def limits(base: Ints, band: Ints, tick: Ints, *, first: Flags) -> Limits:
    """What the exchange allows around a base price in paise; `band` in percent, 0: no fixed band.

    A first bar finds its price in an auction, far from the issue price. At a few paise no tick may lie within the
    band: both limits are the upper one then, and never below a tick.
    """
    percent = np.where(band == 0, _NO_FIXED_BAND, band)
    above, below = np.where(first, _FIRST_BAR[0], percent), np.where(first, _FIRST_BAR[1], percent)
    upper = np.maximum(base * (100 + above) // (100 * tick) * tick, tick)
    lower = -(-base * (100 - below) // (100 * tick)) * tick
    return Limits(tick, np.clip(lower, tick, upper), upper)
