"""
Board meetings ahead: the one thing about coming results that is public before they are.

A company gives notice of a meeting days before it, which is what lets a morning know that results are due. A meeting
whose notice has no time would be known too early or never, so NSE's bulletin (bm*.txt), which has none, needs it from
the caller.
"""

from __future__ import annotations

import re

from upper_circuit.market.formats import bulletin, values
from upper_circuit.market.formats.form import STOCK, Format, Given, Leftovers, stated_moment
from upper_circuit.market.formats.results import NO_STOCK
from upper_circuit.market.formats.rows import MeetingRow, MeetingsFile
from upper_circuit.market.formats.table import Table

TITLE = "board meetings"
BULLETIN_TITLE = "NSE bulletin of board meetings (bm)"
BULLETIN_HEADER = "company name symbol : bm date : bm purpose"

_RESULTS = re.compile(
    r"(?:[^/:]{1,40}/)*(?:(?:un)?audited |quarterly )?(?:financial )?results?\b", re.IGNORECASE
)
"""Purposes are listed with slashes, then comes free text: `Dividend/Financial Results To consider ...`."""
_DAY_FIRST = re.compile(r"(\S+) : (.*)", re.DOTALL)


def is_for_results(purpose: str) -> bool:
    """Whether a meeting is to consider results; an outcome that mentions them is no meeting ahead."""
    return _RESULTS.match(purpose) is not None


def parse(table: Table, given: Given) -> MeetingsFile:
    """Columns: bse_code or nse_symbol, meeting_date, purpose, published_at. Left out and counted: rows of no stock."""
    cells = zip(
        values.optional_codes(table, STOCK[0]),
        values.optional_texts(table, STOCK[1]),
        values.dates(table, "meeting_date"),
        table.texts("purpose"),
        values.moments(table, "published_at", given.today).tolist(),
        strict=True,
    )
    left_out = Leftovers()
    rows = []
    for code, symbol, day, purpose, published_at in cells:
        if code or symbol:
            rows.append(MeetingRow(code, symbol, day, purpose, is_for_results(purpose), published_at))
        else:
            left_out.add(NO_STOCK, f"{day} {purpose}")
    content = table.content
    return MeetingsFile("meetings", TITLE, content.name, content.sha256, left_out.all(), tuple(rows))


def parse_bulletin(table: Table, given: Given) -> MeetingsFile:
    """NSE's bulletin; announced_at must be given and holds for every entry."""
    moment = stated_moment(table, given)
    rows = []
    for row, (symbol, text) in enumerate(zip(table.texts("symbol"), table.texts("text"), strict=True)):
        parted = _DAY_FIRST.fullmatch(text)
        day = values.day_from(parted[1]) if parted else None
        if parted is None or day is None:
            raise table.refused(
                "has no day like 19-DEC-2025 after the symbol, or no purpose after the day", row, "text"
            )
        rows.append(MeetingRow(None, symbol, day, parted[2], is_for_results(parted[2]), moment))
    content = table.content
    return MeetingsFile("meetings", BULLETIN_TITLE, content.name, content.sha256, (), tuple(rows))


FORMATS = (
    Format(TITLE, ("meeting_date", "purpose", "published_at"), parse, exact=False, by_stock=True),
    Format(BULLETIN_TITLE, (BULLETIN_HEADER,), parse_bulletin, take_apart=bulletin.take_apart),
)
