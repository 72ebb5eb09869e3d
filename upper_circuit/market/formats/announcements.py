"""
Announcements: who said what kind of thing, and when.

Every row is one item of news for the features, so nothing is merged and nothing is guessed. A table has the second of
publication; NSE's daily bulletin (an*.txt) has none, and puts no mark between the category and the text where the text
does not begin with the symbol: there what follows tells it, or another entry with the same category, or it stays empty.
"""

from __future__ import annotations

import re

import numpy as np

from upper_circuit.market.formats import bulletin, values
from upper_circuit.market.formats.form import STOCK, Format, Given, Leftovers, stated_moment
from upper_circuit.market.formats.results import NO_STOCK
from upper_circuit.market.formats.rows import AnnouncementsFile
from upper_circuit.market.formats.table import Table

TITLE = "announcements"
BULLETIN_TITLE = "NSE bulletin of announcements (an)"
BULLETIN_HEADER = "company name symbol : announcements"
UNCATEGORISED = ""

_LONGEST = 120
"""Characters of a category; the longest of the exchange's 265 has 99."""
_SUBMITTED = re.compile(
    rf"(.{{1,{_LONGEST}}}?(?:-XBRL(?= |$)|(?= The Company has informed))) ?(.*)", re.DOTALL
)


def parse(table: Table, given: Given) -> AnnouncementsFile:
    """Columns: bse_code or nse_symbol, announced_at, category, and a snippet where the file has one.

    Left out and counted: rows of no stock.
    """
    codes, symbols = values.optional_codes(table, STOCK[0]), values.optional_texts(table, STOCK[1])
    named = np.fromiter(
        (bool(code or symbol) for code, symbol in zip(codes, symbols, strict=True)), dtype=np.bool_
    )
    moments = values.moments(table, "announced_at", given.today)
    left_out = Leftovers()
    for row in np.flatnonzero(~named).tolist():
        left_out.add(NO_STOCK, f"line {table.lines[row]}")
    if not named.any():
        raise table.refused("names no stock in any row")
    kept = table.keep(named)
    snippets = kept.texts("snippet") if "snippet" in kept else ("",) * len(kept)
    content = table.content
    return AnnouncementsFile(
        "announcements",
        TITLE,
        content.name,
        content.sha256,
        left_out.all(),
        bse_code=values.optional_codes(kept, STOCK[0]),
        nse_symbol=values.optional_texts(kept, STOCK[1]),
        announced_at=moments[named],
        category=kept.texts("category"),
        snippet=snippets,
    )


def parse_bulletin(table: Table, given: Given) -> AnnouncementsFile:
    """NSE's bulletin; announced_at must be given and holds for every entry."""
    moment = stated_moment(table, given)
    symbols = table.texts("symbol")
    parted = _categories(table)
    content = table.content
    return AnnouncementsFile(
        "announcements",
        BULLETIN_TITLE,
        content.name,
        content.sha256,
        (),
        bse_code=(None,) * len(table),
        nse_symbol=symbols,
        announced_at=np.full(len(table), moment, dtype=np.int64),
        category=tuple(category for category, _ in parted),
        snippet=tuple(snippet for _, snippet in parted),
    )


def _categories(table: Table) -> list[tuple[str, str]]:
    """Category and text of every entry; a category that nothing sets apart is UNCATEGORISED."""
    entries = list(zip(table.texts("company"), table.texts("symbol"), table.texts("text"), strict=True))
    marked = [_marked(*entry) for entry in entries]
    seen = sorted({found[0] for found in marked if found}, key=len, reverse=True)
    return [found or _begun(text, seen) for found, (_, _, text) in zip(marked, entries, strict=True)]


def _begun(text: str, categories: list[str]) -> tuple[str, str]:
    """Category and text by the longest category that the entry begins with."""
    category = next((one for one in categories if text.startswith(f"{one} ")), UNCATEGORISED)
    return category, text[len(category) :].strip()


def _marked(company: str, symbol: str, text: str) -> tuple[str, str] | None:
    """Category and text, where an XBRL category ends or the text begins with the symbol or the company's name."""
    for beginning, whole in ((f" {symbol} :", False), (f" {company} has ", True)):
        at = text.lower().find(beginning.lower(), 0, _LONGEST + len(beginning))
        if at > 0:
            return text[:at].strip(), text[at if whole else at + len(beginning) :].strip()
    submitted = _SUBMITTED.fullmatch(text)
    return (submitted[1].strip(), submitted[2]) if submitted else None


FORMATS = (
    Format(TITLE, ("announced_at", "category"), parse, exact=False, by_stock=True),
    Format(BULLETIN_TITLE, (BULLETIN_HEADER,), parse_bulletin, take_apart=bulletin.take_apart),
)
