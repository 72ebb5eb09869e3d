"""Every step of a rollout, and every step that is refused."""

from __future__ import annotations

import pytest

from cli.rollout import plan
from cli.rollout.plan import Plan, Ready, RolloutRefused, Upgrade
from cli.rollout.state import History, State
from tests.factories.rollouts import Revisions, values
from upper_circuit.errors import BadInput


def start(
    release: Revisions,
    version: str = "1.1.0",
    *,
    weight: int = 0,
    mirror: int = 0,
    serving: str | None = None,
) -> Plan:
    """Start a version in a release."""
    return release.do(plan.start(release.history, version, weight=weight, mirror=mirror, serving=serving))


def test_a_canary_starts_dark_in_the_idle_slot():
    """Its pods run, nobody is sent to them, and the next command is named."""
    release = Revisions()

    made = start(release)

    assert (Upgrade({"slots.b.enabled": True, "slots.b.version": "1.1.0"}), Ready("b", "1.1.0")) == made.steps
    assert ("a 1.0.0 100", "a 1.0.0 100, b 1.1.0 0") == (made.before, made.after)
    assert "1.1.0 starts in slot b beside 1.0.0, dark" == made.told


def test_a_weight_comes_after_readiness():
    """A weight on a slot without pods would be an outage for that share."""
    made = start(Revisions(), weight=10, mirror=50)

    assert [Upgrade, Ready, Upgrade] == [type(step) for step in made.steps]
    assert Upgrade({"traffic.a": 90, "traffic.b": 10, "traffic.mirror": 50}) == made.steps[-1]
    assert "a 1.0.0 90, b 1.1.0 10, mirror 50" == made.after


def test_a_slot_that_follows_the_promoted_version_is_pinned_first():
    """Both slots must name their model while both run; the one that answers stays the one that answers."""
    made = start(Revisions(values(a="")), serving="1.0.0")

    assert {"slots.a.version": "1.0.0", "slots.b.version": "1.1.0", "slots.b.enabled": True} == made.change


def test_another_weight_for_the_same_version_is_a_shift():
    """10 % becomes 50 %."""
    release = Revisions()
    start(release, weight=10)

    made = release.do(plan.shift(release.history, weight=50, mirror=20))

    assert "a 1.0.0 50, b 1.1.0 50, mirror 20" == made.after
    assert "1.1.0 in slot b gets 50 % of the traffic and a copy of 20 % of the requests" == made.told


@pytest.mark.parametrize(
    "given",
    [
        values(),
        values(None, "1.1.0", weights=(0, 100)),
        values("", "1.1.0"),
        values(b="1.1.0", weights=(90, 10), mirror=20),
    ],
    ids=["a alone", "b alone", "a follows the promoted one", "both and a mirror"],
)
def test_a_revisions_description_says_what_its_values_say(given):
    """So it can be read in their place."""
    state = State.of(given)

    assert state == plan.state_described(plan.description(state, {}), has_route=True)


@pytest.mark.parametrize("text", ["Upgrade complete", "Rollback to 3", "Install complete", ""])
def test_a_revision_that_no_rollout_made_is_read_from_its_values(text):
    """Whatever a person or Helm writes there."""
    assert plan.state_described(text, has_route=True) is None


def test_the_whole_way_and_back_and_forth_again():
    """Start, promote, roll back, promote, finish; then the next one starts in the other slot."""
    release = Revisions()
    start(release, weight=10)

    seen = [
        release.do(step(release.history)).after
        for step in (plan.promote, plan.rollback, plan.promote, plan.finish)
    ]
    start(release, "1.2.0")

    assert [
        "a 1.0.0 0, b 1.1.0 100",
        "a 1.0.0 100, b 1.1.0 0",
        "a 1.0.0 0, b 1.1.0 100",
        "b 1.1.0 100",
    ] == seen
    assert ("1.2.0", {"a": 0, "b": 100}) == (release.now.slots["a"].version, dict(release.now.weights))


def test_a_dark_canary_is_nothing_to_roll_back_to():
    """In slot a after a promotion to b: going back must not mean going on to the canary."""
    release = Revisions(values(a=None, b="1.1.0", weights=(0, 100)))
    start(release, "1.2.0")

    with pytest.raises(RolloutRefused, match=r"1\.1\.0 in slot b has all the traffic already"):
        plan.rollback(release.history)


@pytest.mark.parametrize("weight", [10, 50, 60, 99])
def test_rolling_back_from_any_weight_is_one_upgrade_that_waits_for_nothing(weight):
    """Also where the canary has become the heavier slot."""
    release = Revisions()
    start(release, weight=weight, mirror=5)

    made = plan.rollback(release.history)

    assert (Upgrade({"traffic.a": 100, "traffic.b": 0, "traffic.mirror": 0}),) == made.steps


def test_a_route_that_somebody_patched_can_be_rolled_back():
    """The values say 100 already; saying it again puts the route right."""
    release = Revisions()
    start(release)

    assert "a 1.0.0 100, b 1.1.0 0" == plan.rollback(release.history, has_drifted=True).after


def test_an_abort_takes_the_weight_before_the_pods():
    """Two upgrades, so that no request meets a pod on its way out."""
    release = Revisions()
    start(release, weight=10)

    made = release.do(plan.abort(release.history))

    assert [{"traffic.a": 100, "traffic.b": 0, "traffic.mirror": 0}, {"slots.b.enabled": False}] == [
        dict(step.change) for step in made.steps
    ]
    assert "a 1.0.0 100" == made.after


def test_where_there_is_no_gateway_a_promotion_is_all_or_nothing():
    """No weights between, but start, promote and rollback work."""
    release = Revisions(values(has_route=False))
    start(release)

    assert "a 1.0.0 0, b 1.1.0 100" == release.do(plan.promote(release.history)).after


def test_after_a_history_that_was_cut_the_oldest_revision_counts():
    """Helm keeps ten; in the oldest of them b is heavier, so b is taken for the older one."""
    pair = State.of(values(b="1.1.0", weights=(40, 60)))

    assert ("b", "a") == (History([pair, pair]).older, History([pair, pair]).newer)


def on_trial(weight: int = 10) -> Revisions:
    """1.1.0 in slot b with some traffic."""
    release = Revisions()
    start(release, weight=weight)
    return release


def promoted() -> Revisions:
    """1.1.0 in slot b with all of it, 1.0.0 warm."""
    release = on_trial()
    release.do(plan.promote(release.history))
    return release


@pytest.mark.parametrize(
    ("release", "step", "told"),
    [
        (
            Revisions,
            lambda h: plan.start(h, "1.0.0", weight=0, mirror=0, serving=None),
            "answers with 1.0.0 already",
        ),
        (
            Revisions,
            lambda h: plan.start(h, "1.1.0", weight=100, mirror=0, serving=None),
            "100 is `upper-circuit rollout promote`",
        ),
        (
            Revisions,
            lambda h: plan.start(h, "1.1.0", weight=0, mirror=101, serving=None),
            "--mirror 101: 0 to 100",
        ),
        (
            lambda: Revisions(values(a="")),
            lambda h: plan.start(h, "1.1.0", weight=0, mirror=0, serving=None),
            "set slots.a.version first",
        ),
        (
            lambda: Revisions(values(has_route=False)),
            lambda h: plan.start(h, "1.1.0", weight=10, mirror=0, serving=None),
            "only a Gateway",
        ),
        (
            on_trial,
            lambda h: plan.start(h, "1.2.0", weight=0, mirror=0, serving=None),
            "1.1.0 is on trial in slot b already",
        ),
        (
            promoted,
            lambda h: plan.start(h, "1.2.0", weight=0, mirror=0, serving=None),
            "1.0.0 still stands warm in slot a",
        ),
        (Revisions, plan.promote, "nothing to promote: only slot a runs"),
        (promoted, plan.promote, "1.1.0 in slot b has all the traffic already"),
        (Revisions, plan.rollback, "only slot a runs, so there is nothing to go back to"),
        (Revisions, plan.abort, "nothing to abort"),
        (promoted, plan.abort, "1.1.0 in slot b was promoted; go back first"),
        (Revisions, plan.finish, "nothing to finish"),
        (on_trial, plan.finish, "slot b still gets 10 % of the traffic"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused_with_the_one_that_does(release, step, told):
    """In a sentence."""
    with pytest.raises(RolloutRefused, match=told):
        step(release().history)


def test_a_version_that_is_none_is_refused():
    """Before anything is planned."""
    with pytest.raises(BadInput, match="latest"):
        plan.start(Revisions().history, "latest", weight=0, mirror=0, serving=None)


@pytest.mark.parametrize("broken", [{}, {"slots": {}}, {**values(), "traffic": {"a": 90, "b": 20}}])
def test_values_of_another_chart_are_told(broken):
    """A release that happens to have the name."""
    with pytest.raises(BadInput, match=r"is it this chart\?|not 100 together"):
        State.of(broken)
