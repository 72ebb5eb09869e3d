"""
Figures of a training as words, once for every place that tells them.

Terminal, page and document must not round differently, nor one of them leave out that a figure rests on rows that
the forest has seen.
"""

from __future__ import annotations

from collections import Counter

from upper_circuit.models.manifest import Metrics
from upper_circuit.training.evaluate import TITLES, Evaluation
from upper_circuit.training.train import Trained

COLUMNS = (
    "universe",
    "rows",
    "locks",
    "base rate",
    "ROC-AUC",
    "PR-AUC",
    "x base",
    "P@20",
    "P@50",
    "F1",
    "Brier",
    "of base rate",
)
"""P@k: precision of the daily top k; F1 at probability >= 0.5; the last: Brier score of forecasting the base rate."""


def metrics_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """A row of text for each universe, as `COLUMNS`; a figure that is not defined is n/a."""
    return [_row(TITLES[universe], metrics) for universe, metrics in evaluation.metrics.items()]


def f1_line(trained: Trained) -> str:
    """The line that every later report repeats: F1 at 0.5 over all series of the test period."""
    f1 = trained.manifest.f1
    if trained.judged != "test":
        return "F1: n/a (no test period)"
    return "F1: n/a (nothing locked, and nothing was said to)" if f1 is None else f"F1: {f1:.2f}"


def judged_title(trained: Trained) -> str:
    """Which period the figures that count are of, and what it is worth."""
    period = trained.periods[trained.judged]
    seen = "" if trained.judged == "test" else ", which the forest has seen: no test period was given"
    return f"{trained.judged} period {period.first} to {period.last}{seen}"


def warnings(trained: Trained) -> list[str]:
    """Sentences that nobody may overlook: figures too good to be true, tables that were not loaded."""
    missing: Counter[str] = Counter()
    for period in trained.periods.values():
        missing.update(period.missing_tables)
    tables = [
        f"WARNING: {table} held nothing known on {mornings:,} run dates; its features are missing there"
        for table, mornings in sorted(missing.items())
    ]
    return [*trained.alarms, *tables]


def _row(title: str, found: Metrics) -> tuple[str, ...]:
    times = found.pr_auc / found.base_rate if found.pr_auc is not None and found.base_rate else None
    return (
        title,
        f"{found.rows:,}",
        f"{found.positives:,}",
        _figure(found.base_rate, 4),
        _figure(found.roc_auc, 3),
        _figure(found.pr_auc, 3),
        _figure(times, 1),
        _figure(found.precision_at_20, 3),
        _figure(found.precision_at_50, 3),
        _figure(found.f1, 2),
        _figure(found.brier, 5),
        _figure(found.brier_base_rate, 5),
    )


def _figure(value: float | None, digits: int) -> str:
    return "n/a" if value is None else f"{value:.{digits}f}"
