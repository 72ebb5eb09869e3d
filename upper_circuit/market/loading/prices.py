"""
One exchange's prices of one day, into rows.

A day may arrive early, late, twice, corrected, from both exchanges or as a holiday's copy of the day before. Here it
is decided which of its rows are loaded, for which stock, in place of which; what follows from the rows is `deriving`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from upper_circuit.errors import FileRefused
from upper_circuit.market.days import date_of, day_of
from upper_circuit.market.formats import Dropped, Exchange, PriceFile, series_of
from upper_circuit.market.formats.form import Leftovers
from upper_circuit.market.loading import deriving
from upper_circuit.market.loading.joining import Joins
from upper_circuit.market.loading.stock_bars import PRICES, StockBars, from_packed, paise
from upper_circuit.market.loading.writing import Columns, blocks, insert
from upper_circuit.market.packed import BAR, SERIES
from upper_circuit.market.schema import daily_prices as table

NO_CODE = "no BSE code (listed on NSE only)"
OTHER_EXCHANGE = "listed on NSE, whose prices are used"
SECOND_ROW = "second row of one stock"

_CONTENT = (
    "symbol",
    "series",
    "open",
    "high",
    "low",
    "close",
    "last",
    "prev_close",
    "volume",
    "turnover_lacs",
    "trades",
    "deliv_qty",
)
_TRADED = ("series", "open", "high", "low", "close", "prev_close", "volume")

_DETAILS = ("last", "turnover_lacs", "trades", "deliv_qty")
_PART = 0.8
"""Below this share of the session before a file is a part of its day. Measured on NSE's rows with a BSE code, 2021-2025: days
with all series never have less than 0.96, Muhurat evenings and Saturday drills among them; the 33 days of which little but
series EQ is on file have 0.805 (2023-09-05) and more, and such files are in use."""
_DOUBTED = 0.95
"""No day with all series has less."""
_TOO_FEW_TO_TELL = 50
"""Of fewer stocks it means little that some did not trade."""
A_COPY = 0.5
"""Two days of a real market share a few percent of their rows, of stocks that hardly trade."""
_LONGEST_CLOSURE = 5
_DAYS_IN_NAMES = ("%d%m%Y", "%Y%m%d", "%d%b%Y", "%Y-%m-%d")

Row = dict[str, object]
Rows = dict[str, Row]
"""Rows of daily_prices of one day, by BSE code."""


def rows_of(file: PriceFile, joins: Joins) -> tuple[Rows, tuple[Dropped, ...]]:
    """The rows of a file by stock, and those that are left out."""
    given = file.rows
    rows: Rows = {}
    left_out = Leftovers()
    on_nse = joins.on_nse if file.exchange == "BSE" else frozenset()
    for at, symbol in enumerate(given.symbol):
        code = given.code[at] or joins.of_listing(given.isin[at], symbol)
        reason = _why_left_out(code, on_nse, rows)
        if reason or code is None:
            left_out.add(reason or NO_CODE, symbol)
            continue
        last = given.last[at]
        rows[code] = {
            "symbol": symbol,
            "series": series_of(file.exchange, given.series[at]),
            **{name: int(getattr(given, name)[at]) / 100 for name in PRICES},
            "last": None if last is None else last / 100,
            "volume": int(given.volume[at]),
            "turnover_lacs": given.turnover_lacs[at],
            "trades": given.trades[at],
            "deliv_qty": given.deliv_qty[at],
        }
    return rows, left_out.all()


def _why_left_out(code: str | None, on_nse: Collection[str], rows: Rows) -> str | None:
    if code is None:
        return NO_CODE
    if code in on_nse:
        return OTHER_EXCHANGE
    return SECOND_ROW if code in rows else None


def rows_on(connection: sa.Connection, day: date, exchange: Exchange) -> tuple[Rows, frozenset[int]]:
    """The rows of a day and exchange in the database, and the files they came from."""
    columns = [table.c[name] for name in _CONTENT]
    query = sa.select(table.c.bse_code, table.c.file_id, *columns).where(
        table.c.trade_date == day, table.c.exchange == exchange
    )
    rows: Rows = {}
    files = set()
    for code, file_id, *values in connection.execute(query):
        rows[code] = dict(zip(_CONTENT, values, strict=True))
        files.add(file_id)
    return rows, frozenset(files)


def likeness(one: Rows, other: Rows) -> float:
    """The share of stocks, of all in either, that have the same prices and volume in both."""
    same = sum(
        all(row[name] == other[code][name] for name in _TRADED) for code, row in one.items() if code in other
    )
    return same / max(len(one.keys() | other.keys()), 1)


def says_no_more(new: Rows, old: Rows) -> bool:
    """Whether all that the new rows say is in the old ones: the same trades, and no detail that was missing."""
    return likeness(new, old) == 1 and not any(
        row[name] is not None and old[code][name] is None for code, row in new.items() for name in _DETAILS
    )


def refuse_part(
    connection: sa.Connection, file: PriceFile, rows: Rows, loaded: Rows, *, allowed: bool
) -> str | None:
    """Raise FileRefused for far fewer stocks than the session before has, or than are loaded of the day already.

    A file that is cut off between two lines looks whole, and in place of a whole day it would erase the rest of it.
    Returns a word of doubt where the file is loaded all the same: somebody `allowed` it, some stocks are missing only,
    or there are too few of them to tell.
    """
    expected, day = len(loaded), file.trade_date
    sessions = deriving.read_sessions(connection)
    for before in map(date_of, sessions[sessions < day_of(file.trade_date)][-1:].tolist()):
        of_day = (table.c.trade_date == before) & (table.c.exchange == file.exchange)
        count = connection.execute(sa.select(sa.func.count()).select_from(table).where(of_day)).scalar_one()
        expected, day = max((expected, day), (count, before))
    if len(rows) >= _DOUBTED * expected:
        return None
    if len(rows) >= _PART * expected or expected < _TOO_FEW_TO_TELL or allowed:
        return f"only {len(rows):,} stocks where {day} has {expected:,}: is the file whole?"
    reason = f"has {len(rows):,} stocks where {day} has {expected:,}, less than {_PART:.0%}: it looks cut off"
    raise FileRefused(file.name, f"{reason}; if it is whole, say so (allow_partial)")


def refuse_copy(connection: sa.Connection, file: PriceFile, rows: Rows) -> None:
    """Raise FileRefused where the rows are those of the session before or after: no market trades twice alike."""
    sessions = deriving.read_sessions(connection)
    day = day_of(file.trade_date)
    at = int(np.searchsorted(sessions, day))
    others = [*sessions[max(at - 1, 0) : at], *sessions[at : at + 2]]
    for other in (date_of(other) for other in others if other != day):
        share = likeness(rows, rows_on(connection, other, file.exchange)[0])
        if share > A_COPY:
            reason = f"is a copy of another day: {share:.0%} of its rows for {file.trade_date} are those loaded for {other}"
            raise FileRefused(file.name, reason)


def refuse_other_name(file: PriceFile, rows: Rows, loaded: Rows) -> None:
    """Raise FileRefused where a loaded day's rows come under the name of a day after it, as they do on holidays.

    The name decides nothing else. Taken for a correction, such a file would leave its reader in the belief that the
    holiday is loaded.
    """
    if likeness(rows, loaded) <= A_COPY:
        return
    for days in range(1, _LONGEST_CLOSURE + 1):
        day = file.trade_date + timedelta(days)
        if any(f"{day:{form}}".upper() in file.name.upper() for form in _DAYS_IN_NAMES):
            reason = f"is a copy of another day: its rows are those of {file.trade_date}, loaded already; {day} was a holiday"
            raise FileRefused(file.name, reason)


def load_day(connection: sa.Connection, file: PriceFile, rows: Rows, file_id: int) -> deriving.Inferred:
    """Put a day's rows in place of those the database has, and keep up what follows from them.

    Returns the corporate actions inferred from them.
    """
    day = day_of(file.trade_date)
    old = _delete_old(connection, file, rows)
    insert(connection, table, _columns(file, rows, file_id))
    is_new = deriving.keep_session(connection, day)
    sessions = deriving.read_sessions(connection)
    new = _bars(rows, day)
    if not old and day == sessions[-1]:
        return deriving.append(connection, new, day)
    concerned = {*rows, *old}
    # Gaps are counted in sessions, so one more or less in the past can end or begin the history of any stock.
    stale = None if is_new and day < sessions[-1] else concerned
    whole = from_packed(connection, stale).without(concerned, day).with_bars(new)
    asked = _day_and_next(whole, concerned, day)
    inferred = deriving.infer_actions(
        connection, whole, asked, {(code, day) for code in concerned - rows.keys()}
    )
    deriving.derive(connection, whole, stale)
    return inferred


def _delete_old(connection: sa.Connection, file: PriceFile, rows: Rows) -> set[str]:
    """Delete the exchange's rows of the day, and the other's for these stocks; returns the stocks that had one."""
    of_day = table.c.trade_date == file.trade_date
    same = of_day & (table.c.exchange == file.exchange)
    query = sa.select(table.c.bse_code)
    old = set(connection.execute(query.where(same)).scalars())
    connection.execute(sa.delete(table).where(same))
    for block in blocks(rows):
        others = of_day & table.c.bse_code.in_(block)
        old |= set(connection.execute(query.where(others)).scalars())
        connection.execute(sa.delete(table).where(others))
    return old


def _columns(file: PriceFile, rows: Rows, file_id: int) -> Columns:
    content = {name: [row[name] for row in rows.values()] for name in _CONTENT}
    constant = {"exchange": file.exchange, "file_id": file_id}
    return {
        "bse_code": list(rows),
        "trade_date": np.full(len(rows), day_of(file.trade_date)),
        **content,
        **{name: [value] * len(rows) for name, value in constant.items()},
    }


def _bars(rows: Rows, day: int) -> StockBars:
    bars = np.zeros(len(rows), dtype=BAR)
    bars["date"] = day
    for name in PRICES:
        bars[name] = paise(np.array([row[name] for row in rows.values()], dtype=np.float64))
    bars["volume"] = [row["volume"] for row in rows.values()]
    bars["series"] = [SERIES.index(str(row["series"])) for row in rows.values()]
    return StockBars.of(rows, np.arange(len(rows)), bars)


def _day_and_next(whole: StockBars, concerned: Collection[str], day: int) -> npt.NDArray[np.bool_]:
    """The bars of some stocks on a day, and of each the next bar: its gap is measured from that day."""
    ours = np.array([code in concerned for code in whole.codes], dtype=bool)[whole.stock]
    date = whole.bars["date"]
    before = np.full(len(date), -1, dtype=np.int64)
    before[1:] = np.where(whole.stock[1:] == whole.stock[:-1], date[:-1], -1)
    asked: npt.NDArray[np.bool_] = ours & ((date == day) | ((date > day) & (before <= day)))
    return asked
