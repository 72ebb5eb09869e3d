"""
Everything but prices, into rows: stocks, events, bands, the user's own actions and sessions.

Files overlap: a list of the year's results holds the last quarter's again. So rows take the place of those of the same
key, and what is on file already is not counted twice. Where an archive is read again under a new list of stocks, rows
that are there stay: they are its own, or somebody corrected them since. What joins no stock is left out, counted and named.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import sqlalchemy as sa

from upper_circuit.errors import FileRefused
from upper_circuit.market.days import day_of
from upper_circuit.market.formats import (
    BandsFile,
    Dropped,
    FactorsFile,
    MasterFile,
    MeetingsFile,
    NseListingsFile,
    ResultsFile,
    SessionsFile,
)
from upper_circuit.market.formats.form import Leftovers
from upper_circuit.market.loading.joining import Joins
from upper_circuit.market.loading.units import suspicious
from upper_circuit.market.loading.writing import Columns, Conflict, insert
from upper_circuit.market.schema import (
    corporate_actions,
    earnings_calendar,
    master_stock_list,
    price_bands,
    quarterly_results,
    trading_calendar,
)

NO_STOCK = "no stock with this code or symbol"
AGAIN = "the same key again in one file"
NOT_RESULTS = "meeting for something else than results"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file gave: rows, rows left out by reason, stocks whose bars are derived from it."""

    rows: int
    dropped: tuple[Dropped, ...]
    changed: int
    """Rows that the table did not have just like this; 0: all that the file says is in force already."""
    stocks: frozenset[str] = frozenset()
    suspicious: tuple[str, ...] = ()
    """Figures in another unit than their neighbours, of which nothing was known before."""


class _Rows:
    """Rows of a table by key, and what is left out on the way."""

    def __init__(self, table: sa.Table) -> None:
        self.table = table
        self.rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.left_out = Leftovers()

    def add(self, name: str, row: dict[str, Any]) -> None:
        """Take a row; one without a code or with a key that is taken is left out."""
        key = tuple(row[column.name] for column in self.table.primary_key)
        if row["bse_code"] is None:
            self.left_out.add(NO_STOCK, name)
        elif key in self.rows:
            self.left_out.add(AGAIN, name)
        else:
            self.rows[key] = row

    def write(self, connection: sa.Connection, conflict: Conflict = "replace") -> Loaded:
        """Put the rows over those of the same key, or beside them."""
        rows = list(self.rows.values())
        changed = insert(connection, self.table, _columns(rows), conflict=conflict) if rows else 0
        return Loaded(len(rows), self.left_out.all(), changed)


def _columns(rows: list[dict[str, Any]]) -> Columns:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return {
        name: np.array([day_of(value) for value in values]) if isinstance(values[0], date) else values
        for name, values in columns.items()
    }


def load_master(connection: sa.Connection, file: MasterFile, bands_since: date) -> Loaded:
    """Stocks: the columns a list has replace what was there, others stay; a stock that is not on it keeps its row.

    `bands_since`: the day from which the bands of the list hold, where it has any that are not in force on it.
    """
    names = [column.name for column in master_stock_list.c if column.name in file.columns]
    stocks = _Rows(master_stock_list)
    bands = _Rows(price_bands)
    in_force = _bands_on(connection, bands_since)
    for row in file.rows:
        stocks.add(row.bse_code, {name: getattr(row, name) for name in names})
        is_listed = row.band is not None or row.no_band
        if is_listed and (row.bse_code not in in_force or in_force[row.bse_code] != row.band):
            bands.add(row.bse_code, _band(row.bse_code, bands_since, row.band, "master list"))
    of_bands = bands.write(connection)
    loaded = stocks.write(connection)
    return replace(loaded, changed=loaded.changed + of_bands.changed)


def _bands_on(connection: sa.Connection, day: date) -> dict[str, float | None]:
    """The band of each stock that a list up to a day has; None: no fixed band."""
    table = price_bands
    query = sa.select(table.c.bse_code, table.c.band).where(table.c.effective_date <= day)
    return dict(connection.execute(query.order_by(table.c.effective_date)).all())


def load_listings(connection: sa.Connection, file: NseListingsFile, joins: Joins) -> Loaded:
    """NSE's symbols and boards, onto the stocks that the ISIN finds. A symbol that moved leaves its old stock."""
    table = master_stock_list
    found: dict[str, tuple[str, str]] = {}
    left_out = Leftovers()
    for row in file.rows:
        code = joins.by_isin.get(row.isin) or joins.by_issuer.get(row.isin[:9])
        if code is None or code in found:
            left_out.add(NO_STOCK if code is None else AGAIN, row.nse_symbol)
            continue
        found[code] = (row.nse_symbol, row.board)
    moved = {code for symbol, code in joins.by_symbol.items() if code not in found} & {
        joins.by_symbol[symbol] for symbol, _ in found.values() if symbol in joins.by_symbol
    }
    for code in moved:
        connection.execute(sa.update(table).where(table.c.bse_code == code).values(nse_symbol=None))
    query = sa.select(table.c.bse_code, table.c.nse_symbol, table.c.board)
    listed = {code: (symbol, board) for code, symbol, board in connection.execute(query)}
    new = {code: facts for code, facts in found.items() if listed.get(code) != facts}
    for code, (symbol, board) in new.items():
        connection.execute(
            sa.update(table).where(table.c.bse_code == code).values(nse_symbol=symbol, board=board)
        )
    return Loaded(len(found), left_out.all(), len(moved) + len(new))


def load_results(
    connection: sa.Connection, file: ResultsFile, joins: Joins, conflict: Conflict = "replace"
) -> Loaded:
    """Every filing as filed; which one of a quarter counts is decided where results are read."""
    rows = _Rows(quarterly_results)
    for row in file.rows:
        code = joins.of_event(row.bse_code, row.nse_symbol)
        rows.add(
            f"{row.bse_code or row.nse_symbol} {row.quarter_end}",
            {
                "bse_code": code,
                "quarter_end": row.quarter_end,
                "basis": row.basis,
                "announced_at": row.announced_at,
                "revenue": row.revenue,
                "net_profit": row.net_profit,
                "eps": row.eps,
            },
        )
    codes = {code for code, *_ in rows.rows}
    known = frozenset(suspicious(connection, codes))
    loaded = rows.write(connection, conflict)
    return replace(loaded, suspicious=tuple(one for one in suspicious(connection, codes) if one not in known))


def load_meetings(
    connection: sa.Connection, file: MeetingsFile, joins: Joins, conflict: Conflict = "replace"
) -> Loaded:
    """Board meetings that are to consider results; others say nothing about earnings."""
    rows = _Rows(earnings_calendar)
    for row in file.rows:
        name = f"{row.bse_code or row.nse_symbol} {row.meeting_date}"
        if not row.for_results:
            rows.left_out.add(NOT_RESULTS, name)
            continue
        code = joins.of_event(row.bse_code, row.nse_symbol)
        meeting = {"meeting_date": row.meeting_date, "published_at": row.published_at, "purpose": row.purpose}
        rows.add(name, {"bse_code": code, **meeting})
    return rows.write(connection, conflict)


def load_bands(
    connection: sa.Connection, file: BandsFile, joins: Joins, conflict: Conflict = "replace"
) -> Loaded:
    """NSE's bands from their effective date on. Raises FileRefused where nobody says which day that is."""
    if file.effective_date is None:
        raise FileRefused(file.name, "does not say from which day its bands hold; give it (trade_date)")
    rows = _Rows(price_bands)
    for row in file.rows:
        code = joins.of_symbol(row.nse_symbol)
        rows.add(row.nse_symbol, {**_band("", file.effective_date, row.band, row.remarks), "bse_code": code})
    return rows.write(connection, conflict)


def _band(code: str, since: date, band: float | None, remarks: str | None) -> dict[str, Any]:
    return {"bse_code": code, "effective_date": since, "band": band, "remarks": remarks}


def load_factors(
    connection: sa.Connection, file: FactorsFile, joins: Joins, source: str, conflict: Conflict = "replace"
) -> Loaded:
    """Corporate actions; the bars of the stocks named must be derived anew after."""
    rows = _Rows(corporate_actions)
    for row in file.rows:
        code = joins.of_event(row.bse_code, row.nse_symbol)
        action = {"ex_date": row.ex_date, "source": source, "factor": row.factor, "note": row.note}
        rows.add(f"{row.bse_code or row.nse_symbol} {row.ex_date}", {"bse_code": code, **action})
    loaded = rows.write(connection, conflict)
    return replace(loaded, stocks=frozenset(code for code, *_ in rows.rows))


def load_sessions(connection: sa.Connection, file: SessionsFile, conflict: Conflict = "replace") -> Loaded:
    """The user's own calendar: it overrides the published one."""
    columns: Columns = {
        "day": np.array([day_of(row.day) for row in file.rows]),
        "source": ["user"] * len(file.rows),
        "is_session": [int(row.is_session) for row in file.rows],
    }
    changed = insert(connection, trading_calendar, columns, conflict=conflict)
    return Loaded(len(file.rows), (), changed)
