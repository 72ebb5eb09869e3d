"""What objects of a cluster say of slots, weights and writers."""

from __future__ import annotations

import pytest

from cli.rollout import gitops, slots
from cli.rollout.state import State
from tests.factories.clusters import http_route
from tests.factories.rollouts import values

NAME = "upper-circuit"


def test_weights_are_those_of_the_rule_for_everybody():
    """A slot that is not named gets none."""
    assert ({"a": 90, "b": 10}, 5) == slots.weights(http_route(90, 10, mirror=5), NAME)
    assert ({"a": 100, "b": 0}, 0) == slots.weights(http_route(100), NAME)


def test_a_patched_weight_is_told():
    """With both truths."""
    state = State.of(values(b="1.1.0", weights=(90, 10)))

    told = slots.drift(state, http_route(100, 0), NAME)

    assert "the route sends 100 to a and 0 to b (mirror 0), the values say 90 and 10 (mirror 0)" in (
        told or ""
    )
    assert slots.drift(state, http_route(90, 10), NAME) is None


def test_a_route_that_is_gone_is_told():
    """Only where the values have one."""
    assert "the cluster has none" in (slots.drift(State.of(values()), None, NAME) or "")
    assert slots.drift(State.of(values(has_route=False)), None, NAME) is None


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        ({"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}]}, True),
        ({"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}, True),
        ({"conditions": [{"type": "Ready", "status": "False"}]}, False),
        ({}, False),
    ],
    ids=["ready", "its Deployment's generation", "not ready", "no status yet"],
)
def test_kserves_condition_says_whether_a_slot_is_ready(status, ready):
    """Its observedGeneration is that of a Deployment and says nothing of the InferenceService."""
    assert ready is slots.is_ready({"metadata": {"generation": 2}, "status": status})


@pytest.mark.parametrize(
    ("metadata", "writer"),
    [
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, None),
        ({}, None),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "uc:serving/x"}}, "Argo CD (uc:serving/x)"),
        ({"labels": {"argocd.argoproj.io/instance": "uc"}}, "Argo CD (uc)"),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "uc"}}, "Flux (uc)"),
        ({"labels": {"app.kubernetes.io/managed-by": "Terraform"}}, "Terraform"),
    ],
)
def test_another_writer_of_the_values_is_recognised(metadata, writer):
    """By what it leaves on the objects."""
    assert writer == gitops.writer([{}, metadata])
