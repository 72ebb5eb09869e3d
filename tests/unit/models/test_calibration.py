"""Platt scaling against values worked out by hand and against another optimiser."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from upper_circuit.errors import BadInput
from upper_circuit.models.calibration import Platt, fit


def test_two_margins_have_a_solution_by_hand() -> None:
    """With margins -1 and +1 the fit is exact: each side's probability is the mean of its smoothed targets.

    At -1: 30 zeros and 10 ones, at +1: 10 zeros and 30 ones; targets 41/42 and 1/42. So p(+1) = (30*41 + 10) / (40*42)
    = 1240/1680, p(-1) = 440/1680; the slope is ln(1240/440), the intercept 0.
    """
    margins = np.repeat([-1.0, 1.0], 40)
    labels = np.array([0] * 30 + [1] * 10 + [0] * 10 + [1] * 30)

    found = fit(margins, labels)

    assert math.isclose(math.log(1240 / 440), found.slope, rel_tol=1e-9)
    assert math.isclose(0, found.intercept, abs_tol=1e-9)


def test_another_optimiser_finds_the_same() -> None:
    """Another: scipy's BFGS on the same loss agrees, on rare events and skewed margins."""
    rng = np.random.default_rng(5)
    margins = (rng.normal(size=5_000) * 2 - 4).astype(np.float32)
    labels = rng.random(5_000) < 1 / (1 + np.exp(-(0.7 * margins + 0.4)))
    ones, zeros = labels.sum(), (~labels).sum()
    target = np.where(labels, (ones + 1) / (ones + 2), 1 / (zeros + 2))

    def loss(ab: np.ndarray) -> float:
        z = ab[0] * margins.astype(float) + ab[1]
        return float(np.mean(np.logaddexp(0, z) - target * z))

    expected = minimize(loss, [0.0, 0.0], method="BFGS", options={"gtol": 1e-9}).x
    found = fit(margins, labels)

    assert np.allclose(expected, [found.slope, found.intercept], rtol=1e-5)


def test_probabilities_are_those_of_the_formula() -> None:
    """1 / (1 + exp(-(2 m - 1))) at margins 0, 0.5, 1 and far out, from a table of the logistic function."""
    margins = np.array([0, 0.5, 1, 500, -500], np.float32)

    found = Platt(2, -1).probability(margins)

    assert np.float32 == found.dtype
    assert [0.26894143, 0.5, 0.7310586, 1.0, 0.0] == [float(f"{p:.8g}") for p in found.tolist()]


def test_a_probability_does_not_depend_on_its_neighbours() -> None:
    """Alone, at the end of a batch or in its middle: the same bits."""
    margins = np.random.default_rng(1).normal(size=1_003).astype(np.float32) * 3
    platt = Platt(0.83, -0.31)

    together = platt.probability(margins)

    alone = np.concatenate([platt.probability(margins[at : at + 1]) for at in range(len(margins))])
    assert together.tobytes() == alone.tobytes()


def test_no_rows_have_no_probabilities() -> None:
    """An empty batch is no error."""
    assert (0,) == Platt(1, 0).probability(np.empty(0, np.float32)).shape


@pytest.mark.parametrize("margin", [np.nan, np.inf, -np.inf])
def test_a_margin_that_is_no_number_is_refused(margin: float) -> None:
    """It must not become a probability of 0 or 1."""
    with pytest.raises(BadInput, match="it must be finite"):
        Platt(1, 0).probability(np.array([0, margin], np.float32))


@pytest.mark.parametrize(
    ("slope", "intercept"), [(0, 0), (-1, 0), (math.nan, 0), (math.inf, 0), (1, math.nan), (1, math.inf)]
)
def test_a_scaling_that_is_not_monotone_cannot_be_made(slope: float, intercept: float) -> None:
    """Slope must be above 0 and both must be finite."""
    with pytest.raises(ValueError, match="it must be"):
        Platt(slope, intercept)


@pytest.mark.parametrize(
    ("margins", "labels", "reason"),
    [
        ([0.0, 1.0], [1, 1], "2 ones and 0 zeros were given"),
        ([0.0, 1.0], [0, 0], "0 ones and 2 zeros were given"),
        ([], [], "0 ones and 0 zeros were given"),
        ([0.0, 1.0], [0], "must be two lists of one length"),
        ([0.0, math.nan], [0, 1], "finite margins and labels of 0 or 1"),
        ([0.0, 1.0], [0, 2], "finite margins and labels of 0 or 1"),
        ([1.0, 1.0], [0, 1], "there is nothing to calibrate"),
        ([-1.0, -1.0, 1.0, 1.0], [1, 1, 0, 0], "higher margins go with fewer locks"),
    ],
)
def test_what_cannot_be_calibrated_is_said(margins: list[float], labels: list[int], reason: str) -> None:
    """The error names the reason, so that a training's log is enough to see it."""
    with pytest.raises(BadInput, match=reason):
        fit(np.array(margins), np.array(labels))


def test_margins_that_separate_the_labels_still_calibrate() -> None:
    """Smoothed targets keep the slope finite where a plain maximum of likelihood would run away."""
    margins = np.array([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0])
    labels = np.array([0, 0, 0, 1, 1, 1])

    found = fit(margins, labels)

    assert 0.3 < found.slope < 3
    assert abs(found.intercept) < 1e-6
