"""
UDiFF, the common bhavcopy: one form for both exchanges and all segments since July 2024.

Because futures, options and the cash market share its 34 columns, nothing but the cells `Sgmt`, `FinInstrmTp` and
`SsnId` keeps an option's premium from being read as a share's price. Anything but the final file of the cash market
is refused by name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from upper_circuit.market.formats.form import Format, Given
from upper_circuit.market.formats.prices import Layout, price_file
from upper_circuit.market.formats.rows import Exchange, PriceFile
from upper_circuit.market.formats.table import Table

HEADER = (
    "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,FininstrmActlXpryDt,StrkPric,OptnTp,"
    "FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,UndrlygPric,SttlmPric,OpnIntrst,ChngInOpnIntrst,"
    "TtlTradgVol,TtlTrfVal,TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,Rsvd1,Rsvd2,Rsvd3,Rsvd4"
)
_SEGMENTS = {
    "FO": "futures and options",
    "CD": "currency derivatives",
    "CO": "commodity derivatives",
    "IRD": "interest rate derivatives",
    "DEBT": "debt",
    "SLB": "lending and borrowing",
}
_FINAL = (
    "F1",
    "",
)  # the final file of the day's only session; anything else is provisional or another market
_NSE = Layout(
    title="UDiFF common bhavcopy",
    exchange="NSE",
    day="traddt",
    symbol="tckrsymb",
    series="sctysrs",
    isin="isin",
    open="opnpric",
    high="hghpric",
    low="lwpric",
    close="clspric",
    last="lastpric",
    prev_close="prvsclsgpric",
    volume="ttltradgvol",
    turnover="ttltrfval",
    turnover_in_lacs=False,
    trades="ttlnboftxsexctd",
)
_BSE = replace(
    _NSE, exchange="BSE", code="fininstrmid"
)  # on NSE this column is a token that means nothing outside


def parse(table: Table, given: Given) -> PriceFile:
    """The cash market's shares. Series: NSE's series or BSE's group; code: BSE's only."""
    _is_cash_market(table)
    exchange = _exchange(table)
    shares = [kind == "STK" for kind in table.texts("fininstrmtp")]
    return price_file(table, given, _NSE if exchange == "NSE" else _BSE, shares)


def _is_cash_market(table: Table) -> None:
    for row, segment in enumerate(table.texts("sgmt")):
        if segment != "CM":
            meaning = f" ({_SEGMENTS[segment]})" if segment in _SEGMENTS else ""
            name = "is an F&O file" if segment == "FO" else "is no file of the cash market"
            raise table.refused(f"{name}: segment {segment or '?'}{meaning}; only CM is loaded", row, "sgmt")
    for row, session in enumerate(table.texts("ssnid")):
        if session not in _FINAL:
            reason = "is not the final file of the normal market (F1): T+0 or provisional"
            raise table.refused(reason, row, "ssnid")


def _exchange(table: Table) -> Exchange:
    sources = table.texts("src")
    for row, source in enumerate(sources):
        if source not in ("NSE", "BSE") or source != sources[0]:
            raise table.refused("must be NSE or BSE, the same in the whole file", row, "src")
    return cast("Exchange", sources[0])


FORMATS = (Format(_NSE.title, tuple(HEADER.lower().split(",")), parse),)
