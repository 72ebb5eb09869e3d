"""
What the judge is shown, and what may be taken for granted about it.

Each piece comes from somewhere else (scrapes of pods, rows of the predictions' database, manifests), may be missing
and is checked here once. A piece that is missing makes its checks open; it never makes one pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Latencies:
    """Requests by duration, as Prometheus counts them.

    Guaranteed: bounds rise and end with infinity; one count (>= 0) a bound, not cumulated.
    """

    bounds: tuple[float, ...]
    """Seconds; counts[i] requests took more than bounds[i - 1] and at most bounds[i]."""
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        rises = all(a < b for a, b in zip(self.bounds, self.bounds[1:], strict=False))
        if not self.bounds or not rises or not math.isinf(self.bounds[-1]):
            raise ValueError(f"bounds must rise to infinity: {self.bounds}")
        if len(self.counts) != len(self.bounds) or min(self.counts) < 0:
            raise ValueError(f"{len(self.bounds)} bounds need as many counts of 0 or more: {self.counts}")

    @property
    def total(self) -> int:
        """All requests."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one slot answered in the window, on the routes that score.

    Guaranteed: 0 <= errors <= requests.
    """

    requests: int
    errors: int
    """Ended with a status of 500 or above."""
    latencies: dict[str, Latencies]
    """By route."""

    def __post_init__(self) -> None:
        if not 0 <= self.errors <= self.requests:
            raise ValueError(f"{self.errors} errors of {self.requests} requests")


@dataclass(frozen=True, slots=True)
class Morning:
    """Stocks that both models scored for one run date, n of them.

    Guaranteed: everything has n entries, codes are distinct, labels are 0, 1 or NaN (not known, or none by the rule).
    Scores are as they came: the judge itself says whether they are numbers.
    """

    run_date: date
    codes: npt.NDArray[np.str_]
    stable: Floats
    """Probabilities of the model that answers now."""
    stable_margin: Floats
    canary: Floats
    canary_margin: Floats
    labels: Floats
    missed: int = 0
    """Stocks that only the model that answers now scored."""

    def __post_init__(self) -> None:
        n = len(self.codes)
        columns: tuple[npt.NDArray[Any], ...] = (
            *(self.stable, self.stable_margin, self.canary, self.canary_margin, self.labels),
        )
        if any(column.shape != (n,) for column in columns) or len(np.unique(self.codes)) != n:
            raise ValueError(f"a morning of {n} stocks needs {n} distinct codes and entries in every column")
        if not np.isin(self.labels[~np.isnan(self.labels)], (0.0, 1.0)).all():
            raise ValueError("labels must be 0, 1 or NaN")

    def ranks(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Places [n] of the stocks in both lists, 0 first, in the product's order: probability, raw margin, code."""
        return (
            _places(self.stable, self.stable_margin, self.codes),
            _places(self.canary, self.canary_margin, self.codes),
        )


@dataclass(frozen=True, slots=True)
class Spread:
    """One column's spread today beside that of a model's training, over the same bins (the last one: missing).

    Guaranteed: as many shares on both sides, >= 0; rows > 0.
    """

    name: str
    trained: tuple[float, ...]
    now: tuple[float, ...]
    rows: int

    def __post_init__(self) -> None:
        if len(self.trained) != len(self.now) or min(*self.trained, *self.now) < 0 or self.rows < 1:
            raise ValueError(f"{self.name}: a spread needs as many shares >= 0 on both sides, and rows")


@dataclass(frozen=True, slots=True)
class Evidence:
    """All there is. `stable` is the model that answers now, `canary` the one that wants to."""

    stable_traffic: Traffic | None = None
    canary_traffic: Traffic | None = None
    mornings: tuple[Morning, ...] = ()
    """By date; both models were trained on none of those that have labels."""
    stable_spreads: tuple[Spread, ...] = ()
    """Scores (`probability`) and features against the training bins of the model that answers now."""
    canary_spreads: tuple[Spread, ...] = ()
    complaints: tuple[str, ...] = ()
    """Why a piece could not be had, for people."""


def _places(probability: Floats, margin: Floats, codes: npt.NDArray[np.str_]) -> npt.NDArray[np.int64]:
    order = np.lexsort((codes, -margin, -probability))
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places
