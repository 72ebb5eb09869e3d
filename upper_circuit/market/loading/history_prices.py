"""
The rows of an archive of prices, and what follows from them, into the tables.

Split from the reading of the archive, because this half changes the database: two million rows go in by blocks, so
that memory stays flat and somebody who watches sees it move.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import sqlalchemy as sa

from upper_circuit.market.days import STOCK_KEY, date_of, day_of
from upper_circuit.market.loading import deriving
from upper_circuit.market.loading.price_archive import Chosen, LeftOut, PriceArchive
from upper_circuit.market.loading.stock_bars import PRICES, StockBars, from_rows, paise
from upper_circuit.market.loading.writing import Columns, insert, many_rows
from upper_circuit.market.packed import BAR, SERIES
from upper_circuit.market.schema import daily_prices, trading_calendar

_BLOCK = 100_000
_RUPEES_PER_LAC = 100_000.0


def without_corrected(
    connection: sa.Connection, prices: PriceArchive, chosen: Chosen, file_ids: list[int]
) -> Chosen:
    """The chosen rows without those whose stock and day a later file of the same exchange brought: it corrected them.

    `file_ids`: the id of each price file; one that is read again has that of its first time.
    """
    days, ids = prices.day[chosen.rows], np.array(file_ids, dtype=np.int64)[prices.file[chosen.rows]]
    keys = chosen.stock * STOCK_KEY + days
    place = {code: at for at, code in enumerate(chosen.codes)}
    table = daily_prices.c
    later = sa.select(table.bse_code, table.trade_date, table.file_id).where(
        table.exchange == "NSE",
        table.trade_date <= date_of(int(prices.day.max())),
        table.file_id > min(file_ids),
        table.file_id.not_in(file_ids),
    )
    kept = np.ones(len(keys), dtype=bool)
    for code, trade_date, file_id in connection.execute(later):
        key = place.get(code, len(place)) * STOCK_KEY + day_of(trade_date)
        at = int(np.searchsorted(keys, key))
        if at < len(keys) and keys[at] == key and ids[at] < file_id:
            kept[at] = False
    if kept.all():
        return chosen
    names = tuple(dict.fromkeys(chosen.codes[at] for at in chosen.stock[~kept].tolist()))[:3]
    corrected = LeftOut("daily_prices", "corrected by a later file", int((~kept).sum()), names)
    return replace(
        chosen,
        rows=chosen.rows[kept],
        stock=chosen.stock[kept],
        left_out=(*chosen.left_out, corrected),
    )


def load_prices(
    connection: sa.Connection,
    prices: PriceArchive,
    chosen: Chosen,
    file_ids: list[int],
    progress: Callable[[float], None],
) -> StockBars:
    """Write the chosen rows over those of the same stock and day; returns the whole histories that are there then.

    Other stocks' rows of a day stay: an archive of some stocks must not erase the rest of the market.
    """
    ids = np.array(file_ids, dtype=np.int64)
    with many_rows(connection, daily_prices) as is_empty:
        for start in range(0, len(chosen.rows), _BLOCK):
            part = slice(start, start + _BLOCK)
            columns = _columns(prices, chosen, part, ids)
            insert(connection, daily_prices, columns, conflict="fail" if is_empty else "replace")
            progress(min(start + _BLOCK, len(chosen.rows)) / len(chosen.rows))
    _put_on_calendar(connection, np.unique(prices.day[chosen.rows]))
    return _bars(prices, chosen) if is_empty else from_rows(connection)


def _columns(prices: PriceArchive, chosen: Chosen, part: slice, file_ids: np.ndarray) -> Columns:
    rows = chosen.rows[part]
    n = {name: values[rows] for name, values in prices.numbers.items()}
    # NSE's legacy files give turnover in rupees, and 0 for counts they do not have.
    legacy = n["turnover_lacs"] > 0.01 * n["volume"] * n["close"]
    return {
        "bse_code": _words(chosen.codes, chosen.stock[part]),
        "trade_date": prices.day[rows],
        "exchange": ["NSE"] * len(rows),
        "symbol": _words(prices.former, prices.symbol_asof[rows]),
        "series": _words(prices.series, prices.series_at[rows]),
        **{name: paise(np.nan_to_num(n[name])) / 100 for name in PRICES},
        "last": n["last"],
        "volume": n["volume"].astype(np.int64),
        "turnover_lacs": np.where(legacy, n["turnover_lacs"] / _RUPEES_PER_LAC, n["turnover_lacs"]),
        "trades": np.where(legacy & (n["trades"] == 0), np.nan, n["trades"]),
        "deliv_qty": np.where(legacy & (n["deliv_qty"] == 0), np.nan, n["deliv_qty"]),
        "file_id": file_ids[prices.file[rows]],
    }


def _bars(prices: PriceArchive, chosen: Chosen) -> StockBars:
    rows = chosen.rows
    bars = np.zeros(len(rows), dtype=BAR)
    bars["date"] = prices.day[rows]
    for name in PRICES:
        bars[name] = paise(np.nan_to_num(prices.numbers[name][rows]))
    bars["volume"] = prices.numbers["volume"][rows]
    codes = np.array([SERIES.index(name) if name in SERIES else 0 for name in prices.series])
    bars["series"] = codes[prices.series_at[rows]]
    return StockBars(chosen.codes, chosen.stock, bars)


def _put_on_calendar(connection: sa.Connection, days: np.ndarray) -> None:
    columns: Columns = {"day": days, "source": [deriving.DATA] * len(days), "is_session": [1] * len(days)}
    insert(connection, trading_calendar, columns, conflict="keep")


def _words(words: list[str] | tuple[str, ...], places: np.ndarray) -> list[str]:
    return list(np.array(words, dtype=object)[places])
