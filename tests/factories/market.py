"""Small markets in memory: bars and events as a test needs them, flags and quarters derived as at ingest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from upper_circuit.market import circuits
from upper_circuit.market.calendar import Calendar
from upper_circuit.market.days import day_of, quarter_of, quarters_of
from upper_circuit.market.events import NEVER, Announcements, CircuitQuarters, Meetings, Results
from upper_circuit.market.market import Market
from upper_circuit.market.master import Master, Stock
from upper_circuit.market.packed import BAR, FIRST, LOCKED, SERIES, BarArray
from upper_circuit.market.windows import Factors, Histories

FIRST_SESSION = date(2023, 1, 2)


def weekdays(count: int, start: date = FIRST_SESSION) -> list[date]:
    """So many Mondays to Fridays: the sessions of a market without holidays."""
    days, day = [], start
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day += timedelta(days=1)
    return days


@dataclass(frozen=True)
class Filing:
    """One quarterly result, standalone."""

    quarter_end: date
    announced_at: int
    revenue: float = np.nan
    net_profit: float = np.nan
    eps: float = np.nan


@dataclass(frozen=True)
class Item:
    """One announcement."""

    announced_at: int
    score: float = 0.0
    event: int = 0


@dataclass(frozen=True)
class Listing:
    """One stock: bars, and what it announced."""

    bars: BarArray
    factors: Sequence[tuple[date, float]] = ()
    filings: Sequence[Filing] = ()
    items: Sequence[Item] = ()
    meetings: Sequence[tuple[date, int]] = ()
    industry: str | None = "Textiles"
    sector: str | None = "Consumer"
    status: str = "ACTIVE"


def bars(
    days: Sequence[date],
    close: Sequence[float],
    *,
    high: Sequence[float] | None = None,
    low: Sequence[float] | None = None,
    volume: Sequence[int] | None = None,
    series: str = "EQ",
    prev_close: Sequence[float] | None = None,
) -> BarArray:
    """Bars from rupees; by default flat around the close, and each previous close is the close before."""
    out = np.zeros(len(days), dtype=BAR)
    out["date"] = [day_of(day) for day in days]
    prices = {
        "close": close,
        "open": close,
        "high": close if high is None else high,
        "low": close if low is None else low,
        "prev_close": [close[0], *close[:-1]] if prev_close is None else prev_close,
    }
    for name, rupees in prices.items():
        out[name] = np.rint(np.asarray(rupees, dtype=np.float64) * 100)
    out["volume"] = 1_000 if volume is None else volume
    out["series"] = SERIES.index(series)
    return out


def market(listings: Mapping[str, Listing], *, ahead: Sequence[date] = ()) -> Market:
    """A market of these stocks; sessions are the days with bars, `ahead` those the calendar announces."""
    codes = tuple(sorted(listings))
    traded = np.unique(np.concatenate([listings[code].bars["date"] for code in codes]))
    published = np.array(sorted({*traded.tolist(), *map(day_of, ahead)}), dtype=np.int32)
    packed = [(code, _flagged(listings[code], traded)) for code in codes]
    return Market(
        codes=codes,
        calendar=Calendar(traded.astype(np.int32), published),
        histories=Histories.of([(code, stock_bars.tobytes()) for code, stock_bars in packed], codes),
        factors=_factors(listings, codes),
        results=_results(listings, codes),
        announcements=_announcements(listings, codes),
        meetings=_meetings(listings, codes),
        quarters=_quarters(packed),
        data_version=1,
    )


def master(listings: Mapping[str, Listing]) -> Master:
    """The master list of a market."""
    return Master(
        {
            code: Stock(
                code, f"SYM{code}", f"Company {code}", listing.status, listing.industry, listing.sector, 100.0
            )
            for code, listing in listings.items()
        }
    )


def _flagged(listing: Listing, traded: np.ndarray) -> BarArray:
    out = listing.bars.copy()
    ex_days = {day_of(ex_date) for ex_date, _ in listing.factors}
    out["flags"] = circuits.flags(
        out,
        np.zeros(len(out), dtype=np.int64),
        traded,
        np.array([day in ex_days for day in out["date"]], dtype=bool),
    )
    return out


def _factors(listings: Mapping[str, Listing], codes: tuple[str, ...]) -> Factors:
    rows = [
        (at, day_of(ex), factor)
        for at, code in enumerate(codes)
        for ex, factor in sorted(listings[code].factors)
    ]
    return Factors(
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.int32),
        np.array([row[2] for row in rows], dtype=np.float64),
    )


def _results(listings: Mapping[str, Listing], codes: tuple[str, ...]) -> Results:
    quarters = [quarter_of(day_of(f.quarter_end)) for code in codes for f in listings[code].filings]
    first, width = (min(quarters), max(quarters) - min(quarters) + 1) if quarters else (0, 1)
    announced = np.full((len(codes), width), NEVER, dtype=np.int64)
    figures = np.full((3, len(codes), width), np.nan)
    for at, code in enumerate(codes):
        for filing in sorted(listings[code].filings, key=lambda f: -f.announced_at):
            column = quarter_of(day_of(filing.quarter_end)) - first
            announced[at, column] = filing.announced_at
            figures[:, at, column] = filing.revenue, filing.net_profit, filing.eps
    filings = [
        (at, filing.announced_at) for at, code in enumerate(codes) for filing in listings[code].filings
    ]
    return Results(
        first,
        announced,
        *figures,
        filing_stock=np.array([row[0] for row in filings], dtype=np.int64),
        filing_at=np.array([row[1] for row in filings], dtype=np.int64),
    )


def _announcements(listings: Mapping[str, Listing], codes: tuple[str, ...]) -> Announcements:
    rows = sorted(
        (at, item.announced_at, item.score, item.event)
        for at, code in enumerate(codes)
        for item in listings[code].items
    )
    columns = [np.array([row[column] for row in rows]) for column in range(4)]
    stock, moment, score, event = columns
    return Announcements(
        stock.astype(np.int64), moment.astype(np.int64), score.astype(np.float64), event.astype(np.int64)
    )


def _meetings(listings: Mapping[str, Listing], codes: tuple[str, ...]) -> Meetings:
    rows = [
        (at, day_of(day), moment) for at, code in enumerate(codes) for day, moment in listings[code].meetings
    ]
    stock, day, moment = (np.array([row[column] for row in rows], dtype=np.int64) for column in range(3))
    return Meetings(stock, day.astype(np.int32), moment)


def _quarters(packed: list[tuple[str, BarArray]]) -> CircuitQuarters:
    rows = []
    for at, (_, stock_bars) in enumerate(packed):
        history = 0
        counts: dict[tuple[int, int], list[int]] = {}
        for bar, quarter in zip(stock_bars, quarters_of(stock_bars["date"]), strict=True):
            history = int(bar["date"]) if bar["flags"] & FIRST else history
            count = counts.setdefault((history, int(quarter)), [0, 0])
            count[0] += int(bar["flags"] & LOCKED)
            count[1] += 1
        rows += [(at, history, quarter, *count) for (history, quarter), count in counts.items()]
    stock, day, quarter, locked, own = (
        np.array([row[column] for row in rows], dtype=np.int64) for column in range(5)
    )
    return CircuitQuarters(stock, day.astype(np.int32), quarter, locked, own)
