"""What the judge says of evidence that is good in every respect but one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.factories.judging import evidence, morning, mornings, spreads, traffic
from upper_circuit.judging.evidence import Evidence, Latencies, Spread, Traffic
from upper_circuit.judging.thresholds import Thresholds
from upper_circuit.judging.verdict import Decision, Verdict, judge


def verdict(limits: Thresholds | None = None, **changes: Any) -> Verdict:
    """Of good evidence with these changes."""
    return judge(evidence(**changes), limits or Thresholds())


def states(of: Verdict) -> dict[str, str]:
    """What became of the checks that did not pass."""
    return {check.name: check.state.value for check in of.checks if check.state.value != "pass"}


def test_a_canary_that_is_the_same_model_is_promoted():
    """Every check passes, and there are thirteen of them."""
    found = verdict()

    assert (Decision.PROMOTE, {}, 13) == (found.decision, states(found), len(found.checks))
    assert "all 13 checks pass" == found.because


def test_no_evidence_at_all_is_not_enough():
    """Whatever is missing leaves its checks open; nothing passes for want of facts."""
    found = judge(Evidence(), Thresholds())

    assert (Decision.NOT_ENOUGH_EVIDENCE, {"unknown"}) == (found.decision, set(states(found).values()))
    assert len(found.checks) == len(states(found))


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"canary_traffic": traffic(2_000, 40)}, "errors"),
        ({"canary_traffic": traffic(30, 30)}, "errors"),
        ({"canary_traffic": traffic(2_000, counts=(0, 0, 2_000, 0))}, "p95 latency"),
        ({"canary_traffic": traffic(2_000, counts=(1_500, 0, 0, 500))}, "p95 latency"),
        ({"canary_spreads": spreads((0.9, 0.1, 0.0), ["probability"])}, "score stability (PSI)"),
        ({"canary_spreads": spreads((0.1, 0.1, 0.8), ["roc_20"])}, "feature stability (PSI)"),
        ({"mornings": tuple(replace(each, missed=4) for each in mornings())}, "same stocks"),
    ],
    ids=[
        "2 % fail",
        "all of 30 fail",
        "slow",
        "some never end",
        "scores drift",
        "a feature is gone",
        "stocks missing",
    ],
)
def test_one_fault_is_enough_to_go_back(change, check):
    """A check that fails rolls back, whatever passes beside it, and the reason names it."""
    found = verdict(**change)

    assert (Decision.ROLL_BACK, "fail") == (found.decision, states(found)[check])
    assert check in found.because


def test_a_list_turned_round_is_rolled_back():
    """Ranks, lists and outcomes all say so."""
    turned = tuple(
        replace(each, canary=each.canary[::-1].copy(), canary_margin=each.canary[::-1].copy())
        for each in mornings()
    )

    found = states(verdict(mornings=turned))

    assert ["fail"] * 3 == [found[name] for name in ("rank correlation", "top-20 overlap", "top-100 overlap")]


@pytest.mark.parametrize("score", [np.nan, np.inf, -0.1, 1.1])
def test_a_score_that_is_no_probability_is_enough(score):
    """One of 4,800 is; nothing is averaged over it."""
    first, *others = mornings()
    broken = first.canary.copy()
    broken[7] = score

    found = verdict(mornings=(replace(first, canary=broken), *others))

    assert (Decision.ROLL_BACK, "fail") == (found.decision, states(found)["sound scores"])


def test_a_trouble_of_both_slots_is_not_the_canarys_fault():
    """Five in a hundred fail on both sides: the database, likely; nobody is promoted and nobody taken down."""
    found = verdict(stable_traffic=traffic(18_000, 900), canary_traffic=traffic(2_000, 100))

    assert (Decision.NOT_ENOUGH_EVIDENCE, {"errors": "unknown"}) == (found.decision, states(found))


def test_too_few_requests_prove_nothing_good():
    """No error in 300 is compatible with one in a hundred."""
    found = verdict(canary_traffic=traffic(300))

    assert {"errors": "unknown", "p95 latency": "unknown"} == states(found)


def test_slow_by_two_milliseconds_is_not_slow():
    """Three times 1 ms is within the slack."""
    bounds = (0.001, 0.0025, 0.005, float("inf"))
    stable = Traffic(9_000, 0, {"/api/v1/predict": Latencies(bounds, (9_000, 0, 0, 0))})
    canary = Traffic(1_000, 0, {"/api/v1/predict": Latencies(bounds, (0, 0, 1_000, 0))})

    assert {} == states(verdict(stable_traffic=stable, canary_traffic=canary))


def test_latency_is_compared_on_one_route():
    """A canary that is asked for more batches is not slower for that."""

    def mixed(single: int, batches: int) -> Traffic:
        bounds = (0.005, 0.05, float("inf"))
        return Traffic(
            single + batches,
            0,
            {
                "/api/v1/predict": Latencies(bounds, (single, 0, 0)),
                "/api/v1/batch_predict": Latencies(bounds, (0, batches, 0)),
            },
        )

    assert {} == states(verdict(stable_traffic=mixed(9_000, 100), canary_traffic=mixed(1_000, 900)))


def test_a_market_that_drifts_moves_both():
    """A feature far from the bins of both models is no fault of the canary."""
    drifted = spreads((0.9, 0.1, 0.0))

    assert {} == states(verdict(stable_spreads=drifted, canary_spreads=drifted))


def test_outcomes_of_a_few_mornings_are_waited_for():
    """Nine mornings with outcomes, ten are needed."""
    found = verdict(mornings=mornings(9))

    assert {"precision@20": "unknown", "Brier score": "unknown", "calibration": "unknown"} == states(found)


def test_a_desk_may_choose_not_to_wait_for_outcomes():
    """With none needed, outcomes are not asked about."""
    found = verdict(Thresholds(outcome_mornings=0), mornings=mornings(3))

    assert (Decision.PROMOTE, 10) == (found.decision, len(found.checks))


def test_a_better_list_of_the_same_stocks_passes():
    """The canary knows which stocks lock: better in every figure of the outcomes."""
    better = tuple(
        replace(
            each,
            canary=each.stable * (0.8 + 0.4 * each.labels),
            canary_margin=each.stable * (0.8 + 0.4 * each.labels),
        )
        for each in mornings()
    )

    found = {check.name: check for check in verdict(mornings=better).checks}

    assert ["pass"] * 3 == [found[name].state for name in ("precision@20", "Brier score", "calibration")]
    assert found["Brier score"].value < 0


def test_a_canary_that_names_none_of_the_locks_fails_on_precision():
    """Its first twenty are stocks that never lock."""
    stable = np.linspace(0.0, 0.2, 400)
    labels = (np.arange(400) >= 380).astype(float)
    canary = np.concatenate([stable[:360], stable[380:], stable[360:380]])
    swapped = tuple(morning(stable, canary, labels=labels, day=day) for day in range(12))

    found = {check.name: check for check in verdict(mornings=swapped).checks}

    assert ("fail", 1.0) == (found["precision@20"].state, found["precision@20"].value)


def test_ties_of_probability_are_put_in_order_by_margin_then_code():
    """The product's order, without which two equal lists would look different."""
    tied = morning([0.5, 0.5, 0.5])
    apart = replace(tied, canary_margin=np.array([1.0, 3.0, 2.0]))

    assert ([0, 1, 2], [2, 0, 1]) == tuple(places.tolist() for places in apart.ranks())


def test_the_table_has_a_line_a_check():
    """A head, then name, value, bound, state and a sentence."""
    head, first, *_ = verdict().table()

    assert ("CHECK", "VALUE", "BOUND", "STATE", "WHY") == head
    assert ("errors", "0", "0.01", "pass", "0 of 2000 requests, likely 0.00 to 0.15 %") == first


def test_evidence_that_contradicts_itself_is_not_taken():
    """More errors than requests, labels that are none, shares of other bins."""
    with pytest.raises(ValueError, match="3 errors of 2 requests"):
        Traffic(2, 3, {})
    with pytest.raises(ValueError, match="labels"):
        morning([0.1], labels=[0.5])
    with pytest.raises(ValueError, match="distinct"):
        replace(morning([0.1, 0.2]), codes=np.array(["500325", "500325"]))
    with pytest.raises(ValueError, match="roc_20"):
        Spread("roc_20", (1.0,), (0.5, 0.5), 10)
    with pytest.raises(ValueError, match="rise"):
        Latencies((0.1, 0.05, float("inf")), (0, 0, 0))
