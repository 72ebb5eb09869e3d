"""
Which stock has a bar on which session, and on which it trades ex a split or bonus.

Both are settled before the first price is drawn, since an ex-date must fall on a bar, and a stock that does not trade
keeps its last close for the day it does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from upper_circuit.market.synthetic.draws import Flags, Ints, pick
from upper_circuit.market.synthetic.stocks import Stocks

# New shares for old ones (den for num), relative frequency, least price in paise at which a company does it.
_RATIOS: tuple[tuple[int, int, float, int], ...] = (
    (1, 2, 0.55, 30_00),
    (1, 5, 0.12, 150_00),
    (1, 10, 0.10, 400_00),
    (1, 3, 0.08, 60_00),
    (2, 3, 0.10, 20_00),
    (4, 5, 0.05, 20_00),
)
_A_YEAR = 0.06
"""Splits and bonuses a stock and year."""


@dataclass(frozen=True, slots=True)
class Actions:
    """Splits and bonuses, by session; a price before is multiplied by num / den.

    The stock has a bar on the session and one before it; at most one action a stock.
    """

    session: Ints
    stock: Ints
    num: Ints
    den: Ints

    def on(self, session: int) -> slice:
        """The actions of one session."""
        return slice(*(int(np.searchsorted(self.session, session, side=side)) for side in ("left", "right")))


def present(rng: np.random.Generator, stocks: Stocks, sessions: int) -> Flags:
    """[sessions, stocks]: the stock has a bar. A thin stock trades on its first and its last session."""
    day = np.arange(sessions)[:, None]
    here = (
        (day >= stocks.listed)
        & (day < stocks.gone)
        & ~((day >= stocks.pause_from) & (day < stocks.pause_until))
    )
    for stock in np.flatnonzero(stocks.trades_on < 1.0):
        traded = rng.random(sessions) < stocks.trades_on[stock]
        traded[[stocks.listed[stock], stocks.gone[stock] - 1]] = True
        here[:, stock] &= traded
    return here


def plan_actions(rng: np.random.Generator, stocks: Stocks, here: Flags) -> Actions:
    """Draw splits and bonuses; each moves to the stock's next bar, and falls away where none follows."""
    sessions = len(here)
    wanted = max(2, int(stocks.count * sessions / 250 * _A_YEAR))
    ratio = pick(rng, [row[2] for row in _RATIOS], wanted)
    session, stock = rng.integers(2, sessions, wanted), rng.integers(0, stocks.count, wanted)
    num, den, least = (np.array([row[i] for row in _RATIOS], dtype=np.int64)[ratio] for i in (0, 1, 3))
    found: dict[tuple[int, int], tuple[int, int]] = {}
    split: set[int] = set()
    for at, who, up, down, floor in zip(session, stock, num, den, least, strict=True):
        after = here[at:, who]
        if stocks.price[who] < floor or who in split or not after.any() or not here[:at, who].any():
            continue
        split.add(int(who))
        found[int(at + after.argmax()), int(who)] = (int(up), int(down))
    rows = np.array([(*key, *found[key]) for key in sorted(found)], dtype=np.int64).reshape(-1, 4)
    return Actions(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3])
