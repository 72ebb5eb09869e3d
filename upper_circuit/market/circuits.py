"""
When a share was locked at its upper circuit, decided in whole paise.

History carries no bands, so a lock is recognised by the limit price itself: the day closes at its high, and the high
is exactly the 5, 10 or 20 % limit of the previous close, floored to the tick. In floating point 145.16 + 20 % misses
its own limit; in integers it does not. The tick tables and the rule are those of the exchange as measured against
its own lists of hitters (docs/glossary.md, "lock").
"""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt

from upper_circuit.market.days import Days, day_of, months_of
from upper_circuit.market.packed import FIRST, LOCKED, SERIES, BarArray

Paise = npt.NDArray[np.int64]

BANDS = (5, 10, 20)
"""Percent. 2 % is left out: without a band on file it matches by chance half the time."""
LOWEST_PRICE = 500
"""Below Rs 5 one tick is more than a percent, and limits match by chance."""
NEW_HISTORY_AFTER = 250
"""More exchange sessions than these strictly between two bars begin a new history."""

_CENT_TICKS = day_of(date(2024, 6, 10))
_PRICE_TICKS = day_of(date(2025, 4, 15))
_EDGES = np.array([25_000, 100_000, 500_000, 1_000_000, 2_000_000])
_TICKS = np.array([1, 5, 10, 50, 100, 500])
_SME = np.array([name in ("SM", "ST", "SZ") for name in SERIES])


def tick(price: Paise, day: Days, sme: npt.NDArray[np.bool_]) -> Paise:
    """The tick in paise at a price (paise) on a day.

    Rs 0.05 until 2024-06-09; then 0.01 below Rs 250; from 2025-04-15 by six price steps, where a price on a boundary
    takes the upper step. SME series stayed at 0.05.
    """
    stepped = _TICKS[np.searchsorted(_EDGES, price, side="right")]
    cents = np.where(price < _EDGES[0], 1, 5)
    regime = np.where(day >= _PRICE_TICKS, stepped, np.where(day >= _CENT_TICKS, cents, 5))
    return np.where(sme, 5, regime)


def upper_limit(base: Paise, band: int, tick_size: Paise) -> Paise:
    """`floor(base * (1 + band) / tick) * tick`, in paise; `band` in percent."""
    return base * (100 + band) // (100 * tick_size) * tick_size


def locked(bars: BarArray, reference: Paise, excluded: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which bars closed at their upper circuit.

    Args:
        bars: any number of bars, as published.
        reference: the price (paise) that set each bar's tick: the stock's last close of the previous calendar month,
            or the previous close where there is none. The tick at the previous close counts too, since the exchange
            sets ticks monthly and a stock near a step may carry its neighbour's.
        excluded: first bars and ex-dates, which never count: their previous close is not the base of the limit.
    """
    base = bars["prev_close"].astype(np.int64)
    high = bars["high"].astype(np.int64)
    sme = _SME[bars["series"]]
    ticks = [tick(price, bars["date"], sme) for price in (reference, base)]
    at_limit = np.zeros(bars.shape, dtype=bool)
    for band in BANDS:
        for size in ticks:
            at_limit |= high == upper_limit(base, band, size)
    closed_at_high: npt.NDArray[np.bool_] = bars["close"] == bars["high"]
    return at_limit & closed_at_high & (base >= LOWEST_PRICE) & ~excluded


def flags(
    bars: BarArray,
    stock: npt.NDArray[np.int64],
    sessions: Days,
    ex_date: npt.NDArray[np.bool_],
) -> npt.NDArray[np.uint8]:
    """LOCKED and FIRST for all bars of some stocks.

    Args:
        bars: whole histories, sorted by stock and date.
        stock: the stock each bar belongs to, any ascending number.
        sessions: the exchange's sessions, ascending; every bar's date is one of them.
        ex_date: whether the bar's date is an ex-date of its stock.
    """
    if not len(bars):
        return np.zeros(0, dtype=np.uint8)
    position = np.searchsorted(sessions, bars["date"])
    same = np.zeros(len(bars), dtype=bool)
    same[1:] = stock[1:] == stock[:-1]
    gap = np.zeros(len(bars), dtype=np.int64)
    gap[1:] = position[1:] - position[:-1] - 1
    first = ~same | (gap > NEW_HISTORY_AFTER)
    is_locked = locked(bars, _reference(bars, same), first | ex_date)
    return (np.where(is_locked, LOCKED, 0) | np.where(first, FIRST, 0)).astype(np.uint8)


def _reference(bars: BarArray, same: npt.NDArray[np.bool_]) -> Paise:
    """The stock's last close of the previous calendar month; its previous close where that month has no bar."""
    month = months_of(bars["date"])
    opens_month = ~same
    opens_month[1:] |= month[1:] != month[:-1]
    opening = np.maximum.accumulate(np.where(opens_month, np.arange(len(bars)), 0))
    before = np.maximum(opening - 1, 0)
    has_one = same[opening] & (month[before] == month - 1)
    return np.where(has_one, bars["close"][before], bars["prev_close"]).astype(np.int64)
