"""
Years of prices from an archive, as arrays.

Two million rows and more cannot go through the reader of single files, which keeps every cell beside its line. Here
whole columns are checked at once: a file without the right columns is refused, a row that cannot be a bar is left out,
counted and named, for one bad print among millions must not shut an archive out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from upper_circuit.errors import FileRefused
from upper_circuit.market.formats.groups import NSE_SERIES
from upper_circuit.market.loading.joining import Joins
from upper_circuit.market.loading.stock_bars import PRICES

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_WORDS = pa.dictionary(pa.int32(), pa.string())
_COLUMNS: dict[str, pa.DataType] = {
    "bse_code": _WORDS,
    "nse_symbol": _WORDS,
    "symbol_asof": _WORDS,
    "series": _WORDS,
    "date": pa.date32(),
    **dict.fromkeys((*PRICES, "last", "volume", "turnover_lacs", "trades", "deliv_qty"), pa.float64()),
}
_OPTIONAL = frozenset({"symbol_asof", "last", "turnover_lacs", "trades", "deliv_qty"})
"""A bse_code or an nse_symbol is needed too; one of the two may be absent."""

_HIGHEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows of a table that are not loaded for one reason, and some of their names."""

    table: str
    reason: str
    rows: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        more = ", ..." if self.rows > len(self.names) else ""
        return f"{self.rows:,} rows of {self.table}: {self.reason} ({', '.join(self.names)}{more})"

    @classmethod
    def summed(cls, parts: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
        """One entry a table and reason, however many files the rows were in; the first three names stay."""
        whole: dict[tuple[str, str], LeftOut] = {}
        for part in parts:
            key = part.table, part.reason
            so_far = whole.get(key, cls(*key, 0, ()))
            names = tuple(dict.fromkeys(so_far.names + part.names))[:3]
            whole[key] = cls(*key, so_far.rows + part.rows, names)
        return tuple(whole.values())


@dataclass(frozen=True, slots=True)
class PriceArchive:
    """Every row of the price files, one array a column; words are places in lists, -1 for none.

    Prices are rupees as filed, NaN where missing; `file` is the place of the row's file among those read.
    """

    codes: list[str]
    symbols: list[str]
    former: list[str]
    series: list[str]
    code: Ints
    symbol: Ints
    symbol_asof: Ints
    series_at: Ints
    day: Ints
    numbers: dict[str, Floats]
    file: Ints

    def __len__(self) -> int:
        return len(self.day)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows that are loaded.

    Guaranteed: `rows` are places in the archive, sorted by stock and day, no stock has a day twice; `stock` is the place
    of each row's stock in `codes`, which ascend.
    """

    codes: tuple[str, ...]
    rows: Ints
    stock: Ints
    left_out: tuple[LeftOut, ...]
    traded: dict[str, str]
    """Symbol to code, for the tables that know a stock by its symbol only."""


def read_prices(paths: Sequence[Path], today: date) -> PriceArchive:
    """Read the price files. Raises FileRefused for one that is damaged, lacks a column or has a day after today."""
    tables = [_table(path, today) for path in paths]
    whole = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    words = {name: whole.column(name).chunk(0) for name, kind in _COLUMNS.items() if kind == _WORDS}
    numbers = {name: whole.column(name).to_numpy() for name, kind in _COLUMNS.items() if kind == pa.float64()}
    lists = {name: column.dictionary.to_pylist() for name, column in words.items()}
    places = {
        name: column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        for name, column in words.items()
    }
    return PriceArchive(
        codes=lists["bse_code"],
        symbols=lists["nse_symbol"],
        former=lists["symbol_asof"],
        series=lists["series"],
        code=places["bse_code"],
        symbol=places["nse_symbol"],
        symbol_asof=places["symbol_asof"],
        series_at=places["series"],
        day=whole.column("date").cast(pa.int32()).to_numpy().astype(np.int64),
        numbers=numbers,
        file=np.repeat(np.arange(len(tables)), [table.num_rows for table in tables]),
    )


def choose(prices: PriceArchive, joins: Joins) -> Chosen:
    """Find each row's stock and leave out what cannot be one of its bars, for the first reason of these in order."""
    code, codes = _codes(prices, joins)
    symbol = np.array([*prices.symbols, "no symbol"], dtype=object)[prices.symbol]
    left_out: list[LeftOut] = []
    kept = np.ones(len(prices), dtype=bool)
    for reason, wrong in _faults(prices, code):
        at = np.flatnonzero(kept & wrong)
        if len(at):
            names = tuple(dict.fromkeys(symbol[at[:: max(len(at) // 50, 1)]].tolist()))[:3]
            left_out.append(LeftOut("daily_prices", reason, len(at), names))
            kept[at] = False
    rows = np.flatnonzero(kept)
    order = np.argsort(np.array(codes, dtype=object), kind="stable")
    rank = np.empty(len(codes), dtype=np.int64)
    rank[order] = np.arange(len(codes))
    stock = rank[code[rows]]
    sort = np.lexsort((prices.day[rows], stock))
    rows, stock = rows[sort], stock[sort]
    again = np.zeros(len(rows), dtype=bool)
    again[1:] = (stock[1:] == stock[:-1]) & (prices.day[rows[1:]] == prices.day[rows[:-1]])
    if again.any():
        names = tuple(dict.fromkeys(symbol[rows[again]].tolist()))[:3]
        left_out.append(LeftOut("daily_prices", "second row of one stock and day", int(again.sum()), names))
    rows, stock = rows[~again], stock[~again]
    present, place = np.unique(stock, return_inverse=True)
    ascending = tuple(codes[order[at]] for at in present.tolist())
    return Chosen(ascending, rows, place, tuple(left_out), _traded(prices, rows, ascending, place))


def _table(path: Path, today: date) -> pa.Table:
    try:
        table = _parquet(path) if path.suffix == ".parquet" else _csv(path)
        absent = [name for name in _COLUMNS if name not in table.column_names and name not in _OPTIONAL]
        if absent and absent not in (["bse_code"], ["nse_symbol"]):
            raise FileRefused(path, f"lacks the columns {', '.join(absent)} (docs/history-layout.md)")
        columns = [_column(path, table, name, kind) for name, kind in _COLUMNS.items()]
    except (pa.ArrowException, OSError) as error:
        raise FileRefused(path, f"cannot be read: {str(error).splitlines()[0]}") from error
    whole = pa.table(dict(zip(_COLUMNS, columns, strict=True)))
    if not len(whole):
        raise FileRefused(path, "has columns and no rows")
    _check(path, whole, today)
    return whole


def _parquet(path: Path) -> pa.Table:
    return pq.read_table(path, columns=[name for name in pq.read_schema(path).names if name in _COLUMNS])


def _csv(path: Path) -> pa.Table:
    words = dict.fromkeys((name for name, kind in _COLUMNS.items() if kind == _WORDS), pa.string())
    options = pa.csv.ConvertOptions(column_types=words, null_values=["", "-"], strings_can_be_null=True)
    return pa.csv.read_csv(path, convert_options=options)


def _column(path: Path, table: pa.Table, name: str, kind: pa.DataType) -> Any:
    if name not in table.column_names:
        if name == "symbol_asof":
            return _column(path, table, "nse_symbol", kind)
        return (
            pa.nulls(len(table), pa.string()).dictionary_encode()
            if kind == _WORDS
            else pa.nulls(len(table), kind)
        )
    column = table.column(name)
    try:
        if kind != _WORDS:
            return column.cast(kind)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_floating(column.type):
            column = column.cast(pa.int64())
        return column.cast(pa.string()).dictionary_encode()
    except pa.ArrowException as error:
        raise FileRefused(path, f"column {name} holds something else than it should: {error}") from error


def _check(path: Path, table: pa.Table, today: date) -> None:
    for name in ("date", "series"):
        if table.column(name).null_count:
            raise FileRefused(
                path, "is missing", pc.index(pc.is_null(table.column(name)), True).as_py() + 1, name, ""
            )
    newest = pc.max(table.column("date")).as_py()
    if newest > today:
        line = pc.index(table.column("date"), newest).as_py() + 1
        raise FileRefused(path, f"lies in the future (today is {today})", line, "date", str(newest))
    for chunk in table.column("bse_code").chunks:
        wrong = [code for code in chunk.dictionary.to_pylist() if not (len(code) == 6 and code.isdecimal())]
        if wrong:
            raise FileRefused(path, f"bse_code {wrong[0]!r} is no code of 6 digits")


def _codes(prices: PriceArchive, joins: Joins) -> tuple[Ints, list[str]]:
    """Each row's stock as a place in a list of codes, -1 for none: its own code, else that of its symbol."""
    codes = list(prices.codes)
    index = {code: at for at, code in enumerate(codes)}
    by_symbol = np.full(len(prices.symbols) + 1, -1)
    for at, symbol in enumerate(prices.symbols):
        code = joins.of_symbol(symbol)
        if code is not None:
            by_symbol[at] = index.setdefault(code, len(index))
    return np.where(prices.code >= 0, prices.code, by_symbol[prices.symbol]), [*index]


def _faults(prices: PriceArchive, code: Ints) -> list[tuple[str, Mask]]:
    n = prices.numbers
    followed = np.array([name in NSE_SERIES for name in prices.series], dtype=bool)
    day = [n[name] for name in ("open", "high", "low", "close")]
    filed = [*day, np.nan_to_num(n["prev_close"])]
    exact = [np.abs(values * 100 - np.rint(values * 100)) < 1e-3 for values in filed]
    return [
        ("no BSE code (listed on NSE only)", code < 0),
        ("series other than " + " ".join(sorted(NSE_SERIES)), ~followed[prices.series_at]),
        ("a price is missing", np.isnan(day).any(axis=0)),
        (
            "a price is not above 0, or too high to be one",
            (np.min(day, axis=0) <= 0) | (np.max(filed, axis=0) * 100 > _HIGHEST) | (filed[-1] < 0),
        ),
        ("a price has more than two decimals: not as published", ~np.all(exact, axis=0)),
        (
            "high, low, open and close contradict each other",
            (n["high"] < np.max(day, axis=0)) | (n["low"] > np.min(day, axis=0)),
        ),
        ("no trade on the day", ~(n["volume"] > 0)),
    ]


def _traded(prices: PriceArchive, rows: Ints, codes: tuple[str, ...], stock: Ints) -> dict[str, str]:
    """Symbol to the stock that had it last."""
    pairs = prices.symbol[rows] * len(codes) + stock
    order = np.lexsort((prices.day[rows],))
    distinct, last = np.unique(pairs[order][::-1], return_index=True)
    newest_last = distinct[np.argsort(-last)]
    return {
        prices.symbols[pair // len(codes)]: codes[pair % len(codes)]
        for pair in newest_last.tolist()
        if pair >= 0
    }
