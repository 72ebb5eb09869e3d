"""Laws of a rollout: whatever is typed in whatever order, users are served."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cli.rollout import plan
from cli.rollout.plan import RolloutRefused
from tests.factories.rollouts import Revisions, values

VERSIONS = ("1.0.0", "1.1.0", "1.2.0")
STEPS = st.one_of(
    st.tuples(st.just("start"), st.sampled_from(VERSIONS), st.integers(0, 100), st.integers(0, 100)),
    st.tuples(st.just("shift"), st.just(""), st.integers(0, 100), st.integers(0, 100)),
    st.tuples(
        st.sampled_from(["promote", "rollback", "abort", "finish"]), st.just(""), st.just(0), st.just(0)
    ),
)


def take(release: Revisions, step: tuple[str, str, int, int]) -> bool:
    """Take a step; whether it was not refused."""
    name, version, weight, mirror = step
    history = release.history
    try:
        if name == "start":
            release.do(plan.start(history, version, weight=weight, mirror=mirror, serving="1.0.0"))
        elif name == "shift" and history.now.are_both_running:
            release.do(plan.shift(history, weight=weight, mirror=mirror))
        elif name != "shift":
            release.do(getattr(plan, name)(history))
    except RolloutRefused:
        return False
    return True


@given(st.lists(STEPS, max_size=12), st.booleans())
def test_every_revision_keeps_users_served_and_models_apart(steps, has_route):
    """No weight on a slot that is off, no version twice, no mirror of one slot, no split without a Gateway.

    Of every upgrade on the way, not only of its end.
    """
    release = Revisions(values(has_route=has_route))

    for step in steps:
        take(release, step)

    for state in map(type(release.now).of, release.values):
        for slot in ("a", "b"):
            assert state.slots[slot].enabled or state.weights[slot] == 0
        assert not state.are_both_running or state.slots["a"].version != state.slots["b"].version
        assert state.mirror == 0 or state.are_both_running
        assert has_route or state.weights["a"] in (0, 100)


@given(st.lists(STEPS, max_size=12))
def test_a_rollback_leads_to_the_version_that_was_there_first(steps):
    """From any point, in one step, unless it is there already."""
    release = Revisions()
    first = "1.0.0"
    for step in steps:
        was_alone = not release.now.are_both_running
        serving = release.now.slots[release.now.active].version
        take(release, step)
        first = serving if was_alone else first

    if release.now.are_both_running:
        take(release, ("rollback", "", 0, 0))

        assert (first, 100) == (
            release.now.slots[release.now.active].version,
            max(release.now.weights.values()),
        )
