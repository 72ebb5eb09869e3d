"""
Every file we can read, behind one function.

`read` opens a file, tells its form by its header, checks all of it and returns what it says, or refuses it whole with
one sentence that names file, line, field and value. Nothing here knows a database: what is returned can be loaded in
one transaction, because nothing in it can still turn out to be wrong.

Two faults lie beyond one file: a holiday's copy of the day before looks like that day's own file, and a file cut off
exactly at the end of a line looks like a shorter one. Whoever loads it compares it with what is loaded.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from upper_circuit.errors import FileRefused
from upper_circuit.market.formats import (
    announcements,
    bands,
    bse_legacy,
    listings,
    master,
    meetings,
    nse_full,
    nse_legacy,
    overrides,
    results,
    udiff,
)
from upper_circuit.market.formats.archive import PARQUET, open_content
from upper_circuit.market.formats.form import Format, Given
from upper_circuit.market.formats.groups import series_of
from upper_circuit.market.formats.rows import (
    AnnouncementsFile,
    BandRow,
    BandsFile,
    Dropped,
    Exchange,
    FactorRow,
    FactorsFile,
    HitterRow,
    HittersFile,
    MasterFile,
    MasterRow,
    MeetingRow,
    MeetingsFile,
    NseListing,
    NseListingsFile,
    ParsedFile,
    PriceFile,
    PriceRows,
    ResultRow,
    ResultsFile,
    SessionRow,
    SessionsFile,
)
from upper_circuit.market.formats.table import Texts, decode, header_of

__all__ = [
    "FORMATS",
    "AnnouncementsFile",
    "BandRow",
    "BandsFile",
    "Dropped",
    "Exchange",
    "FactorRow",
    "FactorsFile",
    "HitterRow",
    "HittersFile",
    "MasterFile",
    "MasterRow",
    "MeetingRow",
    "MeetingsFile",
    "NseListing",
    "NseListingsFile",
    "ParsedFile",
    "PriceFile",
    "PriceRows",
    "ResultRow",
    "ResultsFile",
    "SessionRow",
    "SessionsFile",
    "read",
    "series_of",
]

FORMATS: tuple[Format, ...] = (
    *udiff.FORMATS,
    *nse_full.FORMATS,
    *nse_legacy.FORMATS,
    *bse_legacy.FORMATS,
    *master.FORMATS,
    *listings.FORMATS,
    *results.FORMATS,
    *announcements.FORMATS,
    *meetings.FORMATS,
    *bands.FORMATS,
    *overrides.FORMATS,
)
_FUTURES = ("instrument", "symbol", "expiry_dt")


def read(
    path: Path, *, today: date, trade_date: date | None = None, announced_at: int | None = None
) -> ParsedFile:
    """Read one file: .csv, .txt, .parquet, or a zip with one of them.

    Args:
        path: the file; its name is kept and never interpreted.
        today: no price, result or announcement may be dated after it.
        trade_date: the day of a file that has none in it (BSE legacy, bands, hitters); one that has must agree.
        announced_at: the moment (seconds since epoch UTC) at which a bulletin without times became public.

    Raises:
        FileRefused: the file cannot be used; nothing of it is returned.
    """
    given = Given(today, trade_date, announced_at)
    content = open_content(path, _is_known)
    if content.data.startswith(PARQUET):
        from upper_circuit.market.formats.parquet import parquet_table  # noqa: PLC0415  # serving carries no pyarrow

        table = parquet_table(content)
        return _recognise(content.where, tuple(table.columns)).parse(table, given)
    text = decode(content)
    form = _recognise(content.where, header_of(text))
    return form.parse(form.take_apart(content, text), given)


def _is_known(head: bytes) -> bool:
    """Whether a file that begins so has a header we know."""
    header = header_of(head.decode("utf-8-sig", errors="replace"))
    return head.startswith(PARQUET) or any(form.matches(header) for form in FORMATS)


def _recognise(where: str, header: Texts) -> Format:
    form = next((form for form in FORMATS if form.matches(header)), None)
    if form:
        return form
    if header[: len(_FUTURES)] == _FUTURES:
        raise FileRefused(
            where, "is an F&O file (NSE legacy, futures and options); only the cash market is loaded", 1
        )
    nearest = max(FORMATS, key=lambda form: _likeness(form, header))
    if _likeness(nearest, header) > 0.5:
        raise FileRefused(where, f"has a header that is nearly {nearest}: {_difference(nearest, header)}", 1)
    known = "; ".join(dict.fromkeys(map(str, FORMATS)))
    raise FileRefused(where, f"has an unknown header. Known are: {known}", 1)


def _likeness(form: Format, header: Texts) -> float:
    """0..1: the columns that a header shares with a form's, of all that an exact form and it have, or of the form's."""
    wanted, found = set(form.columns), set(header)
    return len(wanted & found) / len(wanted | found if form.exact else wanted)


def _difference(form: Format, header: Texts) -> str:
    missing = [name for name in form.columns if name not in header]
    added = [name for name in header if name not in form.columns] if form.exact else []
    parts = [
        f"{label} {', '.join(names[:5])}"
        for label, names in (("it lacks", missing), ("it adds", added))
        if names
    ]
    if form.by_stock and not missing:
        parts.append("it lacks bse_code or nse_symbol")
    return "; ".join(parts) or "its columns stand in another order, or twice"
