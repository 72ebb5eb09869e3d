"""
Quarterly results, weeks after their quarter, with the faults that filings have.

The surprise of a quarter moves the price at the session that first knows of it, not at the quarter's end: a model
that joins results by quarter end looks ahead, and would show it here. Some results are late, some never come, some are
filed twice, a few have the wrong unit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt

from upper_circuit.market.synthetic.draws import Floats, Ints, around, bell, between, pick, time_of_day
from upper_circuit.market.synthetic.presence import Actions
from upper_circuit.market.synthetic.sessions import Sessions, day_number
from upper_circuit.market.synthetic.stocks import Stocks

DAY = 86_400
CLOSE_OF_TRADING = 15 * 3600 + 1800
BASES = ("Non-Consolidated", "Standalone", "Consolidated")
_BEFORE = 14
"""Quarters before the first session: a surprise needs twelve of them, and one is late or missing."""


@dataclass(frozen=True, slots=True)
class Results:
    """One filing an entry, by stock and quarter.

    Guaranteed: announced after the last day of the quarter; money in rupees, NaN where the filing leaves it out.
    """

    stock: Ints
    quarter_end: Ints
    """Day number."""
    announced: Ints
    """Seconds since 1970-01-01 by an Indian clock."""
    basis: Ints
    """Position in BASES."""
    revenue: Floats
    net_profit: Floats
    eps: Floats
    surprise: Floats
    """What the market did not expect, in standard deviations; not published."""

    def __post_init__(self) -> None:
        if (self.announced // DAY <= self.quarter_end).any():
            raise ValueError("a result is announced before its quarter has ended")

    def take(self, rows: npt.NDArray[np.generic]) -> Results:
        """Some of the filings, by position or mask."""
        return Results(*(getattr(self, name)[rows] for name in self.__slots__))


def report_results(rng: np.random.Generator, stocks: Stocks, sessions: Sessions, actions: Actions) -> Results:
    """Draw every filing from 14 quarters before the first session on, also those due after the last one."""
    quarters = _quarter_ends(sessions)
    shape = (len(quarters), stocks.count)
    surprise = bell(rng, shape)
    growth = 0.02 + 0.03 * bell(rng, stocks.count) + 0.06 * bell(rng, shape) + 0.015 * surprise
    revenue = (
        np.multiply.accumulate(1.0 + growth, axis=0) * stocks.cap * 1e7 * around(rng, 0.1, 0.9, stocks.count)
    )
    usual = between(rng, -0.01, 0.16, stocks.count)
    net_profit = revenue * (usual + 0.012 * bell(rng, shape) + 0.02 * surprise)
    announced = _announcement_times(rng, quarters, shape)
    shares = _shares_at(announced, stocks, sessions, actions)
    unpublished = _unpublished(rng, stocks, sessions, announced)

    row, stock = np.nonzero(~unpublished.T)[::-1]
    cells = (row, stock)
    filed = Results(
        stock=stock.astype(np.int64),
        quarter_end=quarters[row],
        announced=announced[cells],
        basis=pick(rng, (0.87, 0.13), len(row)),
        revenue=np.rint(revenue[cells] / 1e3) * 1e3,
        net_profit=np.rint(net_profit[cells] / 1e3) * 1e3,
        eps=np.round(net_profit[cells] / shares[cells], 2),
        surprise=surprise[cells],
    )
    return _with_faults(rng, filed)


def surprises(results: Results, sessions: Sessions, count: int) -> Floats:
    """[sessions, stocks]: the surprise of the filings that each session is the first to trade on."""
    day, second = np.divmod(results.announced, DAY)
    at = np.searchsorted(sessions.days, day + (second >= CLOSE_OF_TRADING))
    known = (at < len(sessions.past)) & (day >= sessions.days[0])
    total = np.zeros((len(sessions.past), count))
    np.add.at(total, (at[known], results.stock[known]), results.surprise[known])
    return total


def _quarter_ends(sessions: Sessions) -> Ints:
    first, last = (day.year * 4 + (day.month - 1) // 3 for day in (sessions.past[0], sessions.past[-1]))
    starts = [divmod(quarter + 1, 4) for quarter in range(first - _BEFORE, last + 1)]
    ends = [day_number(date(year, 3 * quarter + 1, 1)) - 1 for year, quarter in starts]
    return np.array(ends, dtype=np.int64)


def _announcement_times(rng: np.random.Generator, quarters: Ints, shape: tuple[int, int]) -> Ints:
    march = (np.arange(len(quarters)) + _phase(quarters)) % 4 == 0
    longest = np.where(march, 41, 26)[:, None]
    lag = 20 + np.floor(longest * np.maximum(rng.random(shape), rng.random(shape))).astype(np.int64)
    late = rng.random(shape) < 0.015
    lag = np.where(late, lag + rng.integers(20, 120, shape), lag)
    day = quarters[:, None] + lag
    weekday = (day + 3) % 7  # 0: Monday
    to_monday = rng.random(shape) < 0.6
    day = np.where(to_monday & (weekday >= 5), day + 7 - weekday, day)
    announced: Ints = day * DAY + time_of_day(rng, shape[0] * shape[1]).reshape(shape)
    return announced


def _phase(quarters: Ints) -> int:
    """Steps that bring the first quarter's position to 0 modulo 4 where it ends in March."""
    month = int((quarters[0].astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)) % 12)
    return (month - 2) // 3


def _shares_at(announced: Ints, stocks: Stocks, sessions: Sessions, actions: Actions) -> Floats:
    shares = np.broadcast_to(stocks.cap * 1e9 / stocks.price, announced.shape).copy()
    for session, stock, num, den in zip(
        actions.session, actions.stock, actions.num, actions.den, strict=True
    ):
        after = announced[:, stock] // DAY >= sessions.days[session]
        shares[after, stock] *= den / num
    return shares


def _unpublished(
    rng: np.random.Generator, stocks: Stocks, sessions: Sessions, announced: Ints
) -> npt.NDArray[np.bool_]:
    """Filings that never come: a few percent, of some stocks all, and all from before a listing or after its end."""
    days, day = sessions.days, announced // DAY
    never = (rng.random(stocks.count) < 0.08) | (stocks.gone <= stocks.listed)
    delisted = np.array([status == "DELISTED" for status in stocks.status])
    gone = np.where(delisted, days[np.minimum(stocks.gone, len(days) - 1)], np.iinfo(np.int64).max)
    listed = np.where(stocks.listed > 0, days[np.minimum(stocks.listed, len(days) - 1)], 0)
    return (rng.random(announced.shape) < 0.03) | never | (day < listed) | (day >= gone)


def _with_faults(rng: np.random.Generator, filed: Results) -> Results:
    """Left-out figures, second filings, another basis beside the first, two wrong units."""
    count = len(filed.stock)
    silent = rng.random(count) < 0.005
    net_profit, revenue = np.where(silent, np.nan, filed.net_profit), np.where(silent, np.nan, filed.revenue)
    eps = np.where(silent | (rng.random(count) < 0.004), np.nan, filed.eps)
    clean = np.flatnonzero(~silent & (np.abs(filed.net_profit) > 1e6))
    for size, row in zip((1e5, 1e7), clean[rng.permutation(len(clean))[:2]], strict=False):
        revenue[row], net_profit[row] = revenue[row] / size, net_profit[row] / size
    filed = replace(filed, revenue=revenue, net_profit=net_profit, eps=eps)

    again = np.flatnonzero(rng.random(count) < 0.006)
    second = filed.take(again)
    consolidated = rng.random(len(again)) < 0.4
    second = replace(
        second,
        announced=second.announced + rng.integers(3 * DAY, 90 * DAY, len(again)),
        basis=np.where(consolidated, 2, second.basis),
        revenue=second.revenue * 1.01,
        net_profit=second.net_profit * 1.01,
        surprise=np.zeros(len(again)),
    )
    together = Results(*(np.concatenate([getattr(filed, n), getattr(second, n)]) for n in filed.__slots__))
    return together.take(np.lexsort((together.announced, together.quarter_end, together.stock)))
