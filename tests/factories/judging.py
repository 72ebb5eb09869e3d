"""Evidence for a judge, good in every respect but for what a test names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from upper_circuit.judging.evidence import Evidence, Latencies, Morning, Spread, Traffic

BOUNDS = (0.005, 0.01, 0.05, float("inf"))
ROUTE = "/api/v1/predict"


def traffic(requests: int = 2_000, errors: int = 0, counts: Sequence[int] | None = None) -> Traffic:
    """Nine requests in ten took at most 5 ms and all the others at most 10, or as `counts` says."""
    quick = requests * 9 // 10
    taken = (quick, requests - quick, 0, 0) if counts is None else tuple(counts)
    return Traffic(requests, errors, {ROUTE: Latencies(BOUNDS, taken)})


def morning(
    stable: Sequence[float] | npt.NDArray[np.float64],
    canary: Sequence[float] | npt.NDArray[np.float64] | None = None,
    *,
    labels: Sequence[float] | npt.NDArray[np.float64] | None = None,
    day: int = 0,
    missed: int = 0,
) -> Morning:
    """Stocks 500000, 500001, ... with these probabilities, which are their margins too."""
    ours = np.array(stable, dtype=np.float64)
    theirs = ours if canary is None else np.array(canary, dtype=np.float64)
    known = np.full(len(ours), np.nan) if labels is None else np.array(labels, dtype=np.float64)
    codes = np.array([f"{500_000 + number}" for number in range(len(ours))])
    run_date = date(2025, 12, 1) + timedelta(days=day)
    return Morning(run_date, codes, ours, ours, theirs, theirs, known, missed)


def mornings(count: int = 12, stocks: int = 400, **changes: Any) -> tuple[Morning, ...]:
    """Mornings on which both models agree and one stock in ten locks, of each tenth of the list as many as it should."""
    stable = np.linspace(0.0, 0.2, stocks)
    labels = (np.arange(stocks) % 10 == 0).astype(np.float64)
    return tuple(morning(stable, labels=labels, day=day, **changes) for day in range(count))


def spreads(
    now: Sequence[float] = (0.5, 0.5, 0.0), names: Sequence[str] = ("probability", "roc_20")
) -> tuple[Spread, ...]:
    """Columns that lay half and half in two bins when the model was trained."""
    return tuple(Spread(name, (0.5, 0.5, 0.0), tuple(now), 4_000) for name in names)


def evidence(**changes: Any) -> Evidence:
    """Everything there can be, all of it good."""
    facts: dict[str, Any] = {
        "stable_traffic": traffic(18_000),
        "canary_traffic": traffic(),
        "mornings": mornings(),
        "stable_spreads": spreads(),
        "canary_spreads": spreads(),
    }
    return Evidence(**{**facts, **changes})
