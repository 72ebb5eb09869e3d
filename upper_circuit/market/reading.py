"""
Tables into arrays: the only place that turns rows of the market database into what features are made of.

Read once per process and block of stocks, in a few queries whatever the number of stocks; a query a stock would cost
forty times as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import sqlalchemy as sa

from upper_circuit.market import schema
from upper_circuit.market.days import day_of, first_day, quarter_of
from upper_circuit.market.events import NEVER, Announcements, CircuitQuarters, Meetings, Results
from upper_circuit.market.windows import WINDOW, Factors, Histories

Rows = Sequence[Sequence[Any]]
Index = dict[str, int]


def read_histories(
    connection: sa.Connection, codes: Sequence[str] | None, from_year: int | None, day: int
) -> Histories:
    """Packed bars from a year on; for a stock with less than a window of them before a day, its older years too.

    Codes None means every stock with bars in those years; from_year None means all of history.
    """
    table = schema.packed_prices
    columns = sa.select(table.c.bse_code, table.c.year, table.c.payload)
    recent = _of(columns, table, codes)
    if from_year is None:
        return _histories(connection.execute(recent).all(), codes)
    rows = connection.execute(recent.where(table.c.year >= from_year)).all()
    histories = _histories(rows, codes)
    short = histories.short_of(WINDOW, day)
    if not short:
        return histories
    older = connection.execute(_of(columns, table, short).where(table.c.year < from_year)).all()
    return _histories([*rows, *older], codes)


def _histories(rows: Rows, codes: Sequence[str] | None) -> Histories:
    wanted = None if codes is None else set(codes)
    kept = sorted(
        (row for row in rows if wanted is None or row[0] in wanted), key=lambda row: (row[0], row[1])
    )
    return Histories.of([(row[0], row[2]) for row in kept], tuple(dict.fromkeys(row[0] for row in kept)))


def read_factors(connection: sa.Connection, codes: tuple[str, ...]) -> Factors:
    """Factors in effect: where a user's row and an inferred one meet, the user's counts; factor 1 is none."""
    table = schema.corporate_actions
    query = _of(sa.select(table.c.bse_code, table.c.ex_date, table.c.source, table.c.factor), table, codes)
    effective: dict[tuple[str, date], float] = {}
    for code, ex_date, source, factor in connection.execute(query).all():
        if source == "user":
            effective[code, ex_date] = factor
        else:
            effective.setdefault((code, ex_date), factor)
    index = _index(codes)
    rows = sorted(
        (index[code], day_of(ex_date), factor)
        for (code, ex_date), factor in effective.items()
        if code in index and factor != 1.0
    )
    stock, ex_day, factor = _columns(rows, 3)
    return Factors(stock.astype(np.int64), ex_day.astype(np.int32), factor.astype(np.float64))


def read_results(connection: sa.Connection, codes: tuple[str, ...]) -> Results:
    """Results as a grid of figures and a list of filings; of a quarter filed more than once, the first counts."""
    table = schema.quarterly_results
    query = _of(
        sa.select(
            table.c.bse_code,
            table.c.quarter_end,
            table.c.announced_at,
            table.c.revenue,
            table.c.net_profit,
            table.c.eps,
            table.c.basis,
        ),
        table,
        codes,
    ).order_by(table.c.announced_at.desc())
    index = _index(codes)
    filings = [row for row in connection.execute(query).all() if row[0] in index]
    rows = [row for row in filings if row[6] == "standalone"]
    stock = np.array([index[row[0]] for row in rows], dtype=np.int64)
    quarters = {end: quarter_of(day_of(end)) for end in {row[1] for row in rows}}
    quarter = np.array([quarters[row[1]] for row in rows], dtype=np.int64)
    first = int(quarter.min()) if rows else 0
    width = int(quarter.max()) - first + 1 if rows else 1
    announced_at = np.full((len(codes), width), NEVER, dtype=np.int64)
    figures = np.full((3, len(codes), width), np.nan)
    at = (stock, quarter - first)
    announced_at[at] = [row[2] for row in rows]
    for number, values in enumerate(figures):
        values[at] = [np.nan if row[3 + number] is None else row[3 + number] for row in rows]
    return Results(
        first,
        announced_at,
        revenue=figures[0],
        net_profit=figures[1],
        eps=figures[2],
        filing_stock=np.array([index[row[0]] for row in filings], dtype=np.int64),
        filing_at=np.array([row[2] for row in filings], dtype=np.int64),
    )


def read_announcements(connection: sa.Connection, codes: tuple[str, ...], since: int | None) -> Announcements:
    """Announcements from a moment on (None: all), sorted by stock and moment."""
    table = schema.announcement_scores
    query = _of(sa.select(table.c.bse_code, table.c.announced_at, table.c.score, table.c.event), table, codes)
    if since is not None:
        query = query.where(table.c.announced_at >= since)
    index = _index(codes)
    rows = [(index[row[0]], *row[1:]) for row in connection.execute(query).all() if row[0] in index]
    stock, announced_at, score, event = _columns(rows, 4)
    # A total order, so that sums over a stock's items do not depend on how the database returns its rows.
    order = np.lexsort((event, score, announced_at, stock))
    return Announcements(
        stock[order].astype(np.int64),
        announced_at[order].astype(np.int64),
        score[order].astype(np.float64),
        event[order].astype(np.int64),
    )


def read_meetings(connection: sa.Connection, codes: tuple[str, ...]) -> Meetings:
    """Board meetings for financial results."""
    table = schema.earnings_calendar
    query = _of(sa.select(table.c.bse_code, table.c.meeting_date, table.c.published_at), table, codes)
    index = _index(codes)
    rows = [
        (index[row[0]], day_of(row[1]), row[2]) for row in connection.execute(query).all() if row[0] in index
    ]
    stock, day, published_at = _columns(rows, 3)
    return Meetings(stock.astype(np.int64), day.astype(np.int32), published_at.astype(np.int64))


def read_quarters(
    connection: sa.Connection, codes: tuple[str, ...], quarters: Sequence[int] | None
) -> CircuitQuarters:
    """Locked days and bars by calendar quarter (None: all quarters)."""
    table = schema.circuit_quarters
    query = _of(
        sa.select(table.c.bse_code, table.c.history_start, table.c.quarter, table.c.locked, table.c.bars),
        table,
        codes,
    )
    found: list[Sequence[Any]]
    if quarters is None:
        found = list(connection.execute(query).all())
    else:
        found = list(connection.execute(query.where(table.c.quarter.in_(quarters))).all())
        # A history that began later has no row in these quarters, yet it is what makes theirs another history's.
        later = _of(sa.select(table.c.bse_code, table.c.history_start), table, codes).distinct()
        later = later.where(table.c.history_start >= first_day(min(quarters)))
        found += [(row[0], row[1], 0, 0, 0) for row in connection.execute(later).all()]
    index = _index(codes)
    rows = [(index[row[0]], day_of(row[1]), *row[2:]) for row in found if row[0] in index]
    stock, history_day, quarter, locked, bars = (column.astype(np.int64) for column in _columns(rows, 5))
    return CircuitQuarters(stock, history_day.astype(np.int32), quarter, locked, bars)


def read_data_version(connection: sa.Connection) -> int:
    """The number that every change of the market database raises; 0 before the first."""
    return connection.execute(sa.select(schema.data_version.c.version)).scalar() or 0


def _of(query: sa.Select[Any], table: sa.Table, codes: Sequence[str] | None) -> sa.Select[Any]:
    # Past a few thousand codes one scan is cheaper than as many look-ups; the caller drops what it did not ask for.
    return query if codes is None or len(codes) > 2_000 else query.where(table.c.bse_code.in_(codes))


def _index(codes: tuple[str, ...]) -> Index:
    return {code: at for at, code in enumerate(codes)}


def _columns(rows: Rows, count: int) -> list[np.ndarray[Any, np.dtype[Any]]]:
    return [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.zeros(0)] * count
