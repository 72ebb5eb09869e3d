"""
The tables of a synthetic market, as parquet files in the layout that users bring (docs/history-layout.md).

Written a year and a block of stocks at a time, so that the whole market never stands in memory as text.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from upper_circuit.market.synthetic.companies import FIRST_CODE
from upper_circuit.market.synthetic.draws import Ints
from upper_circuit.market.synthetic.news import CATEGORIES, News
from upper_circuit.market.synthetic.prices import Bars
from upper_circuit.market.synthetic.results import BASES, DAY, Results
from upper_circuit.market.synthetic.sessions import Sessions
from upper_circuit.market.synthetic.stocks import SERIES, Stocks

_BLOCK = 2_000
"""Stocks a row group."""

PRICES = pa.schema(
    [
        ("bse_code", pa.large_string()),
        ("nse_symbol", pa.large_string()),
        ("symbol_asof", pa.large_string()),
        ("series", pa.large_string()),
        ("date", pa.date32()),
        *((name, pa.float64()) for name in ("prev_close", "open", "high", "low", "close", "last")),
        ("volume", pa.int64()),
        ("turnover_lacs", pa.float64()),
        ("trades", pa.int64()),
        ("deliv_qty", pa.int64()),
    ]
)
RESULTS = pa.schema(
    [
        ("bse_code", pa.large_string()),
        ("nse_symbol", pa.large_string()),
        ("quarter_end", pa.timestamp("us")),
        ("announced_at", pa.timestamp("us")),
        ("consolidated", pa.large_string()),
        ("net_profit", pa.float64()),
        ("eps", pa.float64()),
        ("revenue", pa.float64()),
    ]
)
ANNOUNCEMENTS = pa.schema(
    [
        ("nse_symbol", pa.large_string()),
        ("announced_at", pa.timestamp("us")),
        ("category", pa.dictionary(pa.int16(), pa.string())),
    ]
)
TEXTS = ANNOUNCEMENTS.append(pa.field("snippet", pa.large_string()))


def by_symbol(stocks: Stocks) -> Ints:
    """Positions of the stocks in the order of the files."""
    return np.array(sorted(range(stocks.count), key=stocks.symbol.__getitem__), dtype=np.int64)


def codes(stocks: Stocks) -> list[str | None]:
    """BSE codes; None for those listed on NSE only."""
    return [str(FIRST_CODE + i) if i < stocks.coded else None for i in range(stocks.count)]


def write_prices(folder: Path, stocks: Stocks, sessions: Sessions, bars: Bars) -> int:
    """Write `nse_eod_YYYY.parquet` for each year; returns the rows."""
    years = np.array([day.year for day in sessions.past])
    order = by_symbol(stocks)
    rows = 0
    for year in sorted(set(years.tolist())):
        span = np.flatnonzero(years == year)
        with pq.ParquetWriter(folder / f"nse_eod_{year}.parquet", PRICES) as writer:
            for start in range(0, stocks.count, _BLOCK):
                table = _prices(stocks, sessions, bars, span, order[start : start + _BLOCK])
                rows += table.num_rows
                writer.write_table(table)
    return rows


def _prices(stocks: Stocks, sessions: Sessions, bars: Bars, span: Ints, block: Ints) -> pa.Table:
    at, day = np.nonzero(bars.present[span[:, None], block].T)
    stock, session = block[at], span[day]
    cell = (session, stock)
    volume, delivered = bars.volume[cell], bars.delivered[cell]
    total = bars.open[cell].astype(np.int64) + bars.high[cell] + bars.low[cell] + bars.close[cell]
    renamed = session < stocks.renamed_at[stock]
    names = [*stocks.symbol, *stocks.former_symbol]
    columns = [
        _words(codes(stocks), stock),
        _words(stocks.symbol, stock),
        _words(names, np.where(renamed, stock + stocks.count, stock)),
        _words(SERIES, bars.series[cell]),
        pa.array(sessions.days[session].astype(np.int32), type=pa.date32()),
        *(_rupees(bars, name, cell) for name in ("prev_close", "open", "high", "low", "close", "last")),
        volume,
        np.round(volume * (total / 4e7), 2),
        bars.trades[cell].astype(np.int64),
        pa.array(delivered, mask=delivered < 0),
    ]
    return pa.Table.from_arrays([pa.array(column) for column in columns], schema=PRICES)


def _rupees(bars: Bars, name: str, cell: tuple[Ints, Ints]) -> npt.NDArray[np.float64]:
    paise: npt.NDArray[np.int32] = getattr(bars, name)[cell]
    return paise / 100.0


def write_results(folder: Path, stocks: Stocks, sessions: Sessions, results: Results) -> int:
    """Write the filings announced by the last session's end; those of every 19th stock lack their BSE code."""
    filed = results.take(results.announced // DAY <= sessions.last)
    filed = filed.take(np.argsort(_rank(stocks)[filed.stock], kind="stable"))
    coded = [None if i % 19 == 7 else code for i, code in enumerate(codes(stocks))]
    columns = [
        _words(coded, filed.stock),
        _words(stocks.symbol, filed.stock),
        _stamps(filed.quarter_end * DAY),
        _stamps(filed.announced),
        _words(BASES, filed.basis),
        *(pa.array(values, from_pandas=True) for values in (filed.net_profit, filed.eps, filed.revenue)),
    ]
    pq.write_table(pa.Table.from_arrays(columns, schema=RESULTS), folder / "quarterly_results.parquet")
    return len(filed.stock)


def write_announcements(folder: Path, stocks: Stocks, sessions: Sessions, news: News) -> int:
    """Write the announcements, and the words of those that have some; returns the former's rows."""
    news = news.take(np.flatnonzero(news.announced // DAY <= sessions.last))
    news = news.take(np.argsort(_rank(stocks)[news.stock], kind="stable"))
    years = f"{sessions.past[0].year}_{sessions.past[-1].year}"
    table = pa.Table.from_arrays(_heads(stocks, news), schema=ANNOUNCEMENTS)
    pq.write_table(table, folder / f"announcements_{years}.parquet")

    spoken = news.take(np.flatnonzero(news.text >= 0))
    words = [spoken.snippet(row, stocks.name[stock]) for row, stock in enumerate(spoken.stock.tolist())]
    texts = pa.Table.from_arrays(
        [*_heads(stocks, spoken), pa.array(words, type=pa.large_string())], schema=TEXTS
    )
    pq.write_table(texts, folder / f"announcement_texts_{years}.parquet")
    return len(news.stock)


def _heads(stocks: Stocks, news: News) -> list[pa.Array]:
    category = pa.DictionaryArray.from_arrays(pa.array(news.category.astype(np.int16)), pa.array(CATEGORIES))
    return [_words(stocks.symbol, news.stock), _stamps(news.announced), category]


def _rank(stocks: Stocks) -> Ints:
    return np.argsort(by_symbol(stocks))


def _stamps(seconds: Ints) -> pa.Array:
    return pa.array(seconds * 1_000_000, type=pa.timestamp("us"))


def _words(
    words: list[str] | list[str | None] | tuple[str, ...], position: npt.NDArray[np.integer]
) -> pa.Array:
    chosen = pa.DictionaryArray.from_arrays(
        pa.array(position.astype(np.int32)), pa.array(words, type=pa.large_string())
    )
    return chosen.cast(pa.large_string())
