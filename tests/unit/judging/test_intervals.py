"""Bounds against SciPy and against values worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from upper_circuit.judging import intervals


@pytest.mark.parametrize(
    ("hits", "of"), [(0, 500), (1, 500), (10, 500), (250, 500), (499, 500), (500, 500), (3, 7)]
)
@pytest.mark.parametrize("confidence", [0.95, 0.999])
def test_bounds_of_a_share_are_those_of_clopper_and_pearson(hits, of, confidence):
    """As SciPy's exact binomial test has them, one-sided."""
    low = stats.binomtest(hits, of, alternative="greater").proportion_ci(confidence, "exact").low
    high = stats.binomtest(hits, of, alternative="less").proportion_ci(confidence, "exact").high

    found = intervals.share_at_least(hits, of, confidence), intervals.share_at_most(hits, of, confidence)

    assert (low, high) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize(
    ("hits", "of", "others", "of_others"),
    [(10, 500, 2, 4500), (0, 500, 9, 4500), (5, 5, 0, 3), (7, 1000, 7, 1000)],
)
def test_the_chance_of_more_errors_is_fishers(hits, of, others, of_others):
    """As SciPy's exact test has it, one-sided."""
    expected = stats.fisher_exact([[hits, of - hits], [others, of_others - others]], "greater").pvalue

    assert expected == pytest.approx(intervals.chance_of_more(hits, of, others, of_others), rel=1e-9)


def test_mornings_that_agree_leave_no_doubt():
    """The mean of equal values is that value, whatever is drawn."""
    found = intervals.mean(np.full(12, 0.9), block=5, likely=0.95, surely=0.999)

    assert (0.9, 0.9, 0.9) == pytest.approx((found.value, found.surely_low, found.surely_high))


def test_mornings_that_hang_together_tell_less():
    """Two halves, each of equal mornings: drawn one by one they look like twelve facts, in blocks like two."""
    halves = np.repeat([0.0, 1.0], 6)

    single = intervals.mean(halves, block=1, likely=0.95, surely=0.999)
    blocks = intervals.mean(halves, block=5, likely=0.95, surely=0.999)

    assert blocks.likely_high - blocks.likely_low > 1.3 * (single.likely_high - single.likely_low)


def test_the_same_figures_give_the_same_bounds():
    """Draws are seeded."""
    values = np.random.default_rng(7).normal(size=20)

    first, second = (intervals.mean(values, block=5, likely=0.95, surely=0.999) for _ in range(2))

    assert first == second


def test_a_quantile_lies_inside_its_bucket():
    """80 requests up to 10 ms and 20 up to 20 ms: the 90th is half way through the second bucket."""
    found = intervals.quantile(np.array([0.01, 0.02, np.inf]), np.array([[80, 20, 0]]), 0.9)

    assert [0.015] == pytest.approx(found.tolist())


def test_a_quantile_in_the_open_bucket_is_at_least_its_lower_end():
    """How much longer than 20 ms nobody counted."""
    found = intervals.quantile(np.array([0.01, 0.02, np.inf]), np.array([[80, 0, 20]]), 0.9)

    assert [0.02] == found.tolist()
