"""The stocks themselves: who they are, what they do, whether the exchange still lists them."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from upper_circuit.market.database import Database
from upper_circuit.market.schema import master_stock_list as table


@dataclass(frozen=True, slots=True)
class Stock:
    """One row of master_stock_list; text that the exchange does not give is None."""

    bse_code: str
    nse_symbol: str | None
    company_name: str | None
    status: str
    industry: str | None
    sector: str | None
    market_cap_cr: float | None


@dataclass(frozen=True, slots=True)
class Master:
    """All stocks by code."""

    stocks: dict[str, Stock]

    @classmethod
    def load(cls, database: Database) -> Master:
        """Read master_stock_list."""
        with database.reading("market") as connection:
            return cls.read(connection)

    @classmethod
    def read(cls, connection: sa.Connection) -> Master:
        """Read master_stock_list over an open connection."""
        columns = [table.c[name] for name in Stock.__dataclass_fields__]
        return cls({row[0]: Stock(*row) for row in connection.execute(sa.select(*columns))})

    def get(self, bse_code: str) -> Stock:
        """The stock of a code. A code that only prices know has no name, no industry and status OTHER."""
        return self.stocks.get(bse_code) or Stock(bse_code, None, None, "OTHER", None, None, None)

    def active(self) -> list[Stock]:
        """Stocks that the exchange lists, by market capitalisation descending, then by code."""
        active = (stock for stock in self.stocks.values() if stock.status == "ACTIVE")
        return sorted(active, key=lambda stock: (-(stock.market_cap_cr or 0.0), stock.bse_code))
