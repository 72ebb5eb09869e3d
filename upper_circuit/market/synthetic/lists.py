"""
The lists of a synthetic market, as text files in the layout that users bring (docs/history-layout.md).

They have the forms in which the exchange hands them out, blanks and words included, since that is what breaks readers.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from upper_circuit.market.synthetic.companies import INDUSTRIES, isin
from upper_circuit.market.synthetic.layout import by_symbol, codes
from upper_circuit.market.synthetic.meetings import Notices
from upper_circuit.market.synthetic.presence import Actions
from upper_circuit.market.synthetic.prices import Bars
from upper_circuit.market.synthetic.sessions import Sessions
from upper_circuit.market.synthetic.stocks import BE, SERIES, SM, ST, Stocks

MASTER = (
    "bse_code",
    "nse_symbol",
    "company_name",
    "status",
    "isin",
    "bse_id",
    "bse_group",
    "face_value",
    "sector",
    "industry",
    "industry_group",
    "industry_subgroup",
    "board",
    "nse_series",
    "nse_listed_on",
    "nse_band_dec2025",
    "market_cap_cr",
    "shares_out",
)
BANDS = ("Symbol", "Series", "Security Name", "Band", "Remarks")
FACTORS = ("nse_symbol", "ex_date", "factor", "open_over_prev_close", "prev_close", "open")
_GROUPS = {BE: "T", SM: "M", ST: "MT"}
_GROUP_A_CRORE = 2_000
_NO_CAP_EVERY = 47


def write_master(folder: Path, stocks: Stocks, sessions: Sessions, bars: Bars, actions: Actions) -> None:
    """Write `master_stock_list.csv`, by code; band and market capitalisation are those of the last session.

    Every 47th stock has no market capitalisation.
    """
    shares = stocks.cap * 1e9 / stocks.price
    np.multiply.at(shares, actions.stock, actions.den / actions.num)
    shares = np.floor(shares)
    newest = len(sessions.past) - 1 - np.argmax(bars.present[::-1], axis=0)
    close = bars.close[newest, np.arange(stocks.count)]
    rows = []
    for i, code in enumerate(codes(stocks)[: stocks.coded]):
        industry = INDUSTRIES[stocks.industry[i]] if stocks.industry[i] >= 0 else None
        traded = bool(stocks.gone[i] > stocks.listed[i])
        on_file = traded and stocks.status[i] == "ACTIVE"
        symbol = stocks.symbol[i] if stocks.symbol_in_master[i] else ""
        series = int(bars.series[-1, i])
        names = [industry.sector, *[industry.name] * 3] if industry else [""] * 4
        listed = sessions.past[stocks.listed[i]].isoformat() if stocks.listed[i] else f"{1994 + i % 24}-02-08"
        head = [
            code,
            symbol,
            stocks.name[i],
            stocks.status[i],
            isin(i),
            stocks.symbol[i],
            _group(stocks, i, traded),
            "10.00",
        ]
        exchange = [_board(series), SERIES[series], listed, _band(int(bars.band[-1, i]))]
        size = [f"{shares[i] * (close[i] / 1e9):.2f}", f"{shares[i]:.1f}"]
        rows.append(
            [
                *head,
                *names,
                *(exchange if on_file else [""] * 4),
                *(size if on_file and i % _NO_CAP_EVERY != 11 else ["", ""]),
            ]
        )
    _write(folder / "master_stock_list.csv", MASTER, rows)


def _group(stocks: Stocks, stock: int, traded: bool) -> str:
    if not traded:
        return "X" if stocks.status[stock] == "ACTIVE" else "B"
    return _GROUPS.get(int(stocks.series[stock]), "A" if stocks.cap[stock] >= _GROUP_A_CRORE else "B")


def _board(series: int) -> str:
    return "SME" if series in (SM, ST) else "MAIN"


def _band(band: int) -> str:
    return str(band) if band else "No Band"


def write_factors(folder: Path, stocks: Stocks, sessions: Sessions, bars: Bars, actions: Actions) -> None:
    """Write `corporate_action_factors_inferred.csv`, by symbol."""
    rows = []
    for session, stock, num, den in zip(
        actions.session, actions.stock, actions.num, actions.den, strict=True
    ):
        before, opened = float(bars.prev_close[session, stock]) / 100, float(bars.open[session, stock]) / 100
        day = sessions.past[session].isoformat()
        rows.append(
            [stocks.symbol[stock], day, round(num / den, 5), round(opened / before, 5), before, opened]
        )
    _write(folder / "corporate_action_factors_inferred.csv", FACTORS, sorted(rows))


def write_sessions(folder: Path, sessions: Sessions) -> None:
    """Write `nse_trading_dates_*.csv`: every session with bars, and those published ahead."""
    days = [*sessions.past, *sessions.ahead]
    name = f"nse_trading_dates_{days[0].year}_{days[-1].year}.csv"
    _write(folder / name, ("trading_date",), [[day.isoformat()] for day in days])


def write_bands(folder: Path, stocks: Stocks, sessions: Sessions, bars: Bars) -> None:
    """Write `sec_list_YYYY-MM-DD.csv` for the first session of each month and for the last session."""
    months = [(day.year, day.month) for day in sessions.past]
    dated = sorted({0, *(i for i in range(1, len(months)) if months[i] != months[i - 1]), len(months) - 1})
    for session in dated:
        listed = (stocks.listed <= session) & (session < stocks.gone)
        rows = [
            [
                stocks.symbol[i],
                SERIES[bars.series[session, i]],
                stocks.name[i].upper(),
                _band(int(bars.band[session, i])),
                "-",
            ]
            for i in by_symbol(stocks).tolist()
            if listed[i]
        ]
        _write(folder / f"sec_list_{sessions.past[session].isoformat()}.csv", BANDS, rows)


def write_meetings(folder: Path, stocks: Stocks, sessions: Sessions, notices: Notices) -> int:
    """Write `bmDDMMYYYY.txt` for each session with notices; returns the notices."""
    for session in np.unique(notices.session).tolist():
        lines = ["COMPANY NAME    SYMBOL     : BM DATE    : BM PURPOSE"]
        for row in np.flatnonzero(notices.session == session).tolist():
            stock, purpose = int(notices.stock[row]), notices.purpose(row)
            lines.append(
                f"{stocks.name[stock]} {stocks.symbol[stock]} : {notices.meeting_day(row)} : {purpose}"
            )
        (folder / f"bm{sessions.past[session]:%d%m%Y}.txt").write_text(
            "\n".join(lines) + "\n", encoding="utf-8"
        )
    return len(notices.session)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
