"""Measures against values worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from upper_circuit.training import measures


def labels(*values: int) -> np.ndarray:
    """1: locked."""
    return np.array(values, dtype=np.uint8)


def scores(*values: float) -> np.ndarray:
    """As a model gives them."""
    return np.array(values, dtype=np.float32)


def test_roc_auc_is_the_share_of_pairs_in_order():
    """Of the six pairs of locks (0.8, 0.4) and others (0.9, 0.5, 0.1), three are in order."""
    found = measures.roc_auc(labels(0, 1, 0, 1, 0), scores(0.9, 0.8, 0.5, 0.4, 0.1))

    assert 3 / 6 == found


def test_a_tie_is_half_a_pair():
    """One pair in order, one tied, of two."""
    found = measures.roc_auc(labels(1, 0, 0), scores(0.5, 0.5, 0.1))

    assert 1.5 / 2 == found


def test_average_precision_weighs_precision_by_the_recall_it_adds():
    """Locks at places 1, 3 and 5: (1/1 + 2/3 + 3/5) / 3."""
    found = measures.pr_auc(labels(1, 0, 1, 0, 1), scores(5, 4, 3, 2, 1))

    assert (1 + 2 / 3 + 3 / 5) / 3 == pytest.approx(found, rel=1e-15)


def test_tied_scores_are_one_threshold():
    """Locks hidden among equals: the first threshold has precision 1/2 and brings all recall."""
    found = measures.pr_auc(labels(1, 0, 0, 0), scores(0.7, 0.7, 0.2, 0.1))

    assert 1 / 2 == found


@pytest.mark.parametrize("label", [labels(), labels(0, 0), labels(1, 1)])
def test_roc_auc_needs_both_kinds(label):
    """Without a pair there is nothing to put in order."""
    assert measures.roc_auc(label, scores(*range(len(label)))) is None


@pytest.mark.parametrize("label", [labels(), labels(0, 0)])
def test_average_precision_needs_a_lock(label):
    """Recall of nothing is not defined."""
    assert measures.pr_auc(label, scores(*range(len(label)))) is None


def test_f1_at_half_counts_a_half_as_a_yes():
    """Named: 0.5, 0.9, 0.6, of which two lock; three lock in all: 2 * 2 / (3 + 3)."""
    found = measures.AtHalf.of(labels(1, 0, 1, 1, 0), scores(0.5, 0.9, 0.6, 0.4, 0.1))

    assert measures.AtHalf(precision=2 / 3, recall=2 / 3, f1=2 / 3) == found


def test_a_model_that_names_nobody_has_no_precision_and_an_f1_of_nothing():
    """There were locks, and none was named: recall and F1 are 0, precision is not defined."""
    found = measures.AtHalf.of(labels(1, 0), scores(0.4, 0.1))

    assert measures.AtHalf(precision=None, recall=0.0, f1=0.0) == found


def test_where_nothing_locks_and_nobody_is_named_f1_is_not_defined():
    """0 / 0 is no figure."""
    found = measures.AtHalf.of(labels(0, 0), scores(0.4, 0.1))

    assert measures.AtHalf(precision=None, recall=None, f1=None) == found


def test_precision_of_the_daily_top_is_the_mean_over_days():
    """Day 1: the two best of three hold one lock; day 2: both rows of two do. Mean of 1/2 and 1."""
    label = labels(0, 1, 1, 1, 1)
    day = np.array([1, 1, 1, 2, 2], dtype=np.int32)
    order = np.argsort(-scores(0.9, 0.8, 0.1, 0.3, 0.2), kind="stable")

    found = measures.precision_at(2, label, order, day)

    assert 0.75 == found


def test_a_day_with_fewer_rows_counts_those_it_has():
    """A quiet day is not a bad day: one lock of one row is 1, not 1/20."""
    found = measures.precision_at(20, labels(1), np.array([0]), np.array([1], dtype=np.int32))

    assert 1.0 == found


def test_brier_scores_by_hand():
    """(0.1^2 + 0.3^2) / 2, beside 0.5 * 0.5 of the base rate's forecast."""
    label, probability = labels(0, 1), np.array([0.1, 0.7], dtype=np.float32)

    assert 0.05 == pytest.approx(measures.brier(label, probability), abs=1e-7)
    assert 0.25 == measures.brier_of_base_rate(label)


def test_of_no_rows_nothing_is_defined():
    """An empty universe is n/a everywhere, and never a division by zero."""
    nothing, day = labels(), np.zeros(0, np.int32)

    assert measures.precision_at(20, nothing, np.zeros(0, np.int64), day) is None
    assert measures.brier(nothing, scores()) is None
    assert measures.brier_of_base_rate(nothing) is None
    assert measures.Reliability((), (), ()) == measures.Reliability.of(nothing, scores())


def test_reliability_groups_have_equal_size_by_rising_probability():
    """Four rows in two groups: what was said beside what happened."""
    found = measures.Reliability.of(labels(1, 0, 1, 0), np.array([0.75, 0.25, 0.5, 0.0], np.float32), bins=2)

    assert measures.Reliability(said=(0.125, 0.625), happened=(0.0, 1.0), rows=(2, 2)) == found
