"""
The daily bars: what people want to pay, and what the exchange's limits let them.

Each stock has a mood (calm, stirring, run, slide) that nobody publishes. A run wants more than a band allows: the
close stands locked at the limit, what was not met is wanted again tomorrow, and so locks come in clusters. Stirring
shows in volume and range before it becomes a run, most often it does not; good results and orders start runs too.
So the next lock can be foretold from the past, and not very well: as in the real market.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from upper_circuit.market.synthetic.draws import Flags, Floats, Ints, bell, exp2
from upper_circuit.market.synthetic.limits import Limits, limits, ticks
from upper_circuit.market.synthetic.moods import Moods
from upper_circuit.market.synthetic.presence import Actions
from upper_circuit.market.synthetic.sessions import Sessions
from upper_circuit.market.synthetic.stocks import BE, SM, ST, Stocks
from upper_circuit.market.synthetic.surveillance import Surveillance

Int32s = npt.NDArray[np.int32]
Codes = npt.NDArray[np.uint8]

_UNMET_AGAIN = 0.5
"""Share of the demand beyond a limit that comes back at the next bar."""
_PULL = 0.012
"""Most a day's move is drawn towards the first price: prices stay within a plausible range for years."""
_SPURT = 5
"""Times its calm day's volume that the exchange asks a company about."""


@dataclass(frozen=True, slots=True)
class Bars:
    """[sessions, stocks] each, meaningful where `present`. Prices in paise as published, prev_close not adjusted.

    Once played, low <= open, close, last <= high, all on the tick; within the band of the day but for first bars.
    `series` (position in SERIES) and `band` (percent, 0: none) hold for every stock on every session.
    """

    present: Flags
    prev_close: Int32s
    open: Int32s
    high: Int32s
    low: Int32s
    close: Int32s
    last: Int32s
    volume: Ints
    delivered: Ints
    """-1: not published."""
    trades: Int32s
    series: Codes
    band: Codes
    locked: Flags
    """Closed at its high and at the day's upper limit; never where there is no fixed band, nor on a first bar."""
    spurt: Flags
    """More volume than the exchange lets pass without a question."""


@dataclass(frozen=True, slots=True)
class Tidings:
    """[sessions, stocks] each: what a session is the first to know, 0 where there is nothing."""

    moves: Floats
    """What announcements add to the day's move."""
    surprise: Floats
    """Of results, in standard deviations."""


def trade(
    rng: np.random.Generator,
    stocks: Stocks,
    sessions: Sessions,
    *,
    present: Flags,
    actions: Actions,
    tidings: Tidings,
) -> Bars:
    """Play every session in turn."""
    bars = _blank(present)
    floor = _Floor(rng, stocks, sessions)
    for session in range(len(sessions.past)):
        floor.play(session, bars, actions, tidings)
    return bars


def _blank(present: Flags) -> Bars:
    shape = present.shape
    return Bars(
        present=present,
        prev_close=np.zeros(shape, np.int32),
        open=np.zeros(shape, np.int32),
        high=np.zeros(shape, np.int32),
        low=np.zeros(shape, np.int32),
        close=np.zeros(shape, np.int32),
        last=np.zeros(shape, np.int32),
        volume=np.zeros(shape, np.int64),
        delivered=np.zeros(shape, np.int64),
        trades=np.zeros(shape, np.int32),
        series=np.zeros(shape, np.uint8),
        band=np.zeros(shape, np.uint8),
        locked=np.zeros(shape, np.bool_),
        spurt=np.zeros(shape, np.bool_),
    )


class _Floor:
    """What carries over from one session to the next."""

    def __init__(self, rng: np.random.Generator, stocks: Stocks, sessions: Sessions) -> None:
        count = stocks.count
        self._rng, self._stocks, self._sessions = rng, stocks, sessions
        self._moods, self._watch = Moods(count), Surveillance(stocks)
        self._prev = stocks.price.copy()
        self._anchor = stocks.price.astype(np.float64)
        self._usual_volume = stocks.turnover * 100.0 / stocks.price
        self._month = 0
        self._month_close = np.zeros(count, dtype=np.int64)
        self._traded_this_month = np.zeros(count, dtype=np.bool_)
        self._unlisted = stocks.listed > 0
        self._unmet, self._afterglow, self._activity = (np.zeros(count) for _ in range(3))
        self._market_swing = 1.0

    def play(self, session: int, bars: Bars, actions: Actions, tidings: Tidings) -> None:
        """One session: write its bars and carry on."""
        here, prev = bars.present[session], self._prev
        moves, surprise = tidings.moves[session], tidings.surprise[session]
        tick = self._tick(session)
        base = self._base(actions, session)
        first = here & self._unlisted
        bounds = limits(base, self._watch.band, tick, first=first)
        wanted, spread = self._wanted(moves, surprise, base, here)
        wanted = np.where(first, 3.0 * wanted + 0.08, wanted)
        close = bounds.nearest(base * (1.0 + wanted))
        reached = close / base - 1.0
        opened, high, low, last = _around(
            self._rng, base, close, bounds, wanted=wanted, unmet=self._unmet, spread=spread
        )
        locked = here & (close == bounds.upper) & (self._watch.band > 0) & ~first
        volume = self._volume(np.abs(reached) / spread, still=locked & (low == high), here=here)

        bars.prev_close[session], bars.open[session], bars.high[session] = prev, opened, high
        bars.low[session], bars.close[session], bars.last[session] = low, close, last
        bars.volume[session], bars.spurt[session] = volume, here & (volume > _SPURT * self._usual_volume)
        bars.trades[session], bars.delivered[session] = self._trades(volume), self._delivered(volume)
        bars.series[session], bars.band[session] = self._watch.series, self._watch.band
        bars.locked[session] = locked

        self._prev = np.where(here, close, prev)
        self._traded_this_month |= here
        self._unlisted &= ~here
        self._unmet = np.where(here, np.clip(wanted - reached, -0.12, 0.12), self._unmet)
        kick = moves / 0.02 + np.maximum(surprise, 0.0) * 0.5
        self._moods.turn(self._rng, self._stocks.proneness, kick=kick, move=reached, locked=locked, here=here)
        self._watch.review(self._rng, session, close, here)

    def _tick(self, session: int) -> Ints:
        """Set by the stock's last close of the month before, by the previous close where it has none."""
        day = self._sessions.past[session]
        if day.month != self._month:
            self._month_close = np.where(self._traded_this_month, self._prev, 0)
            self._month = day.month
            self._traded_this_month[:] = False
        return ticks(
            day, np.where(self._month_close > 0, self._month_close, self._prev), sme=self._on_sme_board()
        )

    def _on_sme_board(self) -> Flags:
        return np.isin(self._watch.series, (SM, ST))

    def _base(self, actions: Actions, session: int) -> Ints:
        """The price that limits start from: the previous close, adjusted on an ex-date."""
        base = self._prev.copy()
        rows = actions.on(session)
        stock, num, den = actions.stock[rows], actions.num[rows], actions.den[rows]
        base[stock] = (base[stock] * num + den // 2) // den
        self._anchor[stock] *= num / den
        self._usual_volume[stock] *= den / num
        self._watch.split(stock, num / den)
        return base

    def _wanted(self, moves: Floats, surprise: Floats, base: Ints, here: Flags) -> tuple[Floats, Floats]:
        """The move that buyers and sellers want, and how wide the day's prices spread."""
        rng, stocks = self._rng, self._stocks
        self._market_swing = 0.3 + 0.7 * self._market_swing + 0.25 * float(bell(rng, 1)[0])
        market = 0.0003 + 0.006 * max(self._market_swing, 0.4) * float(bell(rng, 1)[0])
        industry = 0.005 * bell(rng, 64)[stocks.industry]
        spread = stocks.volatility * self._moods.swing()
        shock = np.where(rng.random(stocks.count) < 0.02, 3.0, 1.0)
        own = spread * shock * bell(rng, stocks.count)
        self._afterglow = np.where(here, 0.93 * self._afterglow, self._afterglow) + 0.0012 * surprise
        known = moves + 0.014 * surprise + self._afterglow + _UNMET_AGAIN * self._unmet
        pull = _PULL * (self._anchor - base) / (self._anchor + base)
        wanted = stocks.beta * market + industry + own + known + pull + self._moods.lean()
        return np.clip(wanted, -0.35, 0.35), spread

    def _volume(self, size: Floats, *, still: Flags, here: Flags) -> Ints:
        """Shares; `size` is the day's move in spreads, `still` a day at one price, on which few find a seller."""
        rng, count = self._rng, len(size)
        self._activity = np.where(here, 0.8 * self._activity + 0.35 * bell(rng, count), self._activity)
        doublings = (
            self._activity + self._moods.crowd() + 0.5 * np.minimum(size, 4.0) + 0.5 * bell(rng, count) - 0.6
        )
        volume: Ints = np.maximum(self._usual_volume * exp2(doublings - 1.5 * still), 1.0).astype(np.int64)
        return volume

    def _trades(self, volume: Ints) -> Ints:
        size = np.where(self._on_sme_board(), 1500.0, 25.0) * (1.0 + 4.0 * self._rng.random(len(volume)))
        trades: Ints = np.minimum(np.ceil(volume / size), 2e9).astype(np.int64)
        return trades

    def _delivered(self, volume: Ints) -> Ints:
        """Less of it on busy days; all in ST; in BE none is published."""
        share = np.clip(0.55 - 0.08 * self._moods.crowd() + 0.15 * bell(self._rng, len(volume)), 0.05, 1.0)
        share = np.where(self._watch.series == ST, 1.0, share)
        return np.where(self._watch.series == BE, -1, np.floor(volume * share).astype(np.int64))


def _around(
    rng: np.random.Generator,
    base: Ints,
    close: Ints,
    bounds: Limits,
    *,
    wanted: Floats,
    unmet: Floats,
    spread: Floats,
) -> tuple[Ints, Ints, Ints, Ints]:
    """Open, high, low and last of a day that closes at `close`; one that opens at its limit may never leave it."""
    count, upper, lower = len(base), bounds.upper, bounds.lower
    gap = 0.3 * wanted * rng.random(count) + 0.5 * unmet + 0.25 * spread * bell(rng, count)
    opened = bounds.nearest(base * (1.0 + gap))
    over, under = (0.45 * spread * np.abs(bell(rng, count)) for _ in range(2))
    stuck = (opened == close) & ((close == upper) | (close == lower)) & (rng.random(count) < 0.7)
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    high = np.maximum(bounds.nearest(top * (1.0 + np.where(stuck, 0.0, over))), top)
    low = np.minimum(bounds.nearest(bottom * (1.0 - np.where(stuck, 0.0, under))), bottom)
    last = np.clip(close + rng.integers(-2, 3, count) * bounds.tick, low, high)
    return opened, high, low, np.where((close == upper) | (close == lower), close, last)
