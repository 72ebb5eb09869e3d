"""
NSE's daily bulletins as text: one entry after another, without quotes and without a fixed width.

Each entry is `COMPANY SYMBOL : ...` and may hold line breaks of its own. The exchange ends entries with a bare line
feed and breaks lines inside them with CR LF, which is the only sure sign; where a copy lost it, an entry begins where
a line looks like the beginning of one. The entries carry no time of publication.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from upper_circuit.errors import FileRefused
from upper_circuit.market.formats.archive import Content
from upper_circuit.market.formats.table import Table, named_columns, squeezed

_ENTRY = re.compile(r"(\S.*?) ([A-Z0-9][A-Z0-9&\-]{0,19}) : (.*)", re.DOTALL)
_BARE_LINE_FEED = re.compile(r"(?<!\r)\n")


def take_apart(content: Content, text: str) -> Table:
    """Columns company, symbol and text, one row an entry; `lines` says where each begins."""
    companies: list[str] = []
    symbols: list[str] = []
    texts: list[str] = []
    lines: list[int] = []
    for line, entry in _entries(text):
        found = _ENTRY.fullmatch(squeezed(entry))
        if found is None:
            raise FileRefused(content.where, "does not begin with COMPANY SYMBOL : as an entry must", line)
        companies.append(found[1])
        symbols.append(found[2])
        texts.append(found[3])
        lines.append(line)
    if not lines:
        raise FileRefused(content.where, "has a header and no entries", 1)
    columns = (("company", tuple(companies)), ("symbol", tuple(symbols)), ("text", tuple(texts)))
    return named_columns(content, columns, lines)


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """Entries after the header, with the line each begins on."""
    header, _, body = text.partition("\n")
    line = 2
    for entry in _split(body, by_bare_line_feed=not header.endswith("\r")):
        if entry.strip():
            yield line, entry
        line += entry.count("\n") + 1


def _split(body: str, *, by_bare_line_feed: bool) -> list[str]:
    if by_bare_line_feed:
        return _BARE_LINE_FEED.split(body)
    entries: list[str] = []
    for line in body.split("\n"):
        if not entries or _ENTRY.match(line):
            entries.append(line)
        else:
            entries[-1] += "\n" + line
    return entries
