"""
The question the model is trained to answer: does this stock lock within its next N bars?

Written once, for a whole market and one run date, because every liberty taken here comes back as a result that is
too good: a stock that could not be traded counted as one that did not lock, a derivative's stock counted as calm, a
window that reaches past the data counted as zero. Whatever cannot be known is no label, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from upper_circuit.features.raw import RawFeatures
from upper_circuit.market.bands import Bands
from upper_circuit.market.days import Days, day_of
from upper_circuit.market.market import Market
from upper_circuit.market.packed import FIRST, LOCKED, SERIES

HORIZON = 5
"""N: own bars looked ahead."""
FEWEST_BARS = 120
"""Own bars before the run date below which a stock is not asked about."""
LOWEST_CLOSE = 5.0
"""Rupees, as published; below it one tick is more than a percent."""
LABEL_SERIES = ("EQ", "BE", "BZ", "SM", "ST")
"""Series in which a lock counts and of which a stock's newest bar must be."""

_COUNTED = np.zeros(256, dtype=bool)  # by series code; whatever is no code of a series is not counted
_COUNTED[[SERIES.index(name) for name in LABEL_SERIES]] = True


class Reason(IntEnum):
    """Why a stock has no label; tested in this order, the first one holds."""

    LABELLED = 0
    NO_FIXED_BAND = 1
    FEW_BARS = 2
    OTHER_SERIES = 3
    LOW_PRICE = 4
    NOT_KNOWN = 5
    """Fewer than N own bars in the first 2N sessions from the run date on, or fewer than N sessions on file."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of n stocks for one run date.

    Guaranteed: `values` is 0 or 1 where `reason` is LABELLED, else NaN.
    """

    values: npt.NDArray[np.float32]
    reason: npt.NDArray[np.uint8]
    last_day: Days
    """Day of the last bar each label looks at; 0 without a label."""


@dataclass(frozen=True, slots=True)
class Labeller:
    """Labels for any run date of a market, after one pass over its bars."""

    market: Market
    bands: Bands
    horizon: int
    _locks: npt.NDArray[np.int64]
    """[bars + 1] locked bars, in a series that counts, before each bar."""
    _beginnings: npt.NDArray[np.int64]
    """[bars + 1] first bars of a history before each bar."""

    @classmethod
    def of(cls, market: Market, bands: Bands, horizon: int = HORIZON) -> Labeller:
        """For labels over the next `horizon` own bars. The market must hold the bars after the run dates asked for."""
        if horizon < 1:
            raise ValueError(f"a horizon of {horizon} bars: at least 1 is needed")
        bars = market.histories.bars
        locked = ((bars["flags"] & LOCKED) != 0) & _COUNTED[bars["series"]]
        return cls(market, bands, horizon, _running(locked), _running((bars["flags"] & FIRST) != 0))

    def label(self, raw: RawFeatures) -> Labels:
        """Labels of all stocks of the market, [n], for the run date of their features.

        Whether a stock may be asked about comes from what is known of it before the run date, the answer from its
        first N own bars dated on or after it. A bar that begins a new history is not one of its own.
        """
        if raw.codes != self.market.codes:
            raise ValueError("labels are made for every stock of the market, features for others were given")
        day = day_of(raw.run_date)
        start, last = self._bars_ahead(day)
        reason = np.select(
            [
                self.bands.none_fixed(day),
                raw.bars < FEWEST_BARS,
                ~_COUNTED[raw.newest_series],
                raw.newest_close < LOWEST_CLOSE,
                last < 0,
            ],
            [
                Reason.NO_FIXED_BAND,
                Reason.FEW_BARS,
                Reason.OTHER_SERIES,
                Reason.LOW_PRICE,
                Reason.NOT_KNOWN,
            ],
            Reason.LABELLED,
        ).astype(np.uint8)
        labelled = reason == Reason.LABELLED
        values = np.full(len(raw.codes), np.nan, dtype=np.float32)
        values[labelled] = self._locks[last[labelled] + 1] > self._locks[start[labelled]]
        last_day = np.zeros(len(raw.codes), dtype=np.int32)
        last_day[labelled] = self.market.histories.bars["date"][last[labelled]]
        return Labels(values, reason, last_day)

    def _bars_ahead(self, day: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Positions of each stock's first bar on or after a day and of the N-th; the latter -1 where not known."""
        histories, sessions = self.market.histories, self.market.calendar.traded
        start = histories.ends(day)
        last = start + self.horizon - 1
        today = int(np.searchsorted(sessions, day))
        if len(sessions) - today < self.horizon:
            return start, np.full_like(start, -1)
        known = last < histories.starts[1:]
        last = np.where(known, last, 0)
        window_ends = sessions[min(today + 2 * self.horizon, len(sessions)) - 1]
        known &= histories.bars["date"][last] <= window_ends
        known &= self._beginnings[last + 1] == self._beginnings[np.where(known, start, 0)]
        return start, np.where(known, last, -1)


def _running(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(flags, dtype=np.int64)])
