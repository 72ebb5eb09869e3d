"""
What an announcement is worth: its score and its event, from its category and its words.

Companies file tens of thousands of announcements a month under a few hundred headings. A heading that names good or
bad news has a fixed score here, routine ones have none, and a few headings (ratings, resignations) mean nothing
until the text is read. The table is the rule itself (docs/features.md, features 19-21), so it stands here as a table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

Value = tuple[float, int]
"""Score in -1..1 and event -1, 0 or 1."""

ROUTINE: Value = (0.0, 0)

_TABLE: tuple[tuple[Value, str], ...] = (
    ((0.6, 1), "Bagging/Receiving of orders/contracts; Bagging orders/contract"),
    (
        (0.5, 1),
        "Bonus; Buyback; Public Announcement - Buyback of Shares; Buyback - Tender offer; Buyback - Open Market; Capacity addition; Capacity addition/product launch; Commencement of commercial production/operations",
    ),
    ((0.4, 1), "Stock split; Split of shares"),
    ((0.3, 1), "Acquisition"),
    (
        (0.3, 0),
        "Product launch; Arrangements for strategic, technical, manufacturing, or marketing tie up; Grant of licenses/regulatory approvals; Open Offer; Public Announcement-Open Offer",
    ),
    ((0.2, 0), "Dividend; Memorandum of Understanding/Agreements"),
    ((-0.2, 0), "Resignation; Resignation of Director/KMP/SMP; Resignation of Independent director"),
    ((-0.2, -1), "Price movement"),
    (
        (-0.3, 0),
        "Action(s) taken or orders passed; Action(s) initiated or orders passed; Pendency of Litigation(s)/dispute(s) or the outcome impacting the Company; Litigations/Disputes/Regulatory actions",
    ),
    ((-0.4, 0), "Disruption of Operations; Strikes/Lockouts/Disturbances"),
    ((-0.5, 0), "Closure of operations; Reasons for Delayed/Non-submission of Financial Results"),
    ((-0.6, 0), "Suspension of Trading"),
    ((-0.5, -1), "Delay/default in the payment of fines/penalties/dues etc. to authority"),
    ((-0.6, -1), "Resignation of Statutory Auditor; Frauds/Default by employees"),
    (
        (-0.7, -1),
        "Corporate Insolvency Resolution Process; CIRP - Filing of application; Initiation of Forensic Audit",
    ),
    ((-0.8, -1), "Defaults on Payment of Interest/Principal"),
    ((-0.9, -1), "CIRP - Commencement; Liquidation; Fraud/Default/Arrest"),
)

_RATINGS = "Credit Rating; Credit Rating- Revision; Credit Rating- Others; Credit Rating- New"
_RESIGNATIONS = "Resignation; Resignation of Director/KMP/SMP"
_LEXICON: tuple[tuple[str, str, Value], ...] = (
    (r"\bdowngrad", _RATINGS, (-0.7, -1)),
    (r"\bupgrad", _RATINGS, (0.6, 1)),
    (
        r"chief financial officer|\bcfo\b|managing director|\bmd\b|statutory auditor",
        _RESIGNATIONS,
        (-0.5, -1),
    ),
)
"""Word, the categories in which it counts, what it makes of them; the first that matches replaces the table's value."""


def key(category: str) -> str:
    """A category as the tables know it: lower case, blanks squeezed."""
    return " ".join(category.lower().split())


def _keys(names: str) -> list[str]:
    return [key(name) for name in names.split(";")]


CATEGORIES: Mapping[str, Value] = MappingProxyType(
    {name: value for value, names in _TABLE for name in _keys(names)}
)
_WORDS = tuple(
    (re.compile(word, re.IGNORECASE), frozenset(_keys(names)), value) for word, names, value in _LEXICON
)
_READ = frozenset[str]().union(*(names for _, names, _ in _WORDS))


def scores(
    categories: Sequence[str], texts: Sequence[str]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Score [n] and event [n] of n announcements.

    Args:
        categories: as filed; one that the table does not name is routine.
        texts: the words of each, "" where there are none. Only ratings and resignations are read.
    """
    index: dict[str, int] = {}
    which = np.array([index.setdefault(category, len(index)) for category in categories], dtype=np.int64)
    keys = [key(category) for category in index]
    values = [CATEGORIES.get(name, ROUTINE) for name in keys]
    score = np.array([value[0] for value in values], dtype=np.float64)[which]
    event = np.array([value[1] for value in values], dtype=np.int64)[which]
    is_read = np.array([name in _READ for name in keys], dtype=bool)[which]
    for at in np.flatnonzero(is_read).tolist():
        found = _read(keys[which[at]], texts[at])
        if found:
            score[at], event[at] = found
    return score, event


def _read(name: str, text: str) -> Value | None:
    return next((value for word, names, value in _WORDS if name in names and word.search(text)), None)
