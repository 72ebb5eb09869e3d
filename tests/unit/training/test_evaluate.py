"""Universes, alarms and gates."""

from __future__ import annotations

import numpy as np
import pytest

from tests.factories.training import rows
from upper_circuit.models.manifest import Metrics
from upper_circuit.models.scorer import Scores
from upper_circuit.training.evaluate import evaluate, ranking
from upper_circuit.training.gates import gates


def scores(*probability: float) -> Scores:
    """Scores whose margins rise with their probabilities."""
    values = np.array(probability, np.float32)
    return Scores(values, values * 10)


def test_every_universe_has_its_own_rows_and_base_rate():
    """All series, EQ, fresh, and EQ fresh are told apart by the row's series and its own last bars."""
    found = evaluate(
        rows(
            [1, 0, 1, 0, 0],
            series=["EQ", "EQ", "BE", "BE", "EQ"],
            fresh=[False, True, True, True, True],
        ),
        scores(0.9, 0.1, 0.8, 0.2, 0.3),
    ).metrics

    assert {"all": 5, "EQ": 3, "fresh": 4, "EQ fresh": 2} == {name: m.rows for name, m in found.items()}
    assert {"all": 2, "EQ": 1, "fresh": 1, "EQ fresh": 0} == {name: m.positives for name, m in found.items()}
    assert found["fresh"].base_rate == 0.25
    assert found["EQ fresh"].roc_auc is None


def test_a_universe_without_rows_is_not_defined():
    """A market without series EQ still trains."""
    found = evaluate(rows([1, 0], series=["BE", "BE"]), scores(0.9, 0.1)).metrics["EQ"]

    assert Metrics(rows=0, positives=0) == found


def test_the_order_of_a_day_is_probability_then_margin_then_code():
    """The total order of the product: equal probabilities fall back to the margin, equal margins to the code."""
    same = np.float32(0.5)
    given = Scores(np.array([same, same, same, 0.9], np.float32), np.array([1.0, 1.0, 2.0, 0.0], np.float32))

    found = ranking(given, np.array([1, 0, 3, 2], np.int32))

    assert [3, 2, 1, 0] == found.tolist()


def test_too_good_to_be_true_is_an_alarm():
    """PR-AUC above 0.5 or F1 above 0.6 on series EQ mostly is a leak."""
    found = evaluate(rows([1, 0, 0, 1]), scores(0.9, 0.1, 0.2, 0.8)).alarms

    assert [
        "ALARM: PR-AUC 1.000 on series EQ is above 0.5: likely a leak, look for it before promoting",
        "ALARM: F1 1.000 on series EQ is above 0.6: likely a leak, look for it before promoting",
    ] == list(found)


def test_an_honest_model_raises_no_alarm():
    """One lock in four rows found at place two: PR-AUC 0.5 is not above 0.5."""
    found = evaluate(rows([0, 1, 0, 0]), scores(0.4, 0.3, 0.2, 0.1)).alarms

    assert () == found


@pytest.mark.parametrize(
    ("figures", "missed"),
    [
        ({}, []),
        ({"roc_auc": 0.8799}, ["ROC-AUC"]),
        ({"pr_auc": 0.1499}, ["PR-AUC"]),
        ({"precision_at_20": 0.2499}, ["precision of the daily top 20"]),
        ({"brier": 0.0148}, ["Brier score"]),
        ({"roc_auc": None, "base_rate": None}, ["ROC-AUC", "PR-AUC"]),
    ],
)
def test_gates_pass_at_their_limit_and_fail_below_it(figures, missed):
    """ROC-AUC >= 0.88, PR-AUC >= 10 x base, P@20 >= 0.25, Brier below the base rate's; n/a fails."""
    at_the_limit = {
        "base_rate": 0.015, "roc_auc": 0.88, "pr_auc": 0.15, "precision_at_20": 0.25, "brier": 0.0147, "brier_base_rate": 0.0148,
    }  # fmt: skip
    found = gates(Metrics(rows=1, positives=1, **{**at_the_limit, **figures}))

    assert missed == [gate.name for gate in found if not gate.passed]
