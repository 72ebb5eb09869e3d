"""
NSE's full bhavcopy with deliveries (sec_bhavdata_full): the file most users have.

It writes blanks after its commas, `-` for a delivery that trade-for-trade series do not have, and no ISIN. Copies of
older days circulate that were rewritten from the legacy file: they have zeros where the legacy file has nothing and
their turnover is in rupees under a heading that says lacs. Read at face value they would say that nothing was ever
delivered.
"""

from __future__ import annotations

from dataclasses import replace

from upper_circuit.market.formats.form import Format, Given
from upper_circuit.market.formats.prices import Layout, price_file
from upper_circuit.market.formats.rows import PriceFile
from upper_circuit.market.formats.table import Table

HEADER = (
    "SYMBOL, SERIES, DATE1, PREV_CLOSE, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, LAST_PRICE, CLOSE_PRICE, AVG_PRICE, "
    "TTL_TRD_QNTY, TURNOVER_LACS, NO_OF_TRADES, DELIV_QTY, DELIV_PER"
)
_LAYOUT = Layout(
    title="NSE full bhavcopy",
    exchange="NSE",
    day="date1",
    symbol="symbol",
    series="series",
    open="open_price",
    high="high_price",
    low="low_price",
    close="close_price",
    last="last_price",
    prev_close="prev_close",
    volume="ttl_trd_qnty",
    turnover="turnover_lacs",
    turnover_in_lacs=True,
    trades="no_of_trades",
    deliv_qty="deliv_qty",
)
_ZEROS = frozenset({"0", "0.0", "0.00"})
_REWRITTEN = replace(_LAYOUT, turnover_in_lacs=False, trades=None, deliv_qty=None)


def parse(table: Table, given: Given) -> PriceFile:
    """NSE's shares with deliveries; trades and deliveries are None in a copy rewritten from the legacy file."""
    for row, share in enumerate(table.texts("deliv_per")):
        if not share:
            raise table.refused("is empty: the file is cut off here", row, "deliv_per")
    return price_file(table, given, _REWRITTEN if _is_rewritten(table) else _LAYOUT)


def _is_rewritten(table: Table) -> bool:
    """No real file has a bar without a trade or an average price, let alone all bars."""
    return all(set(table.texts(name)) <= _ZEROS for name in ("no_of_trades", "avg_price"))


FORMATS = (Format(_LAYOUT.title, tuple(HEADER.lower().split(", ")), parse),)
