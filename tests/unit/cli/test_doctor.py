"""What a cluster has, as judgements: one test a finding, no cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cli.doctor.finding import Finding, Level, fail, has_failed, ok, read, table, unseen, warn
from cli.doctor.prerequisites import (
    ClusterFacts,
    GatewayApi,
    KServe,
    Namespace,
    Storage,
    findings,
    name_budget,
    numbers,
)

GOOD = ClusterFacts(
    release="upper-circuit",
    namespace_name="desk",
    kubernetes="v1.34.4",
    ready_nodes=2,
    kserve=KServe(is_there=True, version="v0.20.0", mode="Standard", is_running=True),
    gateway=GatewayApi("v1.4.0", ("envoy",)),
    storage=Storage({"shared": "nfs.csi.k8s.io"}, "shared"),
    namespace=Namespace(is_there=True, pod_security="restricted"),
    has_metrics=True,
    has_prometheus_operator=True,
    knows_zone=True,
)
KSERVE = GOOD.kserve
assert KSERVE


def of(subject: str, **changes: Any) -> list[Finding]:
    """What is found about a subject in a good cluster but for some facts."""
    return [each for each in findings(replace(GOOD, **changes)) if each.subject == subject]


class TestFindings:
    """As lines for people and for programs."""

    def test_a_table_says_how_bad_what_and_what_to_do(self) -> None:
        """Aligned, with the counts at the end."""
        lines = table([ok("name", "fits"), fail("storage", "none", "make one"), warn("x", "y", "z")])

        assert [
            "ok    name     fits",
            "FAIL  storage  none  -> make one",
            "warn  x        y  -> z",
            "1 ok, 1 warn, 1 FAIL",
        ] == lines

    def test_lines_of_json_are_read_back_among_other_lines(self) -> None:
        """A pod's log has more in it: warnings, a traceback, JSON of somebody else."""
        found = [ok("schema", "revision 0004"), fail("model", "1.0.0: golden rows", "promote another")]

        log = ["a warning", found[0].to_json(), '{"level": "ok"}', "17", found[1].to_json()]

        assert found == read(log)

    def test_only_fail_fails(self) -> None:
        """What was not seen passes nothing and stops nothing."""
        assert not has_failed([ok("a", "b"), unseen("nodes", "forbidden")])
        assert has_failed([fail("a", "b", "c")])


class TestCluster:
    """k8s/prerequisites.md."""

    def test_a_good_cluster_has_nothing_to_do(self) -> None:
        """Every subject once, all of them well."""
        assert {Level.OK} == {each.level for each in findings(GOOD)}
        assert len(findings(GOOD)) == 10

    def test_nothing_is_said_of_what_was_not_shown(self) -> None:
        """Who may not list nodes learns so elsewhere."""
        nothing = ClusterFacts(release="upper-circuit", namespace_name="desk", kubernetes="v1.33.0")

        assert ["kubernetes", "name"] == [each.subject for each in findings(nothing)]

    @pytest.mark.parametrize(
        ("subject", "changes", "expected"),
        [
            ("kubernetes", {"kubernetes": "v1.32.9"}, Level.FAIL),
            ("kubernetes", {"kubernetes": "unknown"}, Level.FAIL),
            ("kserve", {"kserve": KServe(is_there=False)}, Level.FAIL),
            ("kserve", {"kserve": replace(KSERVE, version="v0.19.2")}, Level.FAIL),
            ("kserve", {"kserve": replace(KSERVE, version="latest")}, Level.WARN),
            ("kserve mode", {"kserve": replace(KSERVE, mode="Knative")}, Level.WARN),
            ("kserve mode", {"kserve": replace(KSERVE, mode=None)}, Level.WARN),
            ("kserve mode", {"kserve": replace(KSERVE, mode="RawDeployment")}, Level.OK),
            ("gateway api", {"gateway": GatewayApi(None)}, Level.WARN),
            ("gateway api", {"gateway": GatewayApi("v1.2.1", ("envoy",))}, Level.WARN),
            ("gateway api", {"gateway": GatewayApi("v1.3.0", ("envoy",))}, Level.OK),
            ("gateway api", {"gateway": GatewayApi("v1.3.0")}, Level.WARN),
            ("storage", {"storage": Storage({})}, Level.WARN),
            ("storage", {"storage": Storage({"fast": "nfs.csi.k8s.io"})}, Level.WARN),
            ("storage", {"storage": Storage({"gp3": "ebs.csi.aws.com"}, "gp3")}, Level.WARN),
            ("namespace", {"namespace": Namespace(is_there=False)}, Level.WARN),
            ("pod security", {"namespace": Namespace(is_there=True, pod_security="baseline")}, Level.WARN),
            ("pod security", {"namespace": Namespace(is_there=True)}, Level.WARN),
            ("name", {"release": "u" * 45}, Level.FAIL),
            ("name", {"release": "u" * 44}, Level.OK),
            ("name", {"release": "u" * 44, "shards": 11}, Level.FAIL),
            ("name", {"release": "u" * 36, "namespace_name": "trading-desk1"}, Level.FAIL),
            ("name", {"release": "u" * 35, "namespace_name": "trading-desk1"}, Level.OK),
            ("name", {"release": "1-upper-circuit"}, Level.FAIL),
            ("time zone", {"knows_zone": False}, Level.FAIL),
            ("metrics", {"has_metrics": False}, Level.WARN),
            ("monitoring", {"has_prometheus_operator": False}, Level.OK),
        ],
    )  # fmt: skip
    def test_each_shortcoming_is_found(self, subject: str, changes: dict[str, Any], expected: Level) -> None:
        """With what to do about it, unless all is well."""
        (found,) = of(subject, **changes)

        assert (expected, expected != Level.OK) == (found.level, bool(found.todo))

    def test_a_cluster_without_a_node_that_takes_pods(self) -> None:
        """Its version is right all the same."""
        assert [Level.OK, Level.FAIL] == [each.level for each in of("kubernetes", ready_nodes=0)]

    def test_a_controller_that_does_not_run(self) -> None:
        """Nothing would ever come of an InferenceService."""
        found = of("kserve", kserve=replace(KSERVE, is_running=False))

        assert fail(
            "kserve",
            "no controller is ready: InferenceServices would wait for ever",
            "kubectl get pods -A -l control-plane=kserve-controller-manager",
        ) == found[-1]  # fmt: skip

    def test_what_to_do_is_a_command_or_a_value(self) -> None:
        """Ready to be copied, with the namespace."""
        found = of("pod security", namespace=Namespace(is_there=True))

        assert ["kubectl label namespace desk pod-security.kubernetes.io/enforce=restricted --overwrite"] == [
            each.todo for each in found
        ]

    def test_the_budget_is_that_of_the_chart(self) -> None:
        """A pod of a run by hand has 63 characters at most, and so has the label of a transformer's address."""
        assert [44, 44, 43] == [name_budget(shards, "desk") for shards in (1, 10, 100)]
        assert 63 == len("u" * name_budget(100, "desk") + "-batch-2025-12-17-99")
        assert 63 == len("u" * name_budget(4, "trading-desk1") + "-a-transformer-trading-desk1")

    @pytest.mark.parametrize(
        ("version", "read"),
        [("v1.34.4-gke.100", (1, 34)), ("0.20.0-rc1", (0, 20)), ("latest", None), ("", None)],
    )
    def test_versions_as_vendors_write_them(self, version: str, read: tuple[int, int] | None) -> None:
        """Major and minor, or nothing."""
        assert read == numbers(version)
