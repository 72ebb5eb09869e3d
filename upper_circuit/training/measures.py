"""
What a rare-event forecast is judged by, exactly and from labels and scores alone.

Accuracy says 97 % of a model that never names a stock. These say what a reader of the morning list gets: how well it
ranks, how many of the first twenty lock, and whether 0.3 means three in ten. Ties count as the definitions have them
(half a win, one threshold), because a calibrated float32 has ties.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def roc_auc(label: Labels, score: Floats) -> float | None:
    """The share of pairs (lock, no lock) that the score puts in order, ties by half; None without one of each.

    By midranks: Mann and Whitney's U over the number of pairs.
    """
    ones = int(label.sum())
    zeros = len(label) - ones
    if not ones or not zeros:
        return None
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    midrank = np.cumsum(count) - (count - 1) / 2
    above = float(midrank[place][label == 1].sum()) - ones * (ones + 1) / 2
    return above / (ones * zeros)


def pr_auc(label: Labels, score: Floats) -> float | None:
    """Average precision: precision at every distinct threshold, weighted by the recall it adds; None without locks."""
    ones = int(label.sum())
    if not ones:
        return None
    _, place, count = np.unique(-score, return_inverse=True, return_counts=True)
    found = np.bincount(place, weights=label, minlength=len(count))
    precision = np.cumsum(found) / np.cumsum(count)
    return float((precision * found).sum() / ones)


@dataclass(frozen=True, slots=True)
class AtHalf:
    """What becomes of the rule "label = probability >= 0.5"; None where a denominator is 0."""

    precision: float | None
    recall: float | None
    f1: float | None

    @classmethod
    def of(cls, label: Labels, probability: Floats) -> AtHalf:
        """From labels [n] and probabilities [n]."""
        named = probability >= np.float32(0.5)
        right = int((named & (label == 1)).sum())
        said, there = int(named.sum()), int(label.sum())
        return cls(
            precision=right / said if said else None,
            recall=right / there if there else None,
            f1=2 * right / (said + there) if said + there else None,
        )


def precision_at(
    count: int, label: Labels, order: npt.NDArray[np.int64], day: npt.NDArray[np.int32]
) -> float | None:
    """Of each day's first `count` rows, the share that locked; the mean over days. None without rows.

    Args:
        count: how far down the list a reader goes; of a day with fewer rows, all count.
        label: [n].
        order: [n] the rows from best to worst.
        day: [n] run date.
    """
    if not len(label):
        return None
    by_day = order[np.argsort(day[order], kind="stable")]
    _, start, size = np.unique(day[by_day], return_index=True, return_counts=True)
    within = np.arange(len(by_day)) - np.repeat(start, size)
    top = within < count
    hits = np.add.reduceat(np.where(top, label[by_day], 0).astype(np.int64), start)
    return float((hits / np.minimum(size, count)).mean())


def brier(label: Labels, probability: Floats) -> float | None:
    """Mean squared distance between probability and label; None without rows."""
    if not len(label):
        return None
    return float(np.square(probability.astype(np.float64) - label).mean())


def brier_of_base_rate(label: Labels) -> float | None:
    """The Brier score of always forecasting the base rate of these labels; None without rows."""
    if not len(label):
        return None
    rate = float(label.mean(dtype=np.float64))
    return rate * (1.0 - rate)


@dataclass(frozen=True, slots=True)
class Reliability:
    """Rows grouped by probability into bins of equal count: what was said beside what happened."""

    said: tuple[float, ...]
    happened: tuple[float, ...]
    rows: tuple[int, ...]

    @classmethod
    def of(cls, label: Labels, probability: Floats, bins: int = 20) -> Reliability:
        """From labels [n] and probabilities [n]; with fewer rows than bins, a bin a row."""
        order = np.argsort(probability, kind="stable")
        groups = [group for group in np.array_split(order, bins) if len(group)]
        return cls(
            tuple(float(probability[group].mean(dtype=np.float64)) for group in groups),
            tuple(float(label[group].mean(dtype=np.float64)) for group in groups),
            tuple(len(group) for group in groups),
        )
