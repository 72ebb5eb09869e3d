"""The commands that Helm is given, against a program that answers as Helm does."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.rollout.helm import Helm, HelmFailed, as_values
from tests.factories.helm import HelmStandIn
from tests.factories.rollouts import values


@pytest.fixture
def stand_in(tmp_path: Path) -> HelmStandIn:
    """One of the test's own."""
    return HelmStandIn(tmp_path)


def test_a_change_is_one_upgrade_that_takes_over_patched_fields_and_runs_no_hooks(stand_in):
    """And every command is said before it runs."""
    stand_in.release(values()).helm.upgrade(
        {"traffic.a": 90, "slots.b.enabled": True, "slots.b.version": "1.1.0"}, "rollout: a 1.0.0 90"
    )

    [asked] = stand_in.asked
    assert ["upgrade", "uc", str(stand_in.chart), "-n", "markets", "--kube-context", "kind"] == asked[:7]
    assert ["--reset-then-reuse-values", "--no-hooks", "--server-side=true", "--force-conflicts"] == asked[
        7:11
    ]
    assert [
        *("--description", "rollout: a 1.0.0 90"),
        *("--set", "traffic.a=90", "--set", "slots.b.enabled=true"),
        *("--set-string", "slots.b.version=1.1.0"),
    ] == asked[11:]
    assert stand_in.said[0].startswith(f"+ {stand_in.program} upgrade uc")


def test_the_history_is_read_back_to_where_the_pair_began(stand_in):
    """Revision 2 has no pair: nobody asks for revision 1."""
    pair = values(b="1.1.0")
    stand_in.release(values("0.9.0"), values(), pair, values(b="1.1.0", weights=(0, 100)))

    history = stand_in.helm.history(values(b="1.1.0", weights=(0, 100)))

    assert (3, "a") == (len(history.states), history.older)


def test_revisions_that_a_rollout_made_are_read_from_the_list_alone(stand_in):
    """A rollback must not ask Helm for the values of each of ten revisions first."""
    stand_in.release(values(), values(b="1.1.0"))
    for weight in (10, 50, 100):
        change = {"traffic.a": 100 - weight, "traffic.b": weight}
        stand_in.helm.upgrade(change, f"rollout: a 1.0.0 {100 - weight}, b 1.1.0 {weight}")

    history = stand_in.helm.history(values(b="1.1.0", weights=(0, 100)))

    read = [words[words.index("--revision") + 1] for words in stand_in.asked if "--revision" in words]
    assert ["2", "1"] == read
    assert (5, "a") == (len(history.states), history.older)


def test_what_helm_says_is_passed_on(stand_in):
    """A release that is not there."""
    with pytest.raises(HelmFailed, match="release: not found"):
        stand_in.helm.values()


def test_a_chart_of_another_version_is_refused(stand_in):
    """A rollout changes slots, and nothing that the next chart changes."""
    with pytest.raises(HelmFailed, match=r"made from uc-0\.9\.0, .* is uc-1\.0\.0"):
        stand_in.helm.require_chart(stand_in.release(values(), chart="uc-0.9.0").helm.history(values()).chart)


def test_a_chart_that_is_not_there_is_told(tmp_path):
    """With the option that names one."""
    with pytest.raises(HelmFailed, match="name it with --chart"):
        Helm("uc", "markets", tmp_path, say=lambda _: None).require_chart("uc-1.0.0")


def test_without_helm_it_is_said(tmp_path):
    """In the PATH or not at all."""
    with pytest.raises(HelmFailed, match="is not in the PATH"):
        Helm("uc", "markets", tmp_path, program="helm-that-is-not-there", say=lambda _: None).values()


def test_an_answer_that_is_no_json_is_told(tmp_path):
    """Another program of that name."""
    with pytest.raises(HelmFailed, match="answered no JSON"):
        Helm("uc", "markets", tmp_path, program="echo", say=lambda _: None).values()


def test_a_change_can_be_written_as_values():
    """For those who keep them in Git."""
    told = as_values({"traffic.a": 90, "traffic.b": 10, "slots.b.version": "1.1.0", "slots.b.enabled": True})

    assert "slots:\n  b:\n    enabled: true\n    version: 1.1.0\ntraffic:\n  a: 90\n  b: 10\n" == told
