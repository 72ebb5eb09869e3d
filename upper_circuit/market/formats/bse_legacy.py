"""
BSE's bhavcopy until July 2024: EQddmmyy, which has no day in it, and EQ_ISINCODE, which has.

A file without a day must not be loaded under a guess, so its day is the caller's to give. Until June 2017 the second
form had FILLER1 in place of TRADING_DATE: then, or where that cell is empty, it has no day either. Names are cut to 12
characters and groups padded with blanks; a new listing has a previous close of 0.
"""

from __future__ import annotations

from dataclasses import replace

from upper_circuit.market.formats.form import Format, Given
from upper_circuit.market.formats.prices import Layout, price_file
from upper_circuit.market.formats.rows import PriceFile
from upper_circuit.market.formats.table import Table

HEADER = "SC_CODE,SC_NAME,SC_GROUP,SC_TYPE,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,NO_TRADES,NO_OF_SHRS,NET_TURNOV,TDCLOINDI"
HEADER_DATED = f"{HEADER},ISIN_CODE,TRADING_DATE,FILLER2,FILLER3"
HEADER_FILLED = f"{HEADER},ISIN_CODE,FILLER1,FILLER2,FILLER3"
_SHARE = "Q"  # SC_TYPE: Q equity, P preference, B bonds, D debentures
_PLAIN = Layout(
    title="BSE legacy bhavcopy (EQ)",
    exchange="BSE",
    code="sc_code",
    symbol="sc_name",
    series="sc_group",
    open="open",
    high="high",
    low="low",
    close="close",
    last="last",
    prev_close="prevclose",
    volume="no_of_shrs",
    turnover="net_turnov",
    turnover_in_lacs=False,
    trades="no_trades",
)
_UNDATED = replace(_PLAIN, title="BSE legacy bhavcopy with ISIN (EQ_ISINCODE)", isin="isin_code")
_DATED = replace(_UNDATED, day="trading_date")


def parse(table: Table, given: Given) -> PriceFile:
    """Without ISIN and day: trade_date must be given."""
    return price_file(table, given, _PLAIN, _shares(table))


def parse_with_isin(table: Table, given: Given) -> PriceFile:
    """With ISIN, and with the day where the file has it."""
    dated = "trading_date" in table and any(table.texts("trading_date"))
    return price_file(table, given, _DATED if dated else _UNDATED, _shares(table))


def _shares(table: Table) -> list[bool]:
    return [kind == _SHARE for kind in table.texts("sc_type")]


FORMATS = (
    Format(_PLAIN.title, tuple(HEADER.lower().split(",")), parse),
    Format(_UNDATED.title, tuple(HEADER_DATED.lower().split(",")), parse_with_isin),
    Format(_UNDATED.title, tuple(HEADER_FILLED.lower().split(",")), parse_with_isin),
)
