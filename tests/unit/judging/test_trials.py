"""The judge's error rates in little; `make judge-trials` measures them in full and docs/judge.md has the table."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.judging_trials.__main__ import Counts, broken_promises, run, table
from tests.judging_trials.canaries import KINDS, trial, without_outcomes
from upper_circuit.judging.thresholds import Thresholds
from upper_circuit.judging.verdict import Decision, judge


@pytest.fixture(scope="module")
def counts() -> Counts:
    """Verdicts of 15 trials of each kind."""
    return run(15)[0]


def test_no_bad_canary_is_promoted_and_no_identical_one_rolled_back(counts):
    """Among the few trials there is time for here, none at all."""
    promoted = {kind.name for kind in KINDS if kind.quality == "bad" and counts[kind.name][Decision.PROMOTE]}

    assert (set(), 0) == (promoted, counts["identical"][Decision.ROLL_BACK])


def test_a_slightly_better_canary_is_mostly_promoted(counts):
    """A judge that always waits would keep every promise but this one."""
    assert counts["slightly better"][Decision.PROMOTE] > counts["slightly better"].total() / 2


def test_bad_canaries_are_seen_before_any_outcome_is_known():
    """On the first days there are no labels, and a bad one is rolled back all the same."""
    found = {
        kind.name: judge(without_outcomes(evidence), Thresholds()).decision
        for kind, evidence in trial(3)
        if kind.quality == "bad"
    }

    assert dict.fromkeys(found, Decision.ROLL_BACK) == found


def test_a_promise_that_is_not_kept_is_told():
    """Two bad ones promoted in a hundred are one too many."""
    kept: Counts = {kind.name: Counter({Decision.PROMOTE: 100}) for kind in KINDS if kind.quality == "good"}
    bad: Counts = {kind.name: Counter({Decision.ROLL_BACK: 100}) for kind in KINDS if kind.quality == "bad"}
    bad["slow"] = Counter({Decision.PROMOTE: 2, Decision.ROLL_BACK: 98})

    assert ["slow canaries are promoted in 2.0% of the trials"] == broken_promises({**kept, **bad})
    assert "| slow | every request takes twice as long | bad | 2.0% | 98.0% | 0.0% |" in table(
        {**kept, **bad}
    )
