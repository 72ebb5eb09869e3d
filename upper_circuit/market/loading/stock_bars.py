"""
Bars of several stocks as one array, on their way into and out of the packed form.

What is derived from bars (flags, packed rows, counts by quarter) is derived here for thousands of stocks at once, by
the same few lines whether years are imported, one day is added or everything is made anew. That is why the three
give the same bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from upper_circuit.market import circuits
from upper_circuit.market.actions import Actions
from upper_circuit.market.days import Days, day_of, quarters_of
from upper_circuit.market.loading.writing import Columns, select_stocks
from upper_circuit.market.packed import BAR, FIRST, LOCKED, SERIES, BarArray, from_bytes
from upper_circuit.market.schema import daily_prices, packed_prices

Ints = npt.NDArray[np.int64]

PRICES = ("open", "high", "low", "close", "prev_close")
_SERIES = {name: at for at, name in enumerate(SERIES)}
_READ_AT_ONCE = 200_000


@dataclass(frozen=True, slots=True)
class StockBars:
    """Whole histories, or tails of them, of some stocks.

    Guaranteed: codes ascend; `stock` indexes them; bars are sorted by stock and date, no stock has a day twice.
    """

    codes: tuple[str, ...]
    stock: Ints
    bars: BarArray

    def __post_init__(self) -> None:
        step = np.diff(self.stock)
        if len(self.stock) != len(self.bars) or (step < 0).any():
            raise ValueError("bars are not sorted by stock")
        if ((step == 0) & (np.diff(self.bars["date"]) <= 0)).any():
            raise ValueError("the days of a stock do not ascend")

    def __len__(self) -> int:
        return len(self.bars)

    @classmethod
    def of(cls, codes: Collection[str], code: npt.NDArray[np.int64], bars: BarArray) -> StockBars:
        """From bars in any order; `code` is the place of each bar's stock in `codes`, also in any order."""
        names = np.array(list(codes), dtype=object)
        order = np.argsort(names, kind="stable")
        rank = np.empty(len(names), dtype=np.int64)
        rank[order] = np.arange(len(names))
        stock = rank[code] if len(code) else np.zeros(0, dtype=np.int64)
        sort = np.lexsort((bars["date"], stock))
        return cls(tuple(names[order]), stock[sort], bars[sort])

    def with_bars(self, other: StockBars) -> StockBars:
        """These bars and others; a stock and day must not stand in both."""
        codes = sorted({*self.codes, *other.codes})
        index = {code: at for at, code in enumerate(codes)}
        parts = [
            np.array([index[code] for code in part.codes], dtype=np.int64)[part.stock]
            for part in (self, other)
        ]
        return StockBars.of(codes, np.concatenate(parts), np.concatenate([self.bars, other.bars]))

    def without(self, codes: Collection[str], day: int) -> StockBars:
        """These bars without one day of some stocks."""
        chosen = np.array([code in codes for code in self.codes], dtype=bool)
        kept = ~(chosen[self.stock] & (self.bars["date"] == day))
        return replace(self, stock=self.stock[kept], bars=self.bars[kept])

    def flagged(self, sessions: Days, actions: Actions) -> StockBars:
        """These bars with LOCKED and FIRST as they follow from sessions and actions."""
        bars = self.bars.copy()
        ex_date = actions.falls_on(bars, self.stock, self.codes)
        bars["flags"] = circuits.flags(bars, self.stock, sessions, ex_date)
        return replace(self, bars=bars)

    def packed(self) -> Columns:
        """Rows of packed_prices."""
        year = self.bars["date"].astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
        starts, ends = _runs(self.stock, year)
        buffer = memoryview(self.bars.tobytes())
        payloads = [
            bytes(buffer[start * BAR.itemsize : end * BAR.itemsize])
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ]
        return {
            "bse_code": [self.codes[at] for at in self.stock[starts].tolist()],
            "year": year[starts],
            "bars": ends - starts,
            "crc32": [zlib.crc32(payload) for payload in payloads],
            "payload": payloads,
        }

    def quarters(self) -> Columns:
        """Rows of circuit_quarters; needs whole histories with their flags."""
        at = np.arange(len(self.bars))
        history = np.maximum.accumulate(np.where(self.bars["flags"] & FIRST, at, 0)) if len(at) else at
        quarter = quarters_of(self.bars["date"]).astype(np.int64)
        starts, ends = _runs(history, quarter)
        locked = (self.bars["flags"] & LOCKED).astype(np.int64)
        return {
            "bse_code": [self.codes[at] for at in self.stock[starts].tolist()],
            "history_start": self.bars["date"][history[starts]],
            "quarter": quarter[starts],
            "locked": np.add.reduceat(locked, starts) if len(starts) else starts,
            "bars": ends - starts,
        }


def _runs(*keys: Ints) -> tuple[Ints, Ints]:
    """Where each run of equal keys starts and ends."""
    length = len(keys[0])
    opens = np.zeros(length, dtype=bool)
    opens[:1] = True
    for values in keys:
        opens[1:] |= values[1:] != values[:-1]
    starts = np.flatnonzero(opens)
    return starts, np.append(starts[1:], length) if length else starts


def from_packed(connection: sa.Connection, codes: Collection[str] | None = None) -> StockBars:
    """Whole histories from their packed rows; codes None: of every stock."""
    table = packed_prices
    query = sa.select(table.c.bse_code, table.c.year, table.c.payload)
    return unpacked([tuple(row) for row in select_stocks(connection, query, table.c.bse_code, codes)])


def unpacked(rows: Iterable[tuple[str, int, bytes]]) -> StockBars:
    """Bars from packed rows (code, year, payload) in any order."""
    ordered = sorted(rows, key=lambda row: row[:2])
    codes = list(dict.fromkeys(code for code, _, _ in ordered))
    index = {code: at for at, code in enumerate(codes)}
    counts = [len(payload) // BAR.itemsize for _, _, payload in ordered]
    stock = np.repeat(np.array([index[code] for code, _, _ in ordered], dtype=np.int64), counts)
    return StockBars(tuple(codes), stock, from_bytes(payload for _, _, payload in ordered))


def from_rows(connection: sa.Connection, codes: Collection[str] | None = None) -> StockBars:
    """Whole histories from daily_prices; codes None: of every stock. Flags are not set."""
    table = daily_prices
    query = sa.select(
        table.c.bse_code,
        sa.type_coerce(table.c.trade_date, sa.String),
        table.c.series,
        table.c.volume,
        *(table.c[name] for name in PRICES),
    ).execution_options(yield_per=_READ_AT_ONCE)
    index: dict[str, int] = {}
    days: dict[str | date, int] = {}
    parts: list[tuple[Ints, BarArray]] = []
    rows = select_stocks(connection, query, table.c.bse_code, codes)
    while block := list(islice(rows, _READ_AT_ONCE)):
        code, trade_date, series, volume, *prices = zip(*block, strict=True)
        bars = np.zeros(len(block), dtype=BAR)
        bars["date"] = [days.get(value) or days.setdefault(value, _day(value)) for value in trade_date]
        bars["series"] = [_SERIES[name] for name in series]
        bars["volume"] = volume
        for name, rupees in zip(PRICES, prices, strict=True):
            bars[name] = paise(np.array(rupees, dtype=np.float64))
        parts.append((np.array([index.setdefault(name, len(index)) for name in code], dtype=np.int64), bars))
    if not parts:
        return StockBars((), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=BAR))
    return StockBars.of(
        index, np.concatenate([at for at, _ in parts]), np.concatenate([bars for _, bars in parts])
    )


def paise(rupees: npt.NDArray[np.float64]) -> Ints:
    """Rupees with at most two decimals as whole paise, exactly."""
    return np.rint(rupees * 100).astype(np.int64)


def _day(value: str | date) -> int:
    return day_of(date.fromisoformat(value) if isinstance(value, str) else value)
