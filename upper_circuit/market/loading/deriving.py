"""
What follows from the rows: packed bars, counts by quarter, inferred actions, the sessions that have data.

All of it could be computed at reading time from the rows, for many seconds a read; kept beside them instead, it must
never differ from them. So whoever changes rows calls a function of this module in the same transaction: `derive`
makes the derived rows of whole stocks anew, `append` adds one newest day to what is there.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from upper_circuit.market import actions
from upper_circuit.market.days import STOCK_KEY, Days, date_of, day_of, months_of, quarters_of
from upper_circuit.market.loading.stock_bars import StockBars, unpacked
from upper_circuit.market.loading.writing import Columns, delete_stocks, insert, select_stocks
from upper_circuit.market.packed import BAR, FIRST, LOCKED, from_bytes
from upper_circuit.market.schema import (
    circuit_quarters,
    corporate_actions,
    daily_prices,
    packed_prices,
    trading_calendar,
)

INFERRED = "inferred"
DATA = "data"

Inferred = tuple[str, ...]
"""Actions as a person reads them: stock, ex-date, factor."""

_TAIL = 64
"""Bars of a stock on which its next bar's flags can depend: those of this month and the last, at most 46."""


def derive(connection: sa.Connection, whole: StockBars, stale: Collection[str] | None = None) -> None:
    """Make packed rows and quarters anew from the whole histories of stocks.

    `stale` are the stocks whose derived rows go, at least those of `whole`; None: all stocks there are.
    """
    flagged = whole.flagged(read_sessions(connection), actions.effective_actions(connection, stale))
    for table in (packed_prices, circuit_quarters):
        delete_stocks(connection, table, stale)
    insert(connection, packed_prices, flagged.packed())
    insert(connection, circuit_quarters, flagged.quarters())


def append(connection: sa.Connection, new: StockBars, day: int) -> Inferred:
    """Add one day's bars, the newest of their stocks; returns the actions inferred from them.

    The day must be on the calendar of sessions already, and none later.
    """
    current = _rows_of_year(connection, new.codes, date_of(day).year)
    tails = _tails(connection, new, day, current).with_bars(new)
    newest = tails.bars["date"] == day
    inferred = infer_actions(connection, tails, newest)
    flagged = tails.flagged(read_sessions(connection), actions.effective_actions(connection, new.codes))
    bars = flagged.bars[newest]
    added = StockBars(new.codes, new.stock, bars)
    _append_packed(connection, added, current)
    _append_quarters(connection, added)
    return inferred


Current = dict[str, tuple[int, int, bytes]]
"""By stock: bars, crc32 and payload of its packed row of a year."""


def _rows_of_year(connection: sa.Connection, codes: Collection[str], year: int) -> Current:
    table = packed_prices
    query = sa.select(table.c.bse_code, table.c.bars, table.c.crc32, table.c.payload).where(
        table.c.year == year
    )
    rows = select_stocks(connection, query, table.c.bse_code, codes)
    return {code: (bars, crc32, payload) for code, bars, crc32, payload in rows}


def _tails(connection: sa.Connection, new: StockBars, day: int, current: Current) -> StockBars:
    """The newest bars of each stock, back to before the last month where there are any."""
    year = date_of(day).year
    rows = [(code, year, payload[-_TAIL * BAR.itemsize :]) for code, (_, _, payload) in current.items()]
    month = months_of(np.array([day], dtype=np.int32))[0]
    opening = from_bytes(payload[: BAR.itemsize] for _, _, payload in current.values())["date"]
    reaches_back = {code for code, opened in zip(current, months_of(opening) < month, strict=True) if opened}
    table, other = packed_prices, packed_prices.alias()
    newest = sa.select(sa.func.max(other.c.year)).where(
        other.c.bse_code == table.c.bse_code, other.c.year < year
    )
    query = sa.select(table.c.bse_code, table.c.year, table.c.payload).where(
        table.c.year == newest.scalar_subquery()
    )
    short = set(new.codes) - reaches_back
    for code, older, payload in select_stocks(connection, query, table.c.bse_code, short):
        rows.append((code, older, payload[-_TAIL * BAR.itemsize :]))
    return unpacked(rows)


def _append_packed(connection: sa.Connection, added: StockBars, current: Current) -> None:
    rows = added.packed()
    nothing = (0, 0, b"")
    before = [current.get(code, nothing) for code in rows["bse_code"]]
    columns = {
        **rows,
        "bars": [count + 1 for count, _, _ in before],
        "crc32": [zlib.crc32(bar, crc32) for (_, crc32, _), bar in zip(before, rows["payload"], strict=True)],
        "payload": [payload + bar for (_, _, payload), bar in zip(before, rows["payload"], strict=True)],
    }
    insert(connection, packed_prices, columns, conflict="replace")


def _append_quarters(connection: sa.Connection, added: StockBars) -> None:
    table = circuit_quarters
    query = sa.select(table.c.bse_code, sa.func.max(table.c.history_start)).group_by(table.c.bse_code)
    starts = dict(select_stocks(connection, query, table.c.bse_code, added.codes))
    bars = added.bars
    columns: Columns = {
        "bse_code": list(added.codes),
        "history_start": [
            day if flags & FIRST else day_of(starts[code])
            for code, day, flags in zip(
                added.codes, bars["date"].tolist(), bars["flags"].tolist(), strict=True
            )
        ],
        "quarter": quarters_of(bars["date"]),
        "locked": (bars["flags"] & LOCKED).astype(np.int64),
        "bars": np.ones(len(bars), dtype=np.int64),
    }
    insert(connection, table, columns, conflict="replace", adding=("locked", "bars"))


def infer_actions(
    connection: sa.Connection,
    known: StockBars,
    asked: npt.NDArray[np.bool_],
    gone: Collection[tuple[str, int]] = (),
) -> Inferred:
    """Infer actions on the days of some bars anew; returns those that there are on these days now.

    Args:
        connection: holds the transaction.
        known: the bars with what lies before them.
        asked: the bars to judge. What was inferred for their days before is replaced.
        gone: stocks and days that have no bar any more.
    """
    table = corporate_actions
    index = {code: at for at, code in enumerate(known.codes)}
    keys = known.stock * STOCK_KEY + known.bars["date"]
    query = sa.select(table.c.bse_code, table.c.ex_date).where(table.c.source == INFERRED)
    old = [(code, ex_date) for code, ex_date in connection.execute(query) if code in index]
    judged = np.isin([index[code] * STOCK_KEY + day_of(ex_date) for code, ex_date in old], keys[asked])
    for (code, ex_date), again in zip(old, judged.tolist(), strict=True):
        if again or (code, day_of(ex_date)) in gone:
            key = (table.c.bse_code == code, table.c.ex_date == ex_date, table.c.source == INFERRED)
            connection.execute(sa.delete(table).where(*key))
    factor = np.where(asked, actions.infer(known.bars, known.stock), np.nan)
    at = np.flatnonzero(~np.isnan(factor))
    bars = known.bars[at]
    codes = [known.codes[stock] for stock in known.stock[at].tolist()]
    columns: Columns = {
        "bse_code": codes,
        "ex_date": bars["date"],
        "source": [INFERRED] * len(at),
        "factor": factor[at],
        "note": [
            f"opened at {o / 100:.2f} after {p / 100:.2f}" for o, p in bars[["open", "prev_close"]].tolist()
        ],
    }
    insert(connection, table, columns)
    found = zip(codes, bars["date"].tolist(), factor[at].tolist(), strict=True)
    return tuple(f"{code} {date_of(day)} x {ratio:.5g}" for code, day, ratio in found)


def read_sessions(connection: sa.Connection) -> Days:
    """The sessions that have bars, ascending."""
    table = trading_calendar
    query = sa.select(table.c.day).where(table.c.source == DATA)
    return np.array(sorted(day_of(day) for day in connection.execute(query).scalars()), dtype=np.int32)


def keep_session(connection: sa.Connection, day: int) -> bool:
    """Put a day on the calendar where it has bars, take it off where it has none; returns whether that changed it."""
    table, date = trading_calendar, date_of(day)
    has_bars = connection.execute(sa.select(sa.exists().where(daily_prices.c.trade_date == date))).scalar()
    is_there = bool(
        connection.execute(sa.select(table).where(table.c.day == date, table.c.source == DATA)).first()
    )
    if has_bars == is_there:
        return False
    if has_bars:
        insert(connection, table, {"day": np.array([day]), "source": [DATA], "is_session": [1]})
    else:
        connection.execute(sa.delete(table).where(table.c.day == date, table.c.source == DATA))
    return True
