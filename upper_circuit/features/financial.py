"""
The six features of quarterly results, and which quarter is a stock's newest as of a morning.

Standalone figures in rupees, fractions instead of percent. A result counts from its announcement on, never from its
quarter's end: 40 days lie between. Formulas: docs/features.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from upper_circuit.market.days import day_of
from upper_circuit.market.events import NEVER, Results
from upper_circuit.market.windows import Floats

VALID_DAYS = 200
"""Calendar days after its quarter's end for which a result describes a company."""
QUARTERS_BACK = 13
_MARGIN = 2.0
_LEAST_SURPRISES = 6
_FLAT = 1e-12


@dataclass(frozen=True, slots=True)
class Quarters:
    """A stock's newest quarters, [n, 13]: column k is the calendar quarter k before Q0, NaN where not on file."""

    valid: npt.NDArray[np.bool_]
    """[n] whether there is a Q0 whose quarter ended at most 200 calendar days before the run date."""
    revenue: Floats
    net_profit: Floats
    eps: Floats
    announced_at: npt.NDArray[np.int64]
    """[n, 13] moments; NEVER where not on file."""


def newest_quarters(results: Results, run_date: date) -> Quarters:
    """Cut a grid of results at each stock's greatest quarter announced, Q0."""
    known = results.announced_at != NEVER
    stocks, width = known.shape
    newest = width - 1 - known[:, ::-1].argmax(axis=1)
    at = newest[:, None] - np.arange(QUARTERS_BACK)
    on_file = (at >= 0) & known.any(axis=1)[:, None]
    at[~on_file] = 0
    row = np.arange(stocks)[:, None]
    ends = _quarter_ends(results.first_quarter + np.arange(width))
    valid = known.any(axis=1) & (day_of(run_date) - ends[newest] <= VALID_DAYS)
    revenue, net_profit, eps = (
        np.where(on_file, values[row, at], np.nan)
        for values in (results.revenue, results.net_profit, results.eps)
    )
    # An eps of 0 beside a profit or a loss is a field left empty.
    eps = np.where((eps == 0.0) & ~np.isnan(net_profit) & (net_profit != 0.0), np.nan, eps)
    return Quarters(valid, revenue, net_profit, eps, np.where(on_file, results.announced_at[row, at], NEVER))


def financial(quarters: Quarters) -> dict[str, Floats]:
    """The six by name, [n] each, not clipped; all NaN where Q0 is not valid."""
    revenue, profit = quarters.revenue, quarters.net_profit
    margin = _over(profit, np.where(revenue > 0.0, revenue, np.nan))
    features = {
        "revenue_growth_yoy": _growth(revenue, 4),
        "revenue_growth_qoq": _growth(revenue, 1),
        "pat_growth_yoy": _over(profit[:, 0] - profit[:, 4], np.abs(profit[:, 4])),
        "net_profit_margin": margin[:, 0],
        "npm_trend": _trend(np.clip(margin[:, :4], -_MARGIN, _MARGIN)),
        "eps_surprise_sue": _surprise(quarters.eps),
    }
    return {name: np.where(quarters.valid, values, np.nan) for name, values in features.items()}


def _quarter_ends(quarters: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The last day of each calendar quarter (year * 4 + 0..3)."""
    following = (quarters + 1 - 1970 * 4) * 3
    return following.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) - 1


def _growth(revenue: Floats, back: int) -> Floats:
    before = revenue[:, back]
    return _over(revenue[:, 0], np.where(before > 0.0, before, np.nan)) - 1.0


def _trend(margin: Floats) -> Floats:
    """Least-squares slope a quarter over the newest four margins (column 0 is the newest), of which three suffice."""
    there = ~np.isnan(margin)
    count = there.sum(axis=1)
    x = np.where(there, -np.arange(4.0), 0.0)
    y = np.where(there, margin, 0.0)
    some = np.maximum(count, 1)
    dx = np.where(there, x - (x.sum(axis=1) / some)[:, None], 0.0)
    dy = y - (y.sum(axis=1) / some)[:, None]
    return np.where(count >= 3, _over((dx * dy).sum(axis=1), (dx * dx).sum(axis=1)), np.nan)


def _surprise(eps: Floats) -> Floats:
    """Standardised unexpected earnings: the year's change of eps over the spread of the eight changes before it."""
    change = eps[:, :9] - eps[:, 4:13]
    past = np.ascontiguousarray(change[:, 1:])
    there = ~np.isnan(past)
    count = there.sum(axis=1)
    mean = np.where(there, past, 0.0).sum(axis=1) / np.maximum(count, 1)
    off = np.where(there, past - mean[:, None], 0.0)
    spread = np.sqrt((off * off).sum(axis=1) / np.maximum(count - 1, 1))
    usable = (count >= _LEAST_SURPRISES) & (spread > _FLAT)
    return np.where(usable, _over(change[:, 0], np.where(usable, spread, np.nan)), np.nan)


def _over(numerator: Floats, denominator: Floats) -> Floats:
    """A ratio with a zero or missing denominator is missing."""
    usable = ~np.isnan(denominator) & (denominator != 0.0)
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=usable)
