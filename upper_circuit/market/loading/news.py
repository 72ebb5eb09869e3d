"""
Announcements into rows, with their scores.

Every row of a file is one item and nothing is merged, yet files overlap: so equal rows of one file are numbered, and a
file that brings the same row again finds it there under its number. A text that comes later than its announcement
brings its score with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
import sqlalchemy as sa

from upper_circuit.market import announcements
from upper_circuit.market.formats import AnnouncementsFile
from upper_circuit.market.formats.form import Leftovers
from upper_circuit.market.loading.joining import Joins
from upper_circuit.market.loading.tables import NO_STOCK, Loaded
from upper_circuit.market.loading.writing import Columns, Conflict, insert
from upper_circuit.market.schema import announcement_scores

Words = Mapping[tuple[str | None, int, str], str]
"""The text of announcements by symbol, second and category."""


def load_announcements(
    connection: sa.Connection, file: AnnouncementsFile, joins: Joins, words: Words = MappingProxyType({})
) -> Loaded:
    """Announcements as filed; `words` are for those of the file that have none."""
    codes = [joins.of_event(*stock) for stock in zip(file.bse_code, file.nse_symbol, strict=True)]
    moments = file.announced_at.tolist()
    keys = zip(file.nse_symbol, moments, file.category, strict=True)
    snippets = [own or words.get(key, "") for own, key in zip(file.snippet, keys, strict=True)]
    score, event = announcements.scores(file.category, snippets)
    left_out = Leftovers()
    seen: dict[tuple[str, int, str], int] = {}
    rows: list[tuple[str, int, str, int, int]] = []
    for at, (code, moment, category) in enumerate(zip(codes, moments, file.category, strict=True)):
        if code is None:
            left_out.add(NO_STOCK, file.nse_symbol[at] or "")
            continue
        copy = seen.get((code, moment, category), 0)
        seen[code, moment, category] = copy + 1
        rows.append((code, moment, category, copy, at))
    rows.sort()  # in the order of the key, a table of this size is written in a fraction of the time
    changed = 0
    for has_text in (False, True):
        chosen = [row for row in rows if bool(snippets[row[-1]]) == has_text]
        places = np.array([row[-1] for row in chosen], dtype=np.int64)
        columns: Columns = {
            "bse_code": [row[0] for row in chosen],
            "announced_at": file.announced_at[places],
            "category": [row[2] for row in chosen],
            "copy": [row[3] for row in chosen],
            "score": score[places],
            "event": event[places],
            "snippet": [snippets[row[-1]] or None for row in chosen],
        }
        conflict: Conflict = "replace" if has_text else "keep"
        changed += insert(connection, announcement_scores, columns, conflict=conflict)
    return Loaded(len(rows), left_out.all(), changed)


def together(files: Iterable[AnnouncementsFile]) -> Words:
    """The words of files of texts; of several for the same announcement the first."""
    words: dict[tuple[str | None, int, str], str] = {}
    for file in files:
        keys = zip(file.nse_symbol, file.announced_at.tolist(), file.category, strict=True)
        for key, snippet in zip(keys, file.snippet, strict=True):
            words.setdefault(key, snippet)
    return words
