"""
Figures of interleaved rounds, and what they say.

On a machine that does other things too, one figure means little and the ratio of two figures of one round means much:
whatever slowed one side slowed the other a few seconds later. So ratios are made within a round, and of the rounds the
median counts; the spread is told beside it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.benchmarks.load import Load


@dataclass(frozen=True, slots=True)
class Measured:
    """One side under one number of clients in one round."""

    load: Load
    cpu_us: float
    """User and system time of all processes of the side, a request."""
    core_share: float
    """Share (0 to 1) of the core that the side had."""
    megabytes: float


Figure = Callable[[Measured], float]
RATE: Figure = lambda m: m.load.per_second  # noqa: E731
P50: Figure = lambda m: m.load.percentile(50)  # noqa: E731
P95: Figure = lambda m: m.load.percentile(95)  # noqa: E731
P99: Figure = lambda m: m.load.percentile(99)  # noqa: E731
CPU: Figure = lambda m: m.cpu_us  # noqa: E731
SHARE: Figure = lambda m: m.core_share  # noqa: E731
MEMORY: Figure = lambda m: m.megabytes  # noqa: E731


@dataclass(slots=True)
class Rounds:
    """All that was measured, by side and clients."""

    found: dict[tuple[str, int], list[Measured]] = field(default_factory=dict)

    def add(self, side: str, clients: int, measured: Measured) -> None:
        """Of one round."""
        self.found.setdefault((side, clients), []).append(measured)

    def median(self, side: str, clients: int, figure: Figure) -> float:
        """Over rounds."""
        return statistics.median(figure(each) for each in self.found[side, clients])

    def spread(self, side: str, clients: int, figure: Figure) -> tuple[float, float]:
        """Least and greatest over rounds."""
        values = [figure(each) for each in self.found[side, clients]]
        return min(values), max(values)

    def ratio(self, side: str, other: str, clients: int, figure: Figure) -> float:
        """Median over rounds of one side's figure over the other's in the same round."""
        pairs = zip(self.found[side, clients], self.found[other, clients], strict=True)
        return statistics.median(figure(one) / figure(two) for one, two in pairs)

    def failures(self, side: str) -> tuple[int, str | None]:
        """Requests of a side that got no good answer, and the first of them."""
        loads = [each.load for (name, _), all_ in self.found.items() if name == side for each in all_]
        told = next((load.first_failure for load in loads if load.first_failure), None)
        return sum(load.failed for load in loads), told


@dataclass(frozen=True, slots=True)
class Goal:
    """A promise, and what became of it."""

    text: str
    measured: str
    is_met: bool

    def __str__(self) -> str:
        return f"{'PASS' if self.is_met else 'FAIL'}  {self.text}: {self.measured}"


def at_least(text: str, value: float, least: float, unit: str = "") -> Goal:
    """A goal that is met from a value on."""
    return Goal(text, f"{value:,.1f}{unit}", value >= least)


def at_most(text: str, value: float, most: float, unit: str = "") -> Goal:
    """A goal that is met up to a value; NaN never meets it."""
    return Goal(text, f"{value:,.2g}{unit}" if value < 0.01 else f"{value:,.2f}{unit}", value <= most)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table that also reads well as text."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    told = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    told.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(told)
