"""
Which securities of an exchange's file are shares we follow, and under which series.

Price files also hold debt, gold bonds, fund units, rights entitlements and the T+0 market, under the same header and
often under the same name as a share. Loading one of them as a share would be a wrong price; refusing them would
refuse every real file. So each row is either a share or left out for a reason that is named here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from upper_circuit.market.formats.rows import Exchange

NSE_SERIES = frozenset({"EQ", "BE", "BZ", "SM", "ST", "SZ"})
"""Rolling, trade for trade, non-compliant; the same three of the SME board."""

BSE_SERIES: Mapping[str, str] = MappingProxyType(
    {
        "A": "EQ",
        "B": "EQ",
        "X": "EQ",
        "T": "BE",
        "XT": "BE",
        "Z": "BZ",
        "ZP": "BZ",
        "M": "SM",
        "MT": "ST",
    }
)
"""BSE's groups and the series they correspond to."""

SAME_DAY = "T+0 settlement: the same share again, in a market of its own"
NOT_SHARES = "debt, preference shares or warrants"
OTHER_SERIES: Mapping[Exchange, str] = MappingProxyType(
    {
        "NSE": "series other than " + " ".join(sorted(NSE_SERIES)),
        "BSE": "group other than " + " ".join(BSE_SERIES),
    }
)
FUND_UNITS = "units of a fund (ISIN INF...)"
RIGHTS = "rights entitlement"
NO_TRADE = "no trade on the day"

_RIGHTS_NAME = re.compile(r".*-RE\d*", re.ASCII)
_RIGHTS_TYPE = "20"  # characters 8-9 of an ISIN tell the kind of security: 01 equity, 20 rights


def series_of(exchange: Exchange, filed: str) -> str | None:
    """The series (EQ, BE, BZ, SM, ST, SZ) of NSE's series or BSE's group; None: not a share we follow."""
    if exchange == "NSE":
        return filed if filed in NSE_SERIES else None
    return BSE_SERIES.get(filed)


def is_same_day(symbol: str, filed: str) -> bool:
    """Whether a row belongs to the T+0 market: NSE's series T0, BSE's scrip ids that end in #."""
    return filed == "T0" or symbol.endswith("#")


def why_left_out(exchange: Exchange, symbol: str, filed: str, isin: str, *, share: bool) -> str | None:
    """The first reason why a row is no share we follow; None: it is one.

    Args:
        exchange: whose file it is.
        symbol: symbol, ticker or name.
        filed: NSE's series or BSE's group.
        isin: "" where the file has none: fund units then pass, and find no stock to join.
        share: what the file's own column for the kind of instrument says; True where it has none.
    """
    if is_same_day(symbol, filed):
        return SAME_DAY
    if not share:
        return NOT_SHARES
    if series_of(exchange, filed) is None:
        return OTHER_SERIES[exchange]
    if isin.startswith("INF"):
        return FUND_UNITS
    if isin[7:9] == _RIGHTS_TYPE or _RIGHTS_NAME.fullmatch(symbol):
        return RIGHTS
    return None
