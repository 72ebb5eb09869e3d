"""Price files of every exchange format, written by hand from one kind of bar, as the exchanges write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

DAY = date(2025, 12, 17)
"""The day of every file that is not told another."""
UDIFF_HEADER = (
    "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,FininstrmActlXpryDt,StrkPric,OptnTp,"
    "FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,UndrlygPric,SttlmPric,OpnIntrst,ChngInOpnIntrst,"
    "TtlTradgVol,TtlTrfVal,TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,Rsvd1,Rsvd2,Rsvd3,Rsvd4"
)
NSE_FULL_HEADER = (
    "SYMBOL, SERIES, DATE1, PREV_CLOSE, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, LAST_PRICE, CLOSE_PRICE, AVG_PRICE, "
    "TTL_TRD_QNTY, TURNOVER_LACS, NO_OF_TRADES, DELIV_QTY, DELIV_PER"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Bar:
    """One row of a price file, in the words of the file: prices in rupees, turnover in rupees."""

    symbol: str = "RELINFRA"
    series: str = "EQ"
    code: str = "500390"
    isin: str = "INE036A01016"
    open: str = "142.53"
    high: str = "149.65"
    low: str = "141.00"
    close: str = "149.65"
    last: str = "149.60"
    prev_close: str = "142.53"
    volume: str = "1000"
    turnover: str = "146500.50"
    trades: str = "37"
    deliv_qty: str = "640"
    sc_type: str = "Q"
    name: str = "RELIANCE INF"


def english(day: date, *, upper: bool = False, century: bool = True) -> str:
    """17-Dec-2025, 17-DEC-2025 or 17-Dec-25, whatever the machine's language."""
    month = _MONTHS[day.month - 1]
    year = f"{day.year:04d}" if century else f"{day.year % 100:02d}"
    return f"{day.day:02d}-{month.upper() if upper else month}-{year}"


def udiff(bars: Sequence[Bar], *, day: date = DAY, source: str = "NSE", **cells: str) -> str:
    """UDiFF common bhavcopy; `cells` overrides a column in every row."""
    lines = [UDIFF_HEADER]
    for bar in bars:
        row = dict.fromkeys(UDIFF_HEADER.split(","), "") | {
            "TradDt": day.isoformat(),
            "BizDt": day.isoformat(),
            "Sgmt": "CM",
            "Src": source,
            "FinInstrmTp": "STK",
            "FinInstrmId": bar.code if source == "BSE" else "2885",
            "ISIN": bar.isin,
            "TckrSymb": bar.symbol,
            "SctySrs": bar.series,
            "FinInstrmNm": bar.name,
            "OpnPric": bar.open,
            "HghPric": bar.high,
            "LwPric": bar.low,
            "ClsPric": bar.close,
            "LastPric": bar.last,
            "PrvsClsgPric": bar.prev_close,
            "SttlmPric": bar.close,
            "TtlTradgVol": bar.volume,
            "TtlTrfVal": bar.turnover,
            "TtlNbOfTxsExctd": bar.trades,
            "SsnId": "F1",
            "NewBrdLotQty": "1",
        }
        lines.append(",".join((row | cells).values()))
    return "\n".join(lines) + "\n"


def bse_udiff(bars: Sequence[Bar], *, day: date = DAY) -> str:
    """The same form from BSE: groups for series, and the BSE code."""
    return udiff(bars, day=day, source="BSE")


def nse_full(bars: Sequence[Bar], *, day: date = DAY, comma: str = ", ") -> str:
    """sec_bhavdata_full: turnover in lacs, `-` for a missing delivery."""
    lines = [NSE_FULL_HEADER.replace(", ", comma)]
    for bar in bars:
        percent = "-" if bar.deliv_qty == "-" else "64.00"
        row = (
            bar.symbol,
            bar.series,
            english(day),
            bar.prev_close,
            bar.open,
            bar.high,
            bar.low,
            bar.last,
            bar.close,
        )
        lines.append(
            comma.join((*row, "146.50", bar.volume, bar.turnover, bar.trades, bar.deliv_qty, percent))
        )
    return "\n".join(lines) + "\n"


def nse_legacy_11(bars: Sequence[Bar], *, day: date = DAY, end: str = ",") -> str:
    """NSE until 2011: no trades, no ISIN, a comma at the end of every line."""
    lines = ["SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP" + end]
    lines += [_legacy_cells(bar, day) + end for bar in bars]
    return "\n".join(lines) + "\n"


def nse_legacy_13(bars: Sequence[Bar], *, day: date = DAY, end: str = ",") -> str:
    """NSE from 2011 to July 2024; with its final comma tools count 14 columns."""
    header = "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,TOTALTRADES,ISIN"
    lines = [header + end]
    lines += [f"{_legacy_cells(bar, day)},{bar.trades},{bar.isin}{end}" for bar in bars]
    return "\n".join(lines) + "\n"


def _legacy_cells(bar: Bar, day: date) -> str:
    prices = f"{bar.open},{bar.high},{bar.low},{bar.close},{bar.last},{bar.prev_close}"
    return f"{bar.symbol},{bar.series},{prices},{bar.volume},{bar.turnover},{english(day, upper=True)}"


BSE_LEGACY_HEADER = "SC_CODE,SC_NAME,SC_GROUP,SC_TYPE,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,NO_TRADES,NO_OF_SHRS,NET_TURNOV,TDCLOINDI"


def bse_legacy(bars: Sequence[Bar], *, day: date = DAY) -> str:
    """BSE's EQddmmyy: no ISIN, and no day at all."""
    del day
    return "\n".join([BSE_LEGACY_HEADER, *(_bse_cells(bar) for bar in bars)]) + "\n"


def bse_legacy_dated(bars: Sequence[Bar], *, day: date = DAY, heading: str = "TRADING_DATE") -> str:
    """BSE's EQ_ISINCODE: the same, then ISIN and day."""
    stamp = english(day, century=False) if heading == "TRADING_DATE" else ""
    lines = [f"{BSE_LEGACY_HEADER},ISIN_CODE,{heading},FILLER2,FILLER3"]
    lines += [f"{_bse_cells(bar)},{bar.isin},{stamp},," for bar in bars]
    return "\n".join(lines) + "\n"


def _bse_cells(bar: Bar) -> str:
    prices = f"{bar.open},{bar.high},{bar.low},{bar.close},{bar.last},{bar.prev_close}"
    return f"{bar.code},{bar.name:<12},{bar.series:<2},{bar.sc_type},{prices},{bar.trades},{bar.volume},{bar.turnover},"


Writer = Callable[..., str]
NSE_FORMS: dict[str, Writer] = {
    "UDiFF NSE": udiff,
    "NSE full": nse_full,
    "NSE legacy 11": nse_legacy_11,
    "NSE legacy 13": nse_legacy_13,
}
BSE_FORMS: dict[str, Writer] = {
    "UDiFF BSE": bse_udiff,
    "BSE legacy": bse_legacy,
    "BSE legacy dated": bse_legacy_dated,
}
FORMS = NSE_FORMS | BSE_FORMS


def series_for(form: str, nse: str = "EQ", bse: str = "A") -> str:
    """A series or a group, as the form's exchange has it."""
    return nse if form in NSE_FORMS else bse
