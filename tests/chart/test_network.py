"""
Who reaches whom, computed from the NetworkPolicies and the pods themselves.

Policies add up, and one that selects nothing says so to nobody. Therefore the whole matrix is computed as Kubernetes
defines it and compared with the one that is meant.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart.rendering import FROM_S3, MINIMAL, Object, Pod, Release, ci, render, values

CLIENT = Pod("a client", {"namespace": "gateways"}, {})
PROMETHEUS = Pod("prometheus", {"namespace": "monitoring"}, {})
DNS = Pod("dns", {"namespace": "kube-system"}, {})
STRANGER = Pod("a stranger", {"namespace": "elsewhere"}, {})


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Kubernetes' label selector, as far as the chart uses it."""
    expressions = all(
        labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", [])
    )
    return expressions and selector.get("matchLabels", {}).items() <= labels.items()


def is_peer(peer: dict[str, Any], pod: Pod) -> bool:
    """Whether a peer of a policy is that pod; outsiders are named by their namespace."""
    namespace = pod.labels.get("namespace")
    if "ipBlock" in peer:
        return False
    if "namespaceSelector" in peer:
        return selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": namespace or "desk"})
    return namespace is None and selects(peer["podSelector"], dict(pod.labels))


def allowed(release: Release, source: Pod, target: Pod, port: int) -> bool:
    """Whether a connection is let out of its source and into its target."""
    policies = release.all("NetworkPolicy")
    return _passes(policies, source, target, port, "Egress") and _passes(
        policies, target, source, port, "Ingress"
    )


def _passes(policies: list[Object], pod: Pod, other: Pod, port: int, direction: str) -> bool:
    if "namespace" in pod.labels:
        return True  # the policies of another namespace are not ours
    mine = [
        each["spec"]
        for each in policies
        if direction in each["spec"]["policyTypes"] and selects(each["spec"]["podSelector"], dict(pod.labels))
    ]
    key, peers = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    return not mine or any(
        any(each["port"] == port for each in rule["ports"])
        and (peers not in rule or any(is_peer(peer, other) for peer in rule[peers]))
        for spec in mine
        for rule in spec.get(key, [])
    )


def reached(release: Release, port: int, outsiders: tuple[Pod, ...] = ()) -> set[tuple[str, str]]:
    """(from, to) of every pair of pods that may speak over a port."""
    pods = [*release.pods(), *outsiders]
    return {
        (source.name, target.name)
        for source in pods
        for target in pods
        if source is not target
        and "namespace" not in target.labels
        and allowed(release, source, target, port)
    }


def test_the_model_is_asked_by_its_own_slots_transformer_and_prometheus_alone():
    """And the API by whoever is named, the release's own test included."""
    release = render(ci("everything"))

    pairs = reached(release, 8080, (CLIENT, PROMETHEUS, STRANGER))

    assert {
        ("desk-a-transformer", "desk-a-predictor"),
        ("desk-b-transformer", "desk-b-predictor"),
        ("prometheus", "desk-a-predictor"),
        ("prometheus", "desk-b-predictor"),
        *(
            (source, f"desk-{slot}-transformer")
            for source in ("a client", "prometheus", "desk-test")
            for slot in "ab"
        ),
    } == pairs


def test_unless_clients_are_named_every_pod_of_the_cluster_may_ask_the_api():
    """The predictors stay closed."""
    pairs = reached(render(MINIMAL), 8080, (STRANGER,))

    assert ("a stranger", "upper-circuit-a-transformer") in pairs
    assert {"upper-circuit-a-transformer"} == {
        source for source, target in pairs if target == "upper-circuit-a-predictor"
    }


def test_the_demos_database_is_reached_by_who_needs_it():
    """The predictor does not: it knows features and no market."""
    pairs = reached(render(ci("development")), 5432, (STRANGER,))

    [bootstrap] = [source for source, _ in pairs if "bootstrap" in source]
    speakers = {
        bootstrap,
        *(f"upper-circuit-{each}" for each in ("a-transformer", "batch", "sweeper", "tools", "test")),
    }
    assert {(each, "upper-circuit-database") for each in speakers} == pairs


@pytest.mark.parametrize("name", ["a-transformer", "batch", "sweeper", "ingest", "tools", "test", "migrate"])
def test_a_database_elsewhere_is_reached_at_its_port(name):
    """Egress to an address, which no selector can name."""
    release = render(values({"ingest": {"enabled": True}}))
    pod = release.pod(f"upper-circuit-{name}")
    elsewhere = Pod("postgresql", {"namespace": "databases"}, {})

    assert allowed(release, pod, elsewhere, 5432)
    assert not allowed(release, pod, elsewhere, 443)


def test_a_predictor_reaches_nobody():
    """Not even names: its model lies on a disk, and whoever breaks into it stays there."""
    release = render(ci("everything"))
    pod = release.pod("desk-a-predictor")

    ports = {port for port in (53, 80, 443, 5432, 6432, 8080) if allowed(release, pod, STRANGER, port)}

    assert set() == ports


def test_predictors_that_fetch_their_model_reach_what_is_named_and_names():
    """And still nothing else, and nobody but they."""
    release = render(values(FROM_S3))
    pod = release.pod("upper-circuit-a-predictor")

    assert {443} == {port for port in (53, 80, 443, 5432, 8080) if allowed(release, pod, STRANGER, port)}
    assert {53, 443} == {port for port in (53, 80, 443, 5432) if allowed(release, pod, DNS, port)}
    assert ["upper-circuit-a-predictor"] == [
        each.name for each in release.pods() if allowed(release, each, STRANGER, 443)
    ]


def test_no_pod_is_left_without_a_policy():
    """Whatever the chart brings next is closed until somebody opens it."""
    release = render(ci("development"))

    open_ones = [
        pod.name for pod in release.pods() for target in (STRANGER,) if allowed(release, pod, target, 22)
    ]

    assert [] == open_ones


def test_policies_can_be_left_out():
    """For clusters whose own policies say it all."""
    assert [] == render(values({"networkPolicy": {"enabled": False}})).all("NetworkPolicy")
