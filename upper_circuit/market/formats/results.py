"""
Quarterly results, with the second at which each became public.

The quarter's end says nothing about when its figures were known: 40 days lie between, for some filings years. So a
result without a time is refused, and one that claims to be public before its quarter ended too.
"""

from __future__ import annotations

import calendar
from datetime import date

import numpy as np

from upper_circuit.market.days import day_of, ist_day
from upper_circuit.market.formats import values
from upper_circuit.market.formats.form import STOCK, Format, Given, Leftovers
from upper_circuit.market.formats.rows import ResultRow, ResultsFile
from upper_circuit.market.formats.table import Table, Texts
from upper_circuit.market.formats.values import first

TITLE = "quarterly results"
BASES = {
    "non-consolidated": "standalone",
    "standalone": "standalone",
    "consolidated": "consolidated",
}
"""Two words of the exchange mean the same basis."""
NO_STOCK = "row without a BSE code and without a symbol"
_FIGURES = ("revenue", "net_profit", "eps")


def parse(table: Table, given: Given) -> ResultsFile:
    """Columns: bse_code or nse_symbol, quarter_end, announced_at, basis (or consolidated), revenue, net_profit, eps.

    Amounts in rupees; a figure may be missing. Left out and counted: rows of no stock, quarters
    that end elsewhere than with March, June, September or December, the same filing again.
    """
    bases = _bases(table)
    codes, symbols = (values.optional_codes(table, STOCK[0]), values.optional_texts(table, STOCK[1]))
    quarters = values.dates(table, "quarter_end")
    moments = values.moments(table, "announced_at", given.today)
    ends = np.fromiter(map(day_of, quarters), dtype=np.int64, count=len(table))
    first(
        table,
        ist_day(moments) <= ends,
        lambda row: f"is no later than the quarter's end {quarters[row]}",
        "announced_at",
    )
    figures = [values.numbers(table, name) for name in _FIGURES]
    left_out = Leftovers()
    rows: dict[tuple[str | int | date | None, ...], ResultRow] = {}
    for filing in map(ResultRow, codes, symbols, quarters, bases, moments.tolist(), *figures):
        stock = filing.bse_code or filing.nse_symbol
        key = (stock, filing.quarter_end, filing.basis, filing.announced_at)
        if stock is None:
            left_out.add(NO_STOCK, f"{filing.quarter_end}")
        elif not _ends_quarter(filing.quarter_end):
            left_out.add("quarter that is no calendar quarter", f"{stock} {filing.quarter_end}")
        elif key in rows:
            left_out.add("the same filing again", f"{stock} {filing.quarter_end}")
        else:
            rows[key] = filing
    content = table.content
    return ResultsFile("results", TITLE, content.name, content.sha256, left_out.all(), tuple(rows.values()))


def _bases(table: Table) -> Texts:
    name = next((name for name in ("basis", "consolidated") if name in table), None)
    if name is None:
        raise table.refused("must be in the file: standalone or consolidated", field="basis")
    filed = table.texts(name)
    for row, text in enumerate(filed):
        if text.lower() not in BASES:
            raise table.refused(f"must be one of {', '.join(BASES)}", row, name)
    return tuple(BASES[text.lower()] for text in filed)


def _ends_quarter(day: date) -> bool:
    return day.month % 3 == 0 and day.day == calendar.monthrange(day.year, day.month)[1]


FORMATS = (Format(TITLE, ("quarter_end", "announced_at", *_FIGURES), parse, exact=False, by_stock=True),)
