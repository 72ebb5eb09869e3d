"""
Tables into arrays: the only place that turns rows of the market database into what features are made of.

Read once per process and block of stocks, in a few queries whatever the number of stocks; a query a stock would cost
forty times as much.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from upper_circuit.market import schema
from upper_circuit.market.days import Days, day_of, first_day, quarters_of
from upper_circuit.market.events import NEVER, Announcements, CircuitQuarters, Meetings, Results
from upper_circuit.market.packed import BAR
from upper_circuit.market.windows import WINDOW, Factors, Histories

Rows = Sequence[Sequence[Any]]
Index = dict[str, int]

_MOST_LOOKED_UP = 2_000


def read_histories(
    connection: sa.Connection, codes: Sequence[str] | None, from_year: int | None, day: int
) -> Histories:
    """Packed bars from a year on; for a stock with less than a window of them before a day, its older years too.

    Codes None means every stock with bars in those years; from_year None means all of history.
    """
    table = schema.packed_prices
    columns = table.c.bse_code, table.c.year, table.c.payload
    if from_year is None:
        return _histories(_rows(connection, columns, codes), codes)
    rows = _rows(connection, columns, codes, table.c.year >= from_year)
    histories = _histories(rows, codes)
    short = histories.short_of(WINDOW, day)
    if not short:
        return histories
    return _histories([*rows, *_rows(connection, columns, short, table.c.year < from_year)], codes)


def _histories(rows: Rows, codes: Sequence[str] | None) -> Histories:
    if codes is not None:
        wanted = set(codes)
        rows = [row for row in rows if row[0] in wanted]
    unreadable = {
        code: f"the packed row of {year} has {len(payload)} bytes, no whole number of bars"
        for code, year, payload in rows
        if len(payload) % BAR.itemsize
    }
    kept = sorted((row for row in rows if row[0] not in unreadable), key=lambda row: (row[0], row[1]))
    return Histories.of(
        [(row[0], row[2]) for row in kept], tuple(dict.fromkeys(row[0] for row in kept)), unreadable
    )


def read_factors(connection: sa.Connection, codes: tuple[str, ...]) -> Factors:
    """Factors in effect: where a user's row and an inferred one meet, the user's counts; factor 1 is none."""
    table = schema.corporate_actions
    columns = table.c.bse_code, table.c.ex_date, table.c.source, table.c.factor
    effective: dict[tuple[str, int], float] = {}
    for code, ex_date, source, factor in _rows(connection, columns, codes):
        ex_day = _day(ex_date)
        if source == "user":
            effective[code, ex_day] = factor
        else:
            effective.setdefault((code, ex_day), factor)
    index = _index(codes)
    rows = sorted(
        (index[code], ex_day, factor)
        for (code, ex_day), factor in effective.items()
        if code in index and factor != 1.0
    )
    stock, ex_days, factors = _arrays(rows, 3)
    return Factors(stock.astype(np.int64), ex_days.astype(np.int32), factors.astype(np.float64))


def read_results(connection: sa.Connection, codes: tuple[str, ...]) -> Results:
    """Results as a grid of figures and a list of filings; of a quarter filed more than once, the first counts."""
    table = schema.quarterly_results
    columns = (
        table.c.bse_code,
        table.c.quarter_end,
        table.c.announced_at,
        table.c.basis,
        table.c.revenue,
        table.c.net_profit,
        table.c.eps,
    )
    stock, (ends, moments, basis, *figures) = _columns(connection, columns, codes)
    announced = np.array(moments, np.int64)
    counted = np.array([at for at, each in enumerate(basis) if each == "standalone"], np.int64)
    counted = counted[np.argsort(-announced[counted], kind="stable")]  # the first filing is written last
    quarter = quarters_of(_days(ends))[counted].astype(np.int64)
    first = int(quarter.min()) if len(counted) else 0
    width = int(quarter.max()) - first + 1 if len(counted) else 1
    at = (stock[counted], quarter - first)
    announced_at = np.full((len(codes), width), NEVER, dtype=np.int64)
    announced_at[at] = announced[counted]
    grids = np.full((3, len(codes), width), np.nan)
    for grid, figure in zip(grids, figures, strict=True):
        grid[at] = np.array(figure, np.float64)[counted]  # None becomes NaN
    return Results(
        first,
        announced_at,
        revenue=grids[0],
        net_profit=grids[1],
        eps=grids[2],
        filing_stock=stock,
        filing_at=announced,
    )


def read_announcements(connection: sa.Connection, codes: tuple[str, ...], since: int | None) -> Announcements:
    """Announcements from a moment on (None: all), sorted by stock and moment."""
    table = schema.announcement_scores
    columns = table.c.bse_code, table.c.announced_at, table.c.score, table.c.event
    recent = () if since is None else (table.c.announced_at >= since,)
    stock, told = _columns(connection, columns, codes, *recent)
    announced_at, score, event = (
        np.array(told[0], np.int64),
        np.array(told[1], np.float64),
        np.array(told[2], np.int64),
    )
    # A total order, so that sums over a stock's items do not depend on how the database returns its rows.
    order = np.lexsort((event, score, announced_at, stock))
    return Announcements(stock[order], announced_at[order], score[order], event[order])


def read_meetings(connection: sa.Connection, codes: tuple[str, ...]) -> Meetings:
    """Board meetings for financial results."""
    table = schema.earnings_calendar
    columns = table.c.bse_code, table.c.meeting_date, table.c.published_at
    stock, (day, published_at) = _columns(connection, columns, codes)
    return Meetings(stock, _days(day), np.array(published_at, np.int64))


def read_quarters(
    connection: sa.Connection, codes: tuple[str, ...], quarters: Sequence[int] | None
) -> CircuitQuarters:
    """Locked days and bars by calendar quarter (None: all quarters)."""
    table = schema.circuit_quarters
    columns = table.c.bse_code, table.c.history_start, table.c.quarter, table.c.locked, table.c.bars
    wanted: tuple[sa.ColumnElement[bool], ...] = ()
    if quarters is not None:
        # A history that began later has no row in these quarters, yet it is what makes theirs another history's.
        wanted = (table.c.quarter.in_(quarters) | (table.c.history_start >= first_day(min(quarters))),)
    stock, (began, *counts) = _columns(connection, columns, codes, *wanted)
    quarter, locked, bars = (np.array(column, np.int64) for column in counts)
    return CircuitQuarters(stock, _days(began), quarter, locked, bars)


def read_data_version(connection: sa.Connection) -> int:
    """The number that every change of the market database raises; 0 before the first."""
    return connection.execute(sa.select(schema.data_version.c.version)).scalar() or 0


def _rows(
    connection: sa.Connection,
    columns: Sequence[sa.ColumnElement[Any]],
    codes: Sequence[str] | None,
    *conditions: sa.ColumnElement[bool],
) -> Rows:
    """The rows of some stocks, the first column being their code; None: of all.

    Past a few thousand codes one scan is cheaper than as many look-ups, and gives rows of others too.
    """
    query = sa.select(*columns).where(*conditions)
    if codes is None or len(codes) > _MOST_LOOKED_UP:
        return _plain(connection, query)
    # One parameter, whatever the number of codes: a hundred take longer to prepare than their rows to read.
    if connection.dialect.name == "sqlite":
        listed = sa.func.json_each(sa.bindparam("codes", json.dumps(list(codes)))).table_valued("value")
        query = query.where(columns[0].in_(sa.select(listed.c.value)))
    else:
        query = query.where(columns[0] == sa.any_(sa.bindparam("codes", list(codes), sa.ARRAY(sa.Text))))
    return _plain(connection, query)


def _plain(connection: sa.Connection, query: sa.Select[Any]) -> Rows:
    """Rows as the driver gives them: a quarter of the time goes into what makes them objects with names."""
    result = connection.execute(query)
    rows: Rows = result.cursor.fetchall() if result.cursor else []
    result.close()
    return rows


def _columns(
    connection: sa.Connection,
    columns: Sequence[sa.ColumnElement[Any]],
    codes: tuple[str, ...],
    *conditions: sa.ColumnElement[bool],
) -> tuple[npt.NDArray[np.int64], list[tuple[Any, ...]]]:
    """The rows of some stocks, column by column; the first becomes each row's position in `codes`, an array."""
    rows = _rows(connection, columns, codes, *conditions)
    index = _index(codes)
    if len(codes) > _MOST_LOOKED_UP:
        rows = [row for row in rows if row[0] in index]
    if not rows:
        return np.zeros(0, np.int64), [()] * (len(columns) - 1)
    first, *others = zip(*rows, strict=True)
    return np.array([index[code] for code in first], np.int64), others


def _days(dates: Sequence[Any]) -> Days:
    """The days of a column of dates, each parsed once: few distinct ones stand in thousands of rows."""
    days = {each: _day(each) for each in set(dates)}
    return np.array([days[each] for each in dates], np.int32)


def _day(given: Any) -> int:
    """The day of a date as the driver gives it: text on SQLite, a date on PostgreSQL."""
    return day_of(date.fromisoformat(str(given)))


def _index(codes: tuple[str, ...]) -> Index:
    return {code: at for at, code in enumerate(codes)}


def _arrays(rows: Rows, count: int) -> list[np.ndarray[Any, np.dtype[Any]]]:
    return [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.zeros(0)] * count
