"""
NSE's bhavcopy until July 2024 (cmDDMONYYYYbhav), in the three forms that archives hold.

11 columns until 2011, then 13 with trades and ISIN; every line ends in a comma, so that tools count 12 and 14, and
tools that rewrote the file left that comma out. Turnover is in rupees.
"""

from __future__ import annotations

from dataclasses import replace

from upper_circuit.market.formats.form import Format, Given
from upper_circuit.market.formats.prices import Layout, price_file
from upper_circuit.market.formats.rows import PriceFile
from upper_circuit.market.formats.table import Table

HEADER_11 = "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP"
HEADER_13 = f"{HEADER_11},TOTALTRADES,ISIN"
_OLD = Layout(
    title="NSE legacy bhavcopy, 11 columns",
    exchange="NSE",
    day="timestamp",
    symbol="symbol",
    series="series",
    open="open",
    high="high",
    low="low",
    close="close",
    last="last",
    prev_close="prevclose",
    volume="tottrdqty",
    turnover="tottrdval",
    turnover_in_lacs=False,
    trades=None,
)
_NEW = replace(_OLD, title="NSE legacy bhavcopy, 13 columns", trades="totaltrades", isin="isin")


def parse_old(table: Table, given: Given) -> PriceFile:
    """Without trades and ISIN."""
    return price_file(table, given, _OLD)


def parse_new(table: Table, given: Given) -> PriceFile:
    """With trades and ISIN."""
    return price_file(table, given, _NEW)


FORMATS = (
    Format(_OLD.title, tuple(HEADER_11.lower().split(",")), parse_old),
    Format(_NEW.title, tuple(HEADER_13.lower().split(",")), parse_new),
)
