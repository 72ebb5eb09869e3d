"""
Splits and bonuses, recognised from prices and overridden by the user.

The exchange does not adjust the previous close on an ex-date: a 1:1 bonus looks like a fall by half, and every return,
average and limit computed through it is wrong. No free file lists the factors, so they are inferred from the gap
between the previous close and the open. The inference misses small bonuses and takes demergers for splits; the
user's own list (`upper-circuit ingest FILE`) wins over it, and a factor of 1 in it cancels an inferred one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from upper_circuit.market.days import STOCK_KEY, Days, day_of
from upper_circuit.market.packed import BarArray
from upper_circuit.market.schema import corporate_actions

FALL = 0.78
RISE = 1.30
"""Open over previous close beyond which a gap is taken for an action: hardly any band reaches so far in one day."""
NEWEST_BAR_WITHIN = 10
"""Calendar days: after a longer silence a gap is news, or a price set anew when a suspension ends."""
TOLERANCE = 0.12
"""How far the ratio may lie from the gap, relative to the gap, which also holds the day's own move."""
SIMPLE_RATIOS = np.array(
    [1 / n for n in (20, 16, 15, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)]
    + [2 / 9, 2 / 7, 3 / 8, 2 / 5, 3 / 7, 4 / 7, 3 / 5, 5 / 8, 2 / 3, 5 / 7, 3 / 4, 4 / 5]
    + [2.0, 3.0, 4.0, 5.0, 10.0]
)
"""Splits, bonuses and their mixtures as they happened in 2021-2025; above 1 consolidations."""


@dataclass(frozen=True, slots=True)
class Actions:
    """Factors in effect, by stock and ex-date; none of them is 1.

    Prices before the ex-date are multiplied by the factor, volumes divided.
    """

    codes: tuple[str, ...]
    ex_day: Days
    factor: npt.NDArray[np.float64]

    def falls_on(
        self, bars: BarArray, stock: npt.NDArray[np.int64], codes: tuple[str, ...]
    ) -> npt.NDArray[np.bool_]:
        """Whether each bar's date is an ex-date of its stock; `stock` indexes `codes`."""
        index = {code: at for at, code in enumerate(codes)}
        keys = [
            index[code] * STOCK_KEY + day
            for code, day in zip(self.codes, self.ex_day.tolist(), strict=True)
            if code in index
        ]
        return np.isin(stock * STOCK_KEY + bars["date"], keys)


def effective_actions(connection: sa.Connection, codes: Collection[str] | None = None) -> Actions:
    """The factors in effect: where a user's row and an inferred one meet, the user's counts; factor 1 is none.

    Args:
        connection: to the market database.
        codes: only these stocks; None: every stock.
    """
    table = corporate_actions
    rows = connection.execute(
        sa.select(table.c.bse_code, table.c.ex_date, table.c.source, table.c.factor)
    ).all()
    wanted = None if codes is None else set(codes)
    effective: dict[tuple[str, date], float] = {}
    for code, ex_date, source, factor in rows:
        if wanted is None or code in wanted:
            known = effective.setdefault((code, ex_date), factor)
            effective[code, ex_date] = factor if source == "user" else known
    kept = sorted(key for key, factor in effective.items() if factor != 1.0)
    return Actions(
        codes=tuple(code for code, _ in kept),
        ex_day=np.array([day_of(ex_date) for _, ex_date in kept], dtype=np.int32),
        factor=np.array([effective[key] for key in kept], dtype=np.float64),
    )


def infer(bars: BarArray, stock: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The factor that each bar's opening gap stands for; NaN where it stands for none.

    Args:
        bars: of any number of stocks, sorted by stock and date, as published.
        stock: the stock each bar belongs to, any ascending number.

    A first bar has no gap. The ratio nearest to the gap (in logarithms) is taken if it lies within the tolerance.
    """
    recent = np.zeros(len(bars), dtype=bool)
    recent[1:] = (stock[1:] == stock[:-1]) & (np.diff(bars["date"]) <= NEWEST_BAR_WITHIN)
    recent &= bars["prev_close"] > 0
    gap = np.ones(len(bars))
    np.divide(bars["open"], bars["prev_close"], out=gap, where=recent)
    at = np.flatnonzero((gap < FALL) | (gap > RISE))
    distance = np.abs(np.log(SIMPLE_RATIOS[None, :] / gap[at, None]))
    ratio = SIMPLE_RATIOS[np.argmin(distance, axis=1)]
    factor = np.full(len(bars), np.nan)
    factor[at] = np.where(np.abs(ratio / gap[at] - 1) <= TOLERANCE, ratio, np.nan)
    return factor
