"""
Bands and series as the exchange's surveillance moves them.

A stock that has risen far gets a narrower band and trade-for-trade settlement, and keeps them for months: the band
follows the rally. Without these moves one series would be one kind of stock for ever, and data of series EQ alone would
look complete.
"""

from __future__ import annotations

import numpy as np

from upper_circuit.market.synthetic.draws import Flags, Floats, Ints
from upper_circuit.market.synthetic.stocks import BE, EQ, SM, ST, Stocks

_EVERY = 5
"""Sessions between reviews."""
_ROSE_FAR = 0.35
_ROSE = 0.25
_SETTLED = 0.05


class Surveillance:
    """Today's `band` (percent, 0: none) and `series` of every stock."""

    def __init__(self, stocks: Stocks) -> None:
        self.band = stocks.band.copy()
        self.series = stocks.series.copy()
        self._home_band, self._home_series = stocks.band, stocks.series
        self._slow = stocks.price.astype(np.float64)

    def split(self, stock: Ints, factor: Floats) -> None:
        """A split is no fall."""
        self._slow[stock] *= factor

    def review(self, rng: np.random.Generator, session: int, close: Ints, here: Flags) -> None:
        """Follow the close; every fifth session move some of the hot stocks in and some of the settled ones out."""
        self._slow = np.where(here, self._slow + (close - self._slow) / 30.0, self._slow)
        chance = rng.random(len(close))
        if session % _EVERY:
            return
        rise = close / self._slow - 1.0
        fixed, at_home = here & (self.band > 0), self.band == self._home_band
        narrowed = fixed & (rise > _ROSE) & (self.band == 20) & (chance < 0.15)
        to_trade = fixed & (rise > _ROSE_FAR) & (self.band > 5) & (chance < 0.3)
        released = fixed & ~at_home & (rise < _SETTLED) & (chance < 0.08)
        self.band = np.select([released, to_trade, narrowed], [self._home_band, 5, 10], self.band)
        tight = np.where(np.isin(self.series, (SM, ST)), ST, BE)
        self.series = np.select([released, to_trade], [self._home_series, tight], self.series)
        eased = here & (self._home_series == BE) & (self._home_band == 5) & (chance > 0.997)
        self.series = np.where(eased, np.where(self.series == BE, EQ, BE), self.series)
