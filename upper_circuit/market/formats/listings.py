"""
What NSE lists, so that a stock trades under NSE's name where it can.

NSE has no BSE code: these rows join a stock on the first 9 characters of the ISIN (issuer and kind of security), which
survive a change of face value where the whole ISIN does not. Names are never matched.
"""

from __future__ import annotations

from upper_circuit.market.formats import values
from upper_circuit.market.formats.form import Format, Given
from upper_circuit.market.formats.rows import NseListing, NseListingsFile
from upper_circuit.market.formats.table import Table

_MAIN = "SYMBOL,NAME OF COMPANY,SERIES,DATE OF LISTING,PAID UP VALUE,MARKET LOT,ISIN NUMBER,FACE VALUE"
_SME = "SYMBOL,NAME_OF_COMPANY,SERIES,DATE_OF_LISTING,PAID_UP_VALUE,ISIN_NUMBER,FACE_VALUE"
MAIN_TITLE = "NSE list of equities (EQUITY_L)"
SME_TITLE = "NSE list of SME equities (SME_EQUITY_L)"


def parse_main(table: Table, given: Given) -> NseListingsFile:
    """The main board."""
    del given
    return _listings(table, MAIN_TITLE, "MAIN", ("name of company", "isin number", "face value"))


def parse_sme(table: Table, given: Given) -> NseListingsFile:
    """The SME board."""
    del given
    return _listings(table, SME_TITLE, "SME", ("name_of_company", "isin_number", "face_value"))


def _listings(table: Table, title: str, board: str, columns: tuple[str, str, str]) -> NseListingsFile:
    company, isin, face_value = columns
    symbols, isins = values.names(table, "symbol"), values.isins(table, isin)
    seen: set[str] = set()
    for row, symbol in enumerate(symbols):
        if symbol in seen:
            raise table.refused("stands twice", row, "symbol")
        if not isins[row]:
            raise table.refused("is empty; without it the share joins no stock", row, isin)
        seen.add(symbol)
    cells = zip(
        symbols,
        table.texts(company),
        isins,
        table.texts("series"),
        values.numbers(table, face_value),
        strict=True,
    )
    rows = tuple(
        NseListing(symbol, name, number, series, board, value)
        for symbol, name, number, series, value in cells
    )
    content = table.content
    return NseListingsFile("nse_listings", title, content.name, content.sha256, (), board, rows)


FORMATS = (
    Format(MAIN_TITLE, tuple(_MAIN.lower().split(",")), parse_main),
    Format(SME_TITLE, tuple(_SME.lower().split(",")), parse_sme),
)
