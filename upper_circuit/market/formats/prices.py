"""
A day's prices, believed only as a whole: the checks that every exchange format shares.

One wrong bar is a wrong lock, a wrong label and a wrong feature for a year. A file that is cut off, of two days, of
tomorrow, or whose high lies below its low is therefore refused with its first wrong line, and nothing of it is used.
Rows that are no shares are only counted, never judged: their prices follow other rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from upper_circuit.market.formats import groups, values
from upper_circuit.market.formats.form import Given, Leftovers
from upper_circuit.market.formats.rows import Exchange, PriceFile, PriceRows
from upper_circuit.market.formats.table import Table, Texts
from upper_circuit.market.formats.values import first

_RUPEES_PER_LAC = 100_000


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a format keeps what; None: it has no such column."""

    title: str
    exchange: Exchange
    symbol: str
    series: str
    open: str
    high: str
    low: str
    close: str
    last: str
    prev_close: str
    volume: str
    turnover: str
    turnover_in_lacs: bool
    trades: str | None
    deliv_qty: str | None = None
    day: str | None = None
    isin: str | None = None
    code: str | None = None


def price_file(table: Table, given: Given, layout: Layout, shares: Sequence[bool] | None = None) -> PriceFile:
    """Check a whole file and keep its shares.

    Args:
        table: the file.
        given: today, and the day where the file has none.
        layout: the columns of its format.
        shares: for each row whether it is a share, where the format says so.
    """
    trade_date = _trade_date(table, given, layout)
    left_out = Leftovers()
    kept = _shares(table, layout, shares, left_out)
    kept = _traded(kept, layout, left_out)
    if not len(kept):
        raise table.refused(f"holds no share that traded, only {'; '.join(map(str, left_out.all()))}")
    rows = _checked(kept, layout)
    content = table.content
    return PriceFile(
        "prices",
        layout.title,
        content.name,
        content.sha256,
        left_out.all(),
        layout.exchange,
        trade_date,
        rows,
    )


def _trade_date(table: Table, given: Given, layout: Layout) -> date:
    if layout.day is None:
        if given.trade_date is None:
            reason = f"has no date in it ({layout.title}); give the day (trade_date) it is for"
            raise table.refused(reason)
        if given.trade_date > given.today:
            raise table.refused(f"is said to be of {given.trade_date}, after today ({given.today})")
        return given.trade_date
    days = values.dates(table, layout.day)
    day = days[0]
    if len(set(days)) > 1:
        row = next(row for row, other in enumerate(days) if other != day)
        raise table.refused(
            f"is another day than the {day} of the lines above; a file has one day", row, layout.day
        )
    if day > given.today:
        raise table.refused(f"lies in the future (today is {given.today})", 0, layout.day)
    if given.trade_date not in (None, day):
        raise table.refused(f"is another day than the {given.trade_date} it was given for", 0, layout.day)
    return day


def _shares(table: Table, layout: Layout, shares: Sequence[bool] | None, left_out: Leftovers) -> Table:
    """The rows of shares; a file of nothing but the T+0 market is refused by name."""
    symbols, series = table.texts(layout.symbol), table.texts(layout.series)
    isins = table.texts(layout.isin) if layout.isin else ("",) * len(table)
    if all(map(groups.is_same_day, symbols, series)):
        raise table.refused(
            "holds the T+0 settlement market only; give the exchange's file of the normal market"
        )
    kept = np.ones(len(table), dtype=np.bool_)
    for row, (symbol, filed, isin) in enumerate(zip(symbols, series, isins, strict=True)):
        share = shares is None or shares[row]
        reason = groups.why_left_out(layout.exchange, symbol, filed, isin, share=share)
        if reason is not None:
            kept[row] = False
            left_out.add(reason, f"{symbol} {filed}")
    return table.keep(kept)


def _traded(table: Table, layout: Layout, left_out: Leftovers) -> Table:
    """The rows with a trade: a suspended share may stand in the file with a volume of 0 and no prices."""
    traded = values.counts(table, layout.volume) > 0
    symbols, series = table.texts(layout.symbol), table.texts(layout.series)
    for row in np.flatnonzero(~traded).tolist():
        left_out.add(groups.NO_TRADE, f"{symbols[row]} {series[row]}")
    return table.keep(traded)


def _checked(table: Table, layout: Layout) -> PriceRows:
    symbols, series = values.names(table, layout.symbol), table.texts(layout.series)
    codes = values.codes(table, layout.code) if layout.code else None
    _no_stock_twice(table, layout, codes or symbols, series)
    columns = {
        name: values.paise(table, name)
        for name in (layout.open, layout.high, layout.low, layout.close, layout.prev_close)
    }
    for name, column in columns.items():
        no_previous = layout.exchange == "BSE" and name == layout.prev_close
        lowest = 0 if no_previous else 1
        first(table, column < lowest, lambda _: "must be more than 0", name)
    low, high = columns[layout.low], columns[layout.high]
    first(table, high < low, lambda row: f"is below the low of {low[row] / 100:.2f}", layout.high)
    for name in (layout.open, layout.close):
        outside = (columns[name] < low) | (columns[name] > high)
        first(
            table,
            outside,
            lambda row: f"lies outside the day's {low[row] / 100:.2f}..{high[row] / 100:.2f}",
            name,
        )
    return PriceRows(
        code=codes or (None,) * len(table),
        symbol=symbols,
        isin=_isins(table, layout),
        series=series,
        open=columns[layout.open],
        high=high,
        low=low,
        close=columns[layout.close],
        prev_close=columns[layout.prev_close],
        volume=values.counts(table, layout.volume),
        last=values.optional_paise(table, layout.last),
        turnover_lacs=_turnover(table, layout),
        trades=_optional_counts(table, layout.trades),
        deliv_qty=_optional_counts(table, layout.deliv_qty),
    )


def _no_stock_twice(table: Table, layout: Layout, keys: Texts, series: Texts) -> None:
    """One bar a stock and day: also not once in EQ and once in BE, as none of 2.6 million real bars does."""
    seen: dict[str, int] = {}
    for row, key in enumerate(keys):
        before = seen.setdefault(key, row)
        if before != row:
            field = layout.code or layout.symbol
            reason = f"stands twice: in {series[before]} on line {table.lines[before]}, in {series[row]} here"
            raise table.refused(reason, row, field)


def _isins(table: Table, layout: Layout) -> tuple[str | None, ...]:
    if layout.isin is None:
        return (None,) * len(table)
    return tuple(isin or None for isin in values.isins(table, layout.isin))


def _turnover(table: Table, layout: Layout) -> tuple[float | None, ...]:
    filed = values.numbers(table, layout.turnover)
    if layout.turnover_in_lacs:
        return filed
    return tuple(None if rupees is None else rupees / _RUPEES_PER_LAC for rupees in filed)


def _optional_counts(table: Table, name: str | None) -> tuple[int | None, ...]:
    return values.optional_counts(table, name) if name else (None,) * len(table)
