"""
How good a model is, told for the universes a reader may have in mind.

One figure over all series flatters: stocks under surveillance lock all the time, and a run of locks goes on by
itself. So everything is told for all series, for series EQ and for fresh names, each beside its base rate, and a
result that is too good is called what it mostly is: a leak.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from upper_circuit.models.manifest import Metrics, Universe
from upper_circuit.models.scorer import Scores
from upper_circuit.training import measures
from upper_circuit.training.dataset import Dataset

TITLES: dict[Universe, str] = {
    "all": "all series",
    "EQ": "series EQ",
    "fresh": "all series, fresh",
    "EQ fresh": "series EQ, fresh",
}
"""Universes, and what readers call them."""
LEAK_PR_AUC = 0.5
LEAK_F1 = 0.6
"""Above these on series EQ a model knows what it cannot know."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics of one period by universe, with reliability and the precision down the daily list for pictures."""

    metrics: dict[Universe, Metrics]
    reliability: dict[Universe, measures.Reliability]
    precision_down_the_list: dict[Universe, tuple[tuple[int, float], ...]]
    """(k, precision of the daily top k) by universe."""

    @property
    def alarms(self) -> tuple[str, ...]:
        """Sentences about figures of series EQ that are too good to be true."""
        found = self.metrics["EQ"]
        limits = (("PR-AUC", found.pr_auc, LEAK_PR_AUC), ("F1", found.f1, LEAK_F1))
        return tuple(
            f"ALARM: {name} {value:.3f} on series EQ is above {limit}: likely a leak, look for it before promoting"
            for name, value, limit in limits
            if value is not None and value > limit
        )


def evaluate(rows: Dataset, scores: Scores) -> Evaluation:
    """Judge scores of a period's rows, in their order."""
    order = ranking(scores, rows.stock)
    members: dict[Universe, npt.NDArray[np.bool_]] = {
        "all": np.ones(len(rows), dtype=bool),
        "EQ": rows.of_series("EQ"),
        "fresh": rows.fresh,
        "EQ fresh": rows.of_series("EQ") & rows.fresh,
    }
    return Evaluation(
        {name: _metrics(rows, scores, order, inside) for name, inside in members.items()},
        {
            name: measures.Reliability.of(rows.label[inside], scores.probability[inside])
            for name, inside in members.items()
        },
        {name: _down_the_list(rows, order, inside) for name, inside in members.items()},
    )


def ranking(scores: Scores, stock: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Rows from best to worst, in the product's total order: probability, raw margin, code.

    `stock` numbers the codes in ascending order.
    """
    return np.lexsort((stock, -scores.margin, -scores.probability))


_DEPTHS = (1, 5, 10, 20, 30, 50, 75, 100)


def _down_the_list(
    rows: Dataset, order: npt.NDArray[np.int64], inside: npt.NDArray[np.bool_]
) -> tuple[tuple[int, float], ...]:
    label, day, ranked = rows.label[inside], rows.day[inside], _within(order, inside)
    found = ((depth, measures.precision_at(depth, label, ranked, day)) for depth in _DEPTHS)
    return tuple((depth, precision) for depth, precision in found if precision is not None)


def _metrics(
    rows: Dataset, scores: Scores, order: npt.NDArray[np.int64], inside: npt.NDArray[np.bool_]
) -> Metrics:
    label, probability, day = rows.label[inside], scores.probability[inside], rows.day[inside]
    ranked = _within(order, inside)
    at_half = measures.AtHalf.of(label, probability)
    return Metrics(
        rows=len(label),
        positives=int(label.sum()),
        base_rate=float(label.mean(dtype=np.float64)) if len(label) else None,
        roc_auc=measures.roc_auc(label, scores.margin[inside]),
        pr_auc=measures.pr_auc(label, scores.margin[inside]),
        f1=at_half.f1,
        precision=at_half.precision,
        recall=at_half.recall,
        precision_at_20=measures.precision_at(20, label, ranked, day),
        precision_at_50=measures.precision_at(50, label, ranked, day),
        brier=measures.brier(label, probability),
        brier_base_rate=measures.brier_of_base_rate(label),
    )


def _within(order: npt.NDArray[np.int64], inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The order of some rows, renumbered among themselves."""
    renumbered = np.cumsum(inside) - 1
    return renumbered[order[inside[order]]]
