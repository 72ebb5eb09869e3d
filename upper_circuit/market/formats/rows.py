"""
What a file says, once it has been believed.

A reader of the market must never meet half-checked text, so a file becomes one of these values or is refused whole.
They are plain facts as filed: nothing is adjusted, joined to a stock or stored here. Prices are whole paise, days are
dates in Asia/Kolkata, moments are seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt

from upper_circuit.market.days import Moments

Exchange = Literal["NSE", "BSE"]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Dropped:
    """Rows that were read, understood and left out for one reason, by name: nothing is lost silently."""

    reason: str
    names: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many rows."""
        return len(self.names)

    def __str__(self) -> str:
        shown = ", ".join(self.names[:3]) + (", ..." if self.count > 3 else "")
        return f"{self.count} x {self.reason} ({shown})"


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What every file has: the name it came under, what it is, and what was left out of it.

    `sha256` is that of the content: a file and its zip are the same file. `dropped` holds one entry a reason.
    """

    kind: str
    format: str
    name: str
    sha256: str
    dropped: tuple[Dropped, ...]


@dataclass(frozen=True, slots=True)
class PriceRows:
    """The bars of one day, one column each, as filed: prices in paise, never adjusted.

    Guaranteed: all columns have the same length, at least 1; open, high, low, close > 0; open and close lie within
    low..high; volume > 0; no stock stands twice. `prev_close` is > 0, but on BSE 0 where the exchange gives none (the
    first day of a listing). Arrays are read only. None in `last`, `turnover_lacs`, `trades`, `deliv_qty`, `isin`: the
    file has none. `code` is BSE's 6 digits, None on NSE; `symbol` is NSE's symbol, BSE's ticker, or the name in BSE's
    old files; `series` is NSE's series or BSE's group (`groups.series_of` maps both).
    """

    code: tuple[str | None, ...]
    symbol: tuple[str, ...]
    isin: tuple[str | None, ...]
    series: tuple[str, ...]
    open: Whole
    high: Whole
    low: Whole
    close: Whole
    prev_close: Whole
    volume: Whole
    last: tuple[int | None, ...]
    turnover_lacs: tuple[float | None, ...]
    trades: tuple[int | None, ...]
    deliv_qty: tuple[int | None, ...]

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, field.name)) for field in fields(self)}
        if len(lengths) != 1 or not self.symbol:
            raise ValueError(f"columns of prices have the lengths {sorted(lengths)}")
        for column in (self.open, self.high, self.low, self.close, self.prev_close, self.volume):
            column.setflags(write=False)

    def __len__(self) -> int:
        return len(self.symbol)


@dataclass(frozen=True, slots=True)
class PriceFile(ParsedFile):
    """One exchange's prices of one day."""

    exchange: Exchange
    trade_date: date
    rows: PriceRows


@dataclass(frozen=True, slots=True)
class MasterRow:
    """One stock of a master list; None where the list says nothing."""

    bse_code: str
    company_name: str
    status: str  # ACTIVE, SUSPENDED, DELISTED, OTHER
    nse_symbol: str | None = None
    isin: str | None = None
    bse_id: str | None = None
    bse_group: str | None = None
    face_value: float | None = None
    sector: str | None = None
    industry: str | None = None
    board: str | None = None
    market_cap_cr: float | None = None
    band: float | None = None  # percent
    no_band: bool = False  # the list says so: a stock with derivatives


@dataclass(frozen=True, slots=True)
class MasterFile(ParsedFile):
    """Stocks by BSE code, each once. `columns`: the fields of MasterRow the file has; others say nothing."""

    columns: frozenset[str]
    rows: tuple[MasterRow, ...]


@dataclass(frozen=True, slots=True)
class NseListing:
    """A share on NSE. It has no BSE code: it joins a stock on the first 9 characters of the ISIN."""

    nse_symbol: str
    company_name: str
    isin: str
    series: str
    board: str  # MAIN or SME
    face_value: float | None


@dataclass(frozen=True, slots=True)
class NseListingsFile(ParsedFile):
    """NSE's list of one board, each symbol once."""

    board: str
    rows: tuple[NseListing, ...]


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One filing of one quarter. At least one of bse_code and nse_symbol; amounts in rupees, None: not filed."""

    bse_code: str | None
    nse_symbol: str | None
    quarter_end: date
    basis: str  # standalone, consolidated
    announced_at: int
    revenue: float | None
    net_profit: float | None
    eps: float | None


@dataclass(frozen=True, slots=True)
class ResultsFile(ParsedFile):
    """Quarterly results, in the order of the file; a later filing of the same quarter is a row of its own."""

    rows: tuple[ResultRow, ...]


@dataclass(frozen=True, slots=True)
class AnnouncementsFile(ParsedFile):
    """Announcements, one column each, in the order of the file: every row is one item, nothing is merged.

    Guaranteed: equal lengths, at least 1; each row has a bse_code or an nse_symbol. A category or a snippet that the
    file lacks is "".
    """

    bse_code: tuple[str | None, ...]
    nse_symbol: tuple[str | None, ...]
    announced_at: Moments
    category: tuple[str, ...]
    snippet: tuple[str, ...]

    def __post_init__(self) -> None:
        columns = (self.bse_code, self.nse_symbol, self.announced_at, self.category, self.snippet)
        lengths = {len(column) for column in columns}
        if len(lengths) != 1 or not self.category:
            raise ValueError(f"columns of announcements have the lengths {sorted(lengths)}")
        self.announced_at.setflags(write=False)


@dataclass(frozen=True, slots=True)
class MeetingRow:
    """One board meeting as its company gave notice of it; `for_results`: it is to consider financial results."""

    bse_code: str | None
    nse_symbol: str | None
    meeting_date: date
    purpose: str
    for_results: bool
    published_at: int


@dataclass(frozen=True, slots=True)
class MeetingsFile(ParsedFile):
    """Board meetings, in the order of the file."""

    rows: tuple[MeetingRow, ...]


@dataclass(frozen=True, slots=True)
class BandRow:
    """The daily price band of one security in percent; None: no fixed band (derivatives)."""

    nse_symbol: str
    series: str
    band: float | None
    remarks: str | None


@dataclass(frozen=True, slots=True)
class BandsFile(ParsedFile):
    """NSE's bands. The list has no date in it: `effective_date` is the caller's, or None."""

    effective_date: date | None
    rows: tuple[BandRow, ...]


@dataclass(frozen=True, slots=True)
class HitterRow:
    """A security that touched its band on the day."""

    nse_symbol: str
    series: str
    upper: bool


@dataclass(frozen=True, slots=True)
class HittersFile(ParsedFile):
    """NSE's list of the day's hitters: good for checks. It has no date in it."""

    trade_date: date | None
    rows: tuple[HitterRow, ...]


@dataclass(frozen=True, slots=True)
class FactorRow:
    """A corporate action: prices before ex_date are multiplied by the factor. A factor of 1 cancels an inferred one."""

    bse_code: str | None
    nse_symbol: str | None
    ex_date: date
    factor: float
    note: str | None


@dataclass(frozen=True, slots=True)
class FactorsFile(ParsedFile):
    """The user's own corporate actions, each stock and day once."""

    rows: tuple[FactorRow, ...]


@dataclass(frozen=True, slots=True)
class SessionRow:
    """Whether the exchange trades on a day."""

    day: date
    is_session: bool


@dataclass(frozen=True, slots=True)
class SessionsFile(ParsedFile):
    """The user's own calendar, each day once, ascending."""

    rows: tuple[SessionRow, ...]
