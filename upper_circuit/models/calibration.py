"""
From a forest's margin to a probability one may believe.

A forest trained on rare events ranks well and counts badly. Platt scaling puts that right and never changes a
ranking: with a slope above 0 it is strictly monotone, where isotonic regression would make ties. Values are computed
one by one with `math.exp`: numpy's vector loops may round the last elements of an array otherwise than the first, and
then a stock's probability would depend on how many stocks were asked for beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from upper_circuit.errors import BadInput

_STEPS = 100
_HALVINGS = 40


@dataclass(frozen=True, slots=True)
class Platt:
    """`probability = 1 / (1 + exp(-(slope * margin + intercept)))`.

    Guaranteed: both finite, slope > 0.
    """

    slope: float
    intercept: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and self.slope > 0):
            raise ValueError(f"slope is {self.slope}: it must be above 0, or the ranking would turn round")
        if not math.isfinite(self.intercept):
            raise ValueError(f"intercept is {self.intercept}: it must be finite")

    def probability(self, margins: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Probabilities (float32, same shape [n]) of margins; each depends on its own margin only.

        A margin that is NaN or infinite raises BadInput: no verified model gives one.
        """
        if not np.isfinite(margins).all():
            raise BadInput(
                f"margin {margins[~np.isfinite(margins)][0]} has no probability: it must be finite"
            )
        slope, intercept = self.slope, self.intercept
        return np.fromiter(
            (_logistic(slope * margin + intercept) for margin in margins.tolist()), np.float32, len(margins)
        )


def fit(margins: npt.NDArray[np.floating[Any]], labels: npt.NDArray[Any]) -> Platt:
    """The scaling under which the labels (0 or 1, [n]) of margins [n] are likeliest.

    Newton's method with step halving and Platt's smoothed targets, as in Lin, Lin, Weng: "A note on Platt's
    probabilistic outputs for support vector machines", Machine Learning 68 (2007), pages 267-276.
    Raises BadInput when only one kind of label is there, or when higher margins go with fewer ones.
    """
    x = np.asarray(margins, np.float64)
    y = np.asarray(labels)
    if x.shape != y.shape or x.ndim != 1:
        raise BadInput(f"margins {x.shape} and labels {y.shape} must be two lists of one length")
    if not np.isfinite(x).all() or not np.isin(y, (0, 1)).all():
        raise BadInput("calibration needs finite margins and labels of 0 or 1")
    ones = int(y.sum())
    zeros = len(y) - ones
    if not ones or not zeros:
        raise BadInput(f"calibration needs both kinds of labels: {ones} ones and {zeros} zeros were given")
    if x.min() == x.max():
        raise BadInput(f"all {len(x)} margins are {x[0]}: there is nothing to calibrate")

    target = np.where(y == 1, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    slope, intercept = _newton(x, target, start=math.log((ones + 1) / (zeros + 1)))
    if slope <= 0:
        raise BadInput(f"calibration found a slope of {slope:.4g}: higher margins go with fewer locks")
    return Platt(slope, intercept)


def _newton(x: npt.NDArray[np.float64], target: npt.NDArray[np.float64], start: float) -> tuple[float, float]:
    slope, intercept = 0.0, start
    loss = _loss(slope * x + intercept, target)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-(slope * x + intercept)))
        error = p - target
        weight = p * (1 - p)
        gradient = np.array([(error * x).sum(), error.sum()])
        off = (weight * x).sum()
        hessian = np.array([[(weight * x * x).sum() + 1e-12, off], [off, weight.sum() + 1e-12]])
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        for _ in range(_HALVINGS):
            tried = slope - size * step[0], intercept - size * step[1]
            new = _loss(tried[0] * x + tried[1], target)
            if new < loss:
                break
            size /= 2
        else:
            return float(slope), float(intercept)  # no step makes it better: this is the minimum
        slope, intercept = tried
        if loss - new <= 1e-15 * abs(loss):
            return float(slope), float(intercept)
        loss = new
    raise BadInput(f"calibration did not settle in {_STEPS} steps (slope {slope:.4g})")


def _loss(z: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> float:
    return float((np.logaddexp(0, z) - target * z).sum())


def _logistic(z: float) -> float:
    if z >= 0:
        return 1 / (1 + math.exp(-z))
    small = math.exp(z)
    return small / (1 + small)
