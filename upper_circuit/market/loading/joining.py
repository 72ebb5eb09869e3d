"""
Which stock a row of a file belongs to.

NSE does not know BSE's codes, symbols get renamed and ISINs change when a share is split, so a row finds its stock by
the surest mark it has: the ISIN, else its first nine characters (issuer and kind of security, which survive a split),
else the symbol. Names are never matched: that once mapped ABB India to Abbott India. What finds no stock has no code
here, and never gets an invented one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import sqlalchemy as sa

from upper_circuit.market.schema import daily_prices, master_stock_list

_ISSUER = 9
_RECENT = timedelta(days=40)
"""How far back the prices tell who has a symbol: far enough for a holiday, too near for a symbol to be given anew."""


@dataclass(frozen=True, slots=True)
class Joins:
    """The marks of all stocks. Guaranteed: a mark that two stocks share, none of them the only ACTIVE one, is absent."""

    by_isin: Mapping[str, str]
    by_issuer: Mapping[str, str]
    by_symbol: Mapping[str, str]
    """NSE symbol in the master list to code."""
    by_traded_symbol: Mapping[str, str]
    """NSE symbol of prices to code, for stocks whose symbol the master list lacks."""

    @property
    def on_nse(self) -> frozenset[str]:
        """Codes of stocks whose NSE prices are used."""
        return frozenset([*self.by_symbol.values(), *self.by_traded_symbol.values()])

    def of_listing(self, isin: str | None, symbol: str) -> str | None:
        """The code of a security on NSE."""
        return (
            self.by_isin.get(isin or "")
            or self.by_issuer.get((isin or "")[:_ISSUER])
            or self.of_symbol(symbol)
        )

    def of_symbol(self, symbol: str | None) -> str | None:
        """The code of an NSE symbol."""
        return self.by_symbol.get(symbol or "") or self.by_traded_symbol.get(symbol or "")

    def of_event(self, code: str | None, symbol: str | None) -> str | None:
        """The code of a result, an announcement or a factor: its own, else that of its symbol."""
        return code or self.of_symbol(symbol)

    def with_traded(self, symbols: Mapping[str, str]) -> Joins:
        """Also with these symbols of prices; those that are known already stay."""
        return replace(self, by_traded_symbol={**symbols, **self.by_traded_symbol})


def read_joins(connection: sa.Connection, before: date | None = None) -> Joins:
    """The marks in the database.

    Args:
        connection: to the market database.
        before: symbols of prices count from the weeks before this day; None: from all of history (seconds, not
            milliseconds).
    """
    table = master_stock_list
    query = sa.select(table.c.bse_code, table.c.status, table.c.isin, table.c.nse_symbol)
    stocks = [tuple(row) for row in connection.execute(query)]
    return Joins(
        by_isin=_unique((isin, code, status) for code, status, isin, _ in stocks),
        by_issuer=_unique(((isin or "")[:_ISSUER], code, status) for code, status, isin, _ in stocks),
        by_symbol=_unique((symbol, code, status) for code, status, _, symbol in stocks),
        by_traded_symbol=_traded(connection, before),
    )


def _unique(marks: Iterable[tuple[str | None, str, str]]) -> dict[str, str]:
    holders: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for mark, code, status in marks:
        if mark:
            holders[mark].append((code, status))
    chosen: dict[str, str] = {}
    for mark, codes in holders.items():
        active = [code for code, status in codes if status == "ACTIVE"]
        candidates = active or [code for code, _ in codes]
        if len(candidates) == 1:
            chosen[mark] = candidates[0]
    return chosen


def _traded(connection: sa.Connection, before: date | None) -> dict[str, str]:
    """NSE symbols of prices with the stock that had them last."""
    table = daily_prices
    newest = sa.func.max(table.c.trade_date)
    query = sa.select(table.c.symbol, table.c.bse_code).where(table.c.exchange == "NSE")
    if before is not None:
        query = query.where(table.c.trade_date >= before - _RECENT, table.c.trade_date <= before)
    query = query.group_by(table.c.symbol, table.c.bse_code).order_by(newest, table.c.bse_code)
    return dict(connection.execute(query).all())
