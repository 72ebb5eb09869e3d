"""
A question with a limit, and how sure one may be of its answer.

A bare figure compared with a bare limit calls ten requests an error rate. So every figure has an interval: a check
passes when all that is likely keeps the limit, fails when nearly nothing that is possible does, and is open in between.
Failing takes more confidence than passing: many checks are asked, and one false alarm would take down a good model.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What became of a check."""

    PASS = "pass"  # noqa: S105  # a word, no password
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the judge's table."""

    name: str
    value: float | None
    """What was measured; None where nothing could be."""
    bound: float
    """The limit it is held to."""
    state: State
    why: str
    """A sentence for people."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value and where the true one may lie.

    Guaranteed: surely_low <= likely_low and likely_high <= surely_high.
    """

    value: float
    likely_low: float
    """The true value is not below it, with the confidence that passing takes; likewise above `likely_high`."""
    likely_high: float
    surely_low: float
    """The same with the confidence that failing takes."""
    surely_high: float

    def __post_init__(self) -> None:
        if not (self.surely_low <= self.likely_low and self.likely_high <= self.surely_high):
            raise ValueError(f"the wider interval must hold the narrower one: {self}")

    def at_most(self, bound: float) -> State:
        """Whether the true value keeps an upper limit."""
        if self.likely_high <= bound:
            return State.PASS
        return State.FAIL if self.surely_low > bound else State.UNKNOWN

    def at_least(self, bound: float) -> State:
        """Whether the true value keeps a lower limit."""
        if self.likely_low >= bound:
            return State.PASS
        return State.FAIL if self.surely_high < bound else State.UNKNOWN


def not_asked(name: str, bound: float, why: str) -> Check:
    """A check for which there is too little to look at."""
    return Check(name, None, bound, State.UNKNOWN, why)
