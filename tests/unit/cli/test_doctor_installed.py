"""What a release is, as judgements: one test a finding, no cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cli.doctor.finding import Finding, Level
from cli.doctor.installed import Api, Claim, ReleaseFacts, Route, Schedule, Slot, findings

REGISTRY = Claim("uc-registry", "registry", 4, 2, "Bound", ("ReadWriteMany",))
BATCH = Schedule("uc-batch", "batch", "Asia/Kolkata", is_suspended=False)
SWEEPER = Schedule("uc-sweeper", "sweeper", "Asia/Kolkata", is_suspended=False)
SLOT = Slot("a", is_ready=True, mode="Standard", parts=("transformer 2/2 ready", "predictor 2/2 ready"))
GOOD = ReleaseFacts(
    name="uc",
    namespace="desk",
    ready_nodes=2,
    claims=(REGISTRY,),
    schedules=(BATCH, SWEEPER),
    slots=(SLOT,),
    route=Route(is_accepted=True),
    secret=("db", "url"),
    has_secret=True,
    api=Api((), "1.1.0"),
)


def of(subject: str, **changes: Any) -> list[Finding]:
    """What is found about a subject in a good release but for some facts."""
    return [each for each in findings(replace(GOOD, **changes)) if each.subject == subject]


def test_a_good_release_has_nothing_to_do():
    """Each of its parts once."""
    assert [Level.OK] * 7 == [each.level for each in findings(GOOD)]


@pytest.mark.parametrize(
    ("claim", "nodes", "expected"),
    [
        (REGISTRY, 2, Level.OK),
        (replace(REGISTRY, modes=("ReadOnlyMany",)), 2, Level.OK),
        (replace(REGISTRY, modes=("ReadWriteOnce",)), 2, Level.FAIL),
        (replace(REGISTRY, modes=("ReadWriteOnce",)), 1, Level.FAIL),
        (replace(REGISTRY, modes=("ReadWriteOnce",), shards=1), 1, Level.OK),
        (replace(REGISTRY, modes=("ReadWriteOnce",), shards=1), 2, Level.FAIL),
        (replace(REGISTRY, modes=("ReadWriteOnce",), shards=1), None, Level.FAIL),
        (replace(REGISTRY, modes=("ReadWriteOnce",), shards=0, others=1), 2, Level.OK),
        (replace(REGISTRY, modes=("ReadWriteOncePod",), shards=1), 1, Level.FAIL),
        (replace(REGISTRY, phase="Pending"), 2, Level.FAIL),
        (replace(REGISTRY, phase="Lost"), 2, Level.FAIL),
        (replace(REGISTRY, phase=None), 2, Level.FAIL),
    ],
)  # fmt: skip
def test_a_claim_must_stand_all_who_mount_it(claim, nodes, expected):
    """One node and one shard, or a volume for many."""
    (found,) = of("claims", claims=(claim,), ready_nodes=nodes)

    assert (expected, expected != Level.OK) == (found.level, bool(found.todo))


def test_the_value_of_the_claim_that_is_wrong_is_named():
    """Not the registry's where the lists' claim is meant."""
    output = Claim("uc-output", "batch.output", 4, 0, "Bound", ("ReadWriteOnce",))

    (found,) = of("claims", claims=(output,))

    assert "uc-output is ReadWriteOnce; shards at once: 4, other pods: 0, nodes: 2" == found.what
    assert found.todo.startswith("batch.output.accessMode=ReadWriteMany")


def test_a_clock_of_another_zone_fails():
    """Seven o'clock elsewhere is no morning of the exchange."""
    (found,) = of("time zone", schedules=(replace(BATCH, zone=None), SWEEPER))

    assert Level.FAIL == found.level
    assert (
        """kubectl -n desk patch cronjob uc-batch -p '{"spec":{"timeZone":"Asia/Kolkata"}}'""" == found.todo
    )


def test_a_resting_run_and_a_missing_sweeper_are_told():
    """Both may be meant so."""
    found = of("schedule", schedules=(replace(BATCH, is_suspended=True),))

    assert [(Level.WARN, "batch.suspend=false, and helm upgrade"), (Level.WARN, "sweeper.enabled=true")] == [
        (each.level, each.todo) for each in found
    ]


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ((), "no slot runs"),
        (
            (replace(SLOT, mode="Knative"),),
            "uc-a was made in mode Knative, which KServe never changes",
        ),
        (
            (replace(SLOT, is_ready=False, parts=("predictor 0/1 ready: no model",)),),
            "uc-a is not ready: predictor 0/1 ready: no model",
        ),
    ],
)
def test_a_slot_that_does_not_answer_fails(seen, told):
    """With its own reason."""
    (found,) = of("slots", slots=seen)

    assert (Level.FAIL, told) == (found.level, found.what)


def test_a_route_that_no_gateway_takes_fails():
    """One that is not there was not wanted."""
    (refused,) = of("route", route=Route(is_accepted=False, why="no listener fits"))

    assert (Level.FAIL, "no Gateway has accepted it: no listener fits") == (refused.level, refused.what)
    assert [Level.OK] == [each.level for each in of("route", route=None)]


def test_a_missing_secret_fails_and_an_unseen_one_says_nothing():
    """With the command that makes it."""
    (found,) = of("database", has_secret=False)

    assert found.todo.startswith(
        "kubectl -n desk create secret generic db --from-literal=url=postgresql://..."
    )
    assert [] == of("database", has_secret=None)


def test_an_unhealthy_answer_fails_in_its_own_words():
    """All its problems."""
    (found,) = of("api", api=Api(("no model is loaded", "the database is away")))

    assert (Level.FAIL, "no model is loaded; the database is away") == (found.level, found.what)
