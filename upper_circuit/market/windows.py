"""
Bars as arrays that cannot look ahead.

A window holds, for each stock, its newest own bars before a run date, right-aligned: column -1 is the stock's own
newest bar, whatever day that was, and padding on the left is NaN. Suspensions and new listings so leave no holes
inside. Prices are adjusted with the factors whose ex-date has come by then, and with no later one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from upper_circuit.market.days import STOCK_KEY, Days
from upper_circuit.market.packed import BAR, FIRST, LOCKED, BarArray, from_bytes

WINDOW = 252
"""Own bars that every technical feature may see: a year of sessions."""

NO_SERIES = 255

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Histories:
    """Bars of several stocks, one after the other.

    Guaranteed: codes ascend; the bars of stock i are `bars[starts[i]:starts[i + 1]]`, oldest first.
    """

    codes: tuple[str, ...]
    starts: npt.NDArray[np.int64]
    bars: BarArray
    _keys: npt.NDArray[np.int64]
    _opening: npt.NDArray[np.int64]
    """For each bar, the position of the first bar of its history (or of what is loaded of it)."""
    unreadable: Mapping[str, str]
    """Stocks that are not among the codes because their bytes are damaged, with the reason."""

    @classmethod
    def of(
        cls,
        rows: list[tuple[str, bytes]],
        codes: tuple[str, ...],
        unreadable: Mapping[str, str] | None = None,
    ) -> Histories:
        """From packed rows (code, payload), sorted by code and year; codes without rows have no bars."""
        bars = from_bytes(payload for _, payload in rows)
        index = {code: at for at, code in enumerate(codes)}
        counts = np.zeros(len(codes), dtype=np.int64)
        for code, payload in rows:
            counts[index[code]] += len(payload) // BAR.itemsize
        starts = np.concatenate([[0], np.cumsum(counts)])
        opens = (bars["flags"] & FIRST) != 0
        opens[starts[:-1][counts > 0]] = True
        opening = np.maximum.accumulate(np.where(opens, np.arange(len(bars)), 0)) if len(bars) else starts[:0]
        stock = np.repeat(np.arange(len(codes)), counts)
        return cls(codes, starts, bars, stock * STOCK_KEY + bars["date"], opening, unreadable or {})

    def ends(self, day: int) -> npt.NDArray[np.int64]:
        """For each stock, the position just past its newest bar before a day; its start where there is none."""
        return np.searchsorted(self._keys, np.arange(len(self.codes)) * STOCK_KEY + day)

    def short_of(self, bars: int, day: int) -> list[str]:
        """Codes that have fewer bars before a day than wanted, though what is loaded does not begin their history."""
        if not len(self.bars):
            return []
        begins = (self.bars["flags"][np.minimum(self.starts[:-1], len(self.bars) - 1)] & FIRST) != 0
        short = (self.ends(day) - self.starts[:-1] < bars) & ~begins
        return [self.codes[at] for at in np.flatnonzero(short)]

    def window(self, day: int, factors: Factors) -> Window:
        """The newest own bars before a day. `factors` are those with an ex-date up to the as-of session."""
        if not len(self.bars):
            return _empty(len(self.codes))
        ends = self.ends(day)
        have = ends > self.starts[:-1]
        newest = np.maximum(ends - 1, 0)
        start = np.where(have, np.maximum(self._opening[newest], ends - WINDOW), ends)
        at = ends[:, None] + np.arange(-WINDOW, 0)
        padding = at < start[:, None]
        at[padding] = 0
        days = np.where(padding, 0, self.bars["date"][at]).astype(np.int32)
        prices = {
            name: np.where(padding, np.nan, self.bars[name][at] / 100.0) for name in ("high", "low", "close")
        }
        volume = np.where(padding, np.nan, self.bars["volume"][at].astype(np.float64))
        for stock, ex_day, factor in zip(factors.stock, factors.ex_day, factors.factor, strict=True):
            before = days[stock] < ex_day
            for values in prices.values():
                values[stock, before] *= factor
            volume[stock, before] /= factor
        return Window(
            **prices,
            volume=volume,
            day=days,
            locked=((self.bars["flags"][at] & LOCKED) != 0) & ~padding,
            count=ends - start,
            newest_close=np.where(have, self.bars["close"][newest] / 100.0, np.nan),
            newest_series=np.where(have, self.bars["series"][newest], NO_SERIES).astype(np.uint8),
        )


@dataclass(frozen=True, slots=True)
class Factors:
    """Price factors in effect: prices before `ex_day` are multiplied by `factor`, volumes divided.

    Guaranteed: sorted by stock and ex_day; `stock` indexes the codes of the histories they were made for.
    """

    stock: npt.NDArray[np.int64]
    ex_day: Days
    factor: Floats

    def until(self, day: int) -> Factors:
        """Those with an ex-date up to and including a day."""
        known = self.ex_day <= day
        return Factors(self.stock[known], self.ex_day[known], self.factor[known])


@dataclass(frozen=True, slots=True)
class Window:
    """The newest own bars of n stocks, [n, 252], right-aligned, adjusted; padding is NaN (day 0, not locked).

    Guaranteed: arrays of floats are C-ordered float64, since sums over a row depend on the memory order.
    """

    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    day: Days
    locked: npt.NDArray[np.bool_]
    count: npt.NDArray[np.int64]
    """[n] own bars in the window, at most 252."""
    newest_close: Floats
    """[n] close of the newest bar as published; NaN without bars."""
    newest_series: npt.NDArray[np.uint8]
    """[n] series of the newest bar as a code of packed.SERIES; NO_SERIES without bars."""

    @property
    def newest_day(self) -> Days:
        """[n] day of the newest bar; 0 without bars."""
        return self.day[:, -1]

    def last(self, bars: int) -> Window:
        """The same window with only the newest `bars` columns."""
        cut = {
            field.name: np.ascontiguousarray(value[:, -bars:]) if value.ndim == 2 else value
            for field in fields(self)
            for value in [getattr(self, field.name)]
        }
        return Window(**{**cut, "count": np.minimum(self.count, bars)})


def _empty(stocks: int) -> Window:
    nothing = np.full((stocks, WINDOW), np.nan)
    return Window(
        high=nothing,
        low=nothing,
        close=nothing,
        volume=nothing,
        day=np.zeros((stocks, WINDOW), dtype=np.int32),
        locked=np.zeros((stocks, WINDOW), dtype=bool),
        count=np.zeros(stocks, dtype=np.int64),
        newest_close=np.full(stocks, np.nan),
        newest_series=np.full(stocks, NO_SERIES, dtype=np.uint8),
    )
