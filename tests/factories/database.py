"""Days of prices and little archives as a test needs them, and what a database made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from upper_circuit.market import schema
from upper_circuit.market.database import Database
from upper_circuit.market.days import moment_of
from upper_circuit.market.formats import Exchange, MasterFile, MasterRow, PriceFile, PriceRows
from upper_circuit.market.loading import ingest

NOW = moment_of(datetime(2026, 1, 2, 18, 0))  # noqa: DTZ001  # a time without zone is Indian
"""When the tests load what they load."""
DERIVED = ("packed_prices", "circuit_quarters", "corporate_actions", "trading_calendar")


@dataclass(frozen=True)
class Trade:
    """One stock's day, in rupees; the symbol is made of the code."""

    code: str = "500001"
    close: float = 100.0
    prev_close: float = 100.0
    open: float | None = None
    high: float | None = None
    low: float | None = None
    volume: int = 1_000
    series: str = "EQ"
    symbol: str | None = None
    isin: str | None = None
    deliv_qty: int | None = None

    @property
    def name(self) -> str:
        """The symbol."""
        return self.symbol or f"S{self.code}"

    @property
    def prices(self) -> dict[str, float]:
        """Open, high, low, close, prev_close; what is not given is the close, high and low include it."""
        start = self.close if self.open is None else self.open
        high = max(start, self.close) if self.high is None else self.high
        low = min(start, self.close) if self.low is None else self.low
        return {"open": start, "high": high, "low": low, "close": self.close, "prev_close": self.prev_close}


def day_file(
    day: date, *trades: Trade, exchange: Exchange = "NSE", name: str = "prices.csv", text: str = ""
) -> PriceFile:
    """A price file as the reader returns it; `text` stands for what makes its content another one."""
    columns = {
        column: np.array([round(trade.prices[column] * 100) for trade in trades], dtype=np.int64)
        for column in ("open", "high", "low", "close", "prev_close")
    }
    content = repr((day, trades, exchange, text)).encode()
    rows = PriceRows(
        code=tuple(trade.code if exchange == "BSE" else None for trade in trades),
        symbol=tuple(trade.name for trade in trades),
        isin=tuple(trade.isin for trade in trades),
        series=tuple(trade.series for trade in trades),
        **columns,
        volume=np.array([trade.volume for trade in trades], dtype=np.int64),
        last=(None,) * len(trades),
        turnover_lacs=(None,) * len(trades),
        trades=(None,) * len(trades),
        deliv_qty=tuple(trade.deliv_qty for trade in trades),
    )
    sha256 = hashlib.sha256(content).hexdigest()
    return PriceFile("prices", "a price file", name, sha256, (), exchange, day, rows)


def stock(code: str = "500001", **fields: Any) -> MasterRow:
    """A row of the master list; listed on NSE under the symbol of `Trade` unless told otherwise."""
    row = MasterRow(code, f"Company {code}", "ACTIVE", nse_symbol=f"S{code}")
    return replace(row, **fields)


def master_file(*rows: MasterRow, columns: Sequence[str] | None = None) -> MasterFile:
    """A master list as the reader returns it."""
    known = frozenset(
        columns or ("bse_code", "company_name", "status", "nse_symbol", "isin", "sector", "industry")
    )
    sha256 = hashlib.sha256(repr((rows, sorted(known))).encode()).hexdigest()
    return MasterFile("master", "master stock list", "master.csv", sha256, (), known, rows)


def load_master(database: Database, *codes: str) -> None:
    """Put stocks on the master list, all on NSE."""
    ingest(database, master_file(*map(stock, codes)), now=NOW)


def load_days(database: Database, days: Mapping[date, Sequence[Trade]]) -> None:
    """Load NSE's prices of some days, in the order given."""
    for day, trades in days.items():
        ingest(database, day_file(day, *trades), now=NOW)


def rows(database: Database, name: str, *columns: str, part: str = "market") -> list[tuple[Any, ...]]:
    """All rows of a table, sorted; only these columns where some are named."""
    table = getattr(schema, part).tables[f"{part}.{name}"]
    chosen = [table.c[column] for column in columns] or list(table.c)
    with database.reading(part) as connection:  # type: ignore[arg-type]
        found = [tuple(row) for row in connection.execute(sa.select(*chosen))]
    return sorted(found, key=repr)


def derived(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that follows from the price rows."""
    return {name: rows(database, name) for name in DERIVED}


def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the market half."""
    return {table.name: rows(database, table.name) for table in schema.market.sorted_tables}


def write_archive(
    folder: Path, days: Mapping[date, Sequence[Trade]], codes: Sequence[str], **tables: pd.DataFrame
) -> Path:
    """A flat archive: `daily_prices.parquet`, a master list of these codes, and other tables by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    prices = [
        {
            "bse_code": trade.code,
            "nse_symbol": trade.name,
            "series": trade.series,
            "date": day,
            **trade.prices,
            "volume": trade.volume,
        }
        for day, trades in days.items()
        for trade in trades
    ]
    pd.DataFrame(prices).to_parquet(folder / "daily_prices.parquet", index=False)
    listed = [
        {"bse_code": code, "company_name": f"Company {code}", "status": "ACTIVE", "nse_symbol": f"S{code}"}
        for code in codes
    ]
    pd.DataFrame(listed).to_csv(folder / "master_stock_list.csv", index=False)
    for name, table in tables.items():
        if name.startswith(("corporate", "nse_trading")):
            table.to_csv(folder / f"{name}.csv", index=False)
        else:
            table.to_parquet(folder / f"{name}.parquet", index=False)
    return folder


def change_column(path: Path, **columns: Any) -> None:
    """Write columns of a parquet file anew."""
    pd.read_parquet(path).assign(**columns).to_parquet(path, index=False)
