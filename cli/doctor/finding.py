"""
What was found, as one line each: how bad, about what, the fact, and what to do about it.

The same lines as JSON are what the pod inside a cluster prints and the command outside reads, so that database and
registry are judged where they can be seen and shown where somebody looks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from cli.tables import aligned


class Level(StrEnum):
    """How bad it is: FAIL keeps the product from working, warn may be meant so."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    subject: str
    what: str
    todo: str = ""
    """The value or the command that helps; empty where all is well."""

    def to_json(self) -> str:
        """As one line."""
        return json.dumps(asdict(self))


def ok(subject: str, what: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, subject, what)


def warn(subject: str, what: str, todo: str) -> Finding:
    """May be meant so; whoever did not mean it learns what to do."""
    return Finding(Level.WARN, subject, what, todo)


def fail(subject: str, what: str, todo: str) -> Finding:
    """Does not work."""
    return Finding(Level.FAIL, subject, what, todo)


def unseen(subject: str, why: str) -> Finding:
    """Could not be looked at, which passes nothing."""
    return Finding(Level.WARN, subject, f"not seen: {why}", "ask whoever has the right")


def read(lines: Iterable[str]) -> list[Finding]:
    """The findings among the lines of a log; what is none is left out."""
    found = []
    for line in lines:
        try:
            told = json.loads(line)
            found.append(Finding(Level(told["level"]), told["subject"], told["what"], told["todo"]))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def table(findings: Sequence[Finding]) -> list[str]:
    """As people read them, in the order of their subjects, and how many of each level."""
    rows = [
        (each.level, each.subject, f"{each.what}  -> {each.todo}" if each.todo else each.what)
        for each in findings
    ]
    counts = ", ".join(f"{sum(each.level == level for each in findings)} {level}" for level in Level)
    return [*(aligned(rows) if rows else ()), counts]


def has_failed(findings: Iterable[Finding]) -> bool:
    """Whether something does not work."""
    return any(each.level == Level.FAIL for each in findings)
