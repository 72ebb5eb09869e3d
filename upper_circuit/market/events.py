"""
What companies announced, kept with the moment it became public.

Results arrive 40 days after their quarter ends, some years late, and some again: every event carries its own moment,
and a view for a run date holds only those before 07:00 of it. A filing in the wrong unit (lakhs or crores for rupees)
is recognised by its neighbours on file by that moment, so that a later filing never changes an earlier morning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from upper_circuit.market.days import Days, Moments, ist_day
from upper_circuit.market.windows import Factors, Floats

NEVER = np.iinfo(np.int64).max
"""The moment of an event that is not on file."""

_WRONG_UNITS = (1e5, 1e7)
_UNIT_TOLERANCE = 3.0


@dataclass(frozen=True, slots=True)
class Results:
    """Quarterly results: the figures of each quarter, and the moments of all filings.

    Figures are standalone, first filing of a quarter, as a grid [n stocks, Q calendar quarters]. Column j is the calendar quarter `first_quarter + j` (year * 4 + 0..3). A quarter not on file has announced_at
    NEVER and NaN figures; a figure the filing lacks is NaN too. Filings are of any basis, first or again.
    """

    first_quarter: int
    announced_at: Moments
    revenue: Floats
    net_profit: Floats
    eps: Floats
    filing_stock: npt.NDArray[np.int64]
    filing_at: Moments

    def known_at(self, cutoff: int) -> Results:
        """What was on file before a moment, figures in a wrong unit struck out."""
        known = self.announced_at < cutoff
        revenue, net_profit, eps = (
            _in_rupees(np.where(known, values, np.nan))
            for values in (self.revenue, self.net_profit, self.eps)
        )
        filed = self.filing_at < cutoff
        return Results(
            self.first_quarter,
            np.where(known, self.announced_at, NEVER),
            revenue=revenue,
            net_profit=net_profit,
            eps=eps,
            filing_stock=self.filing_stock[filed],
            filing_at=self.filing_at[filed],
        )

    def newest_filing(self) -> Moments:
        """[n] the moment of each stock's newest filing; -1 where there is none."""
        newest = np.full(len(self.announced_at), -1, dtype=np.int64)
        np.maximum.at(newest, self.filing_stock, self.filing_at)
        return newest

    def adjusted(self, factors: Factors) -> Results:
        """With every eps in today's shares: multiplied by the factors whose ex-date follows its announcement."""
        eps = self.eps.copy()
        announced = ist_day(np.where(self.announced_at == NEVER, 0, self.announced_at))
        for stock, ex_day, factor in zip(factors.stock, factors.ex_day, factors.factor, strict=True):
            eps[stock, announced[stock] < ex_day] *= factor
        return replace(self, eps=eps)


def _in_rupees(values: Floats) -> Floats:
    """Values without those whose size is 1e5 or 1e7 times (within a factor 3) that of every neighbouring quarter."""
    size = np.abs(values)
    before = np.full_like(size, np.nan)
    after = np.full_like(size, np.nan)
    before[:, 1:] = size[:, :-1]
    after[:, :-1] = size[:, 1:]
    wrong = np.zeros(size.shape, dtype=bool)
    for unit in _WRONG_UNITS:
        fits = [_is_multiple(size, neighbour, unit) for neighbour in (before, after)]
        wrong |= (
            (fits[0] | np.isnan(before)) & (fits[1] | np.isnan(after)) & ~(np.isnan(before) & np.isnan(after))
        )
    return np.where(wrong, np.nan, values)


def _is_multiple(size: Floats, neighbour: Floats, unit: float) -> npt.NDArray[np.bool_]:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = size / neighbour
    return (ratio >= unit / _UNIT_TOLERANCE) & (ratio <= unit * _UNIT_TOLERANCE)


@dataclass(frozen=True, slots=True)
class Announcements:
    """Announcements of n stocks, sorted by stock and moment; each is one item."""

    stock: npt.NDArray[np.int64]
    announced_at: Moments
    score: Floats
    event: npt.NDArray[np.int64]

    def between(self, start: int, cutoff: int) -> Announcements:
        """Those from a moment on and before another."""
        inside = (self.announced_at >= start) & (self.announced_at < cutoff)
        return Announcements(
            self.stock[inside], self.announced_at[inside], self.score[inside], self.event[inside]
        )


@dataclass(frozen=True, slots=True)
class Meetings:
    """Board meetings for financial results, with the moment their notice was published."""

    stock: npt.NDArray[np.int64]
    day: Days
    published_at: Moments

    def known_at(self, cutoff: int, from_day: int) -> Meetings:
        """Meetings on or after a day whose notice was out before a moment."""
        known = (self.published_at < cutoff) & (self.day >= from_day)
        return Meetings(self.stock[known], self.day[known], self.published_at[known])


@dataclass(frozen=True, slots=True)
class CircuitQuarters:
    """Locked days and bars of each stock by history and calendar quarter, sorted by stock."""

    stock: npt.NDArray[np.int64]
    history_day: Days
    quarter: npt.NDArray[np.int64]
    locked: npt.NDArray[np.int64]
    bars: npt.NDArray[np.int64]

    def counts(self, quarter: int, newest_day: Days) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Locked days [n] and bars [n] in the same calendar quarter one, two and three years before `quarter`.

        Only the history counts that the stock's newest bar, `newest_day` [n], belongs to.
        """
        stocks = len(newest_day)
        began = self.history_day <= newest_day[self.stock]
        history = np.full(stocks, -1, dtype=np.int64)
        np.maximum.at(history, self.stock[began], self.history_day[began])
        years_before = quarter - self.quarter
        counted = (self.history_day == history[self.stock]) & np.isin(years_before, (4, 8, 12))
        locked = np.bincount(self.stock[counted], self.locked[counted], minlength=stocks)
        bars = np.bincount(self.stock[counted], self.bars[counted], minlength=stocks)
        return locked.astype(np.int64), bars.astype(np.int64)
