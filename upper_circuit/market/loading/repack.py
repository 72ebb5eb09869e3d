"""
The derived tables made anew from the rows.

Needed after somebody changed rows by hand, and the proof that nothing else ever needs it: the bytes it writes are
those that were there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from upper_circuit.market.database import Database
from upper_circuit.market.exchange_calendar import extend_calendar
from upper_circuit.market.loading import deriving, registry
from upper_circuit.market.loading.stock_bars import from_rows
from upper_circuit.market.schema import daily_prices, trading_calendar


@dataclass(frozen=True, slots=True)
class Repacked:
    """What was made anew."""

    stocks: int
    bars: int


def repack(database: Database, codes: Collection[str] | None = None, *, now: int) -> Repacked:
    """Make packed_prices and circuit_quarters anew from daily_prices and the corporate actions in effect.

    codes None: of every stock, and the sessions that have data too. Actions are not inferred anew: those of an
    imported list could not be told from others.
    """
    with registry.changing(database) as connection:
        if codes is None:
            _sessions_with_data(connection)
        whole = from_rows(connection, codes)
        deriving.derive(connection, whole, codes)
        registry.changed(connection, now)
    return Repacked(len(whole.codes), len(whole))


def _sessions_with_data(connection: sa.Connection) -> None:
    table = trading_calendar
    days = connection.execute(sa.select(daily_prices.c.trade_date).distinct()).scalars()
    rows = [{"day": day, "source": deriving.DATA, "is_session": 1} for day in sorted(days)]
    connection.execute(sa.delete(table).where(table.c.source == deriving.DATA))
    if rows:
        connection.execute(sa.insert(table), rows)
    extend_calendar(connection)
