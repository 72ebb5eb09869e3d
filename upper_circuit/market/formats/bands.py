"""
NSE's price bands, and its list of the day's hitters.

A band is known the evening before it holds and decides what a circuit is; "No Band" marks a stock with derivatives,
which never locks. Neither list has a day in it, so the day is the caller's or none. The hitters are the exchange's own
answer to our circuit rule: they are for checking it, never an input.
"""

from __future__ import annotations

from upper_circuit.market.formats import groups, values
from upper_circuit.market.formats.form import Format, Given, Leftovers
from upper_circuit.market.formats.master import NO_BAND, band_from
from upper_circuit.market.formats.rows import BandRow, BandsFile, HitterRow, HittersFile
from upper_circuit.market.formats.table import Table

TITLE = "NSE price bands (sec_list)"
HITTERS_TITLE = "NSE price band hitters (bh)"
_HEADER = ("symbol", "series", "security name", "band", "remarks")
_HITTERS_HEADER = ("symbol", "series", "security", "high/low")


def parse(table: Table, given: Given) -> BandsFile:
    """Bands of the shares we follow, in percent; `effective_date` is the caller's trade_date."""
    symbols, series = values.names(table, "symbol"), table.texts("series")
    bands, remarks = table.texts("band"), values.optional_texts(table, "remarks")
    left_out = Leftovers()
    rows: dict[str, BandRow] = {}
    for row, (symbol, filed) in enumerate(zip(symbols, series, strict=True)):
        if filed not in groups.NSE_SERIES:
            left_out.add(groups.OTHER_SERIES["NSE"], f"{symbol} {filed}")
            continue
        if symbol in rows:
            raise table.refused("stands twice", row, "symbol")
        band = None if bands[row] == NO_BAND else band_from(table, "band", row, bands[row])
        if band is None and bands[row] != NO_BAND:
            raise table.refused(f"is empty; a security without a band says {NO_BAND}", row, "band")
        rows[symbol] = BandRow(symbol, filed, band, remarks[row])
    content = table.content
    return BandsFile(
        "bands", TITLE, content.name, content.sha256, left_out.all(), given.trade_date, tuple(rows.values())
    )


def parse_hitters(table: Table, given: Given) -> HittersFile:
    """All securities of the list, whatever their series."""
    sides = table.texts("high/low")
    for row, side in enumerate(sides):
        if side not in ("H", "L"):
            raise table.refused("must be H or L", row, "high/low")
    cells = zip(values.names(table, "symbol"), table.texts("series"), sides, strict=True)
    rows = tuple(HitterRow(symbol, series, upper=side == "H") for symbol, series, side in cells)
    content = table.content
    return HittersFile("hitters", HITTERS_TITLE, content.name, content.sha256, (), given.trade_date, rows)


FORMATS = (Format(TITLE, _HEADER, parse), Format(HITTERS_TITLE, _HITTERS_HEADER, parse_hitters))
