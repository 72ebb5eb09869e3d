"""
Two equal slots, and nothing restarted that need not be.

A promotion is a change of a number in a route. Whatever else changed with it would restart pods in the middle of it.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.chart.rendering import CANARY, CHART, MINIMAL, Release, render, values


def pods_of(release: Release) -> dict[str, str]:
    """What a Deployment's pods are made from, by name: another text is another set of pods."""
    return {
        pod.name: json.dumps([sorted(pod.labels.items()), pod.spec], sort_keys=True)
        for pod in release.pods()
        if "serving.kserve.io/inferenceservice" in pod.labels
        or pod.labels["app.kubernetes.io/component"] == "database"
    }


def rolled(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Names of Deployments whose pods an upgrade replaces."""
    old, new = pods_of(render(before)), pods_of(render(after))
    return {name for name in old.keys() & new.keys() if old[name] != new[name]}


class TestAnUpgradeRollsNoMoreThanItMust:
    """By what the pods of each Deployment are made from, before and after."""

    @pytest.mark.parametrize(
        "change",
        [
            {"batch": {"shards": 8}},
            {"traffic": {"a": 0, "b": 100}},
            {"traffic": {"a": 90, "b": 10, "mirror": 50}},
            {"route": {"retries": {"by": "envoy"}}},
            {"transformer": {"autoscaling": {"minReplicas": 4}}},
            {"networkPolicy": {"enabled": False}},
            {"monitoring": {"podMonitor": {"enabled": True}, "rules": {"enabled": True}}},
            {"ingest": {"enabled": True}},
            {"judge": {"errorRate": 0.005}},
            {"tools": {"image": {"tag": "1.0.1"}}},
            {"batch": {"image": {"tag": "1.0.1"}}},
        ],
        ids=json.dumps,
    )
    def test_values_of_something_else_restart_nothing(self, change):
        """A weight, a policy, the morning run: none of them is the servers' business."""
        assert set() == rolled(values(CANARY), values(CANARY, change))

    def test_a_new_chart_restarts_nothing(self, tmp_path):
        """Labels with the chart's version are on our objects and not on what KServe copies to pods."""
        newer = tmp_path / "upper-circuit"
        newer.mkdir()
        for path in CHART.iterdir():
            (newer / path.name).symlink_to(path)
        (newer / "Chart.yaml").unlink()
        text = (CHART / "Chart.yaml").read_text(encoding="utf-8")
        (newer / "Chart.yaml").write_text(
            text.replace("version: 1.0.0", "version: 1.0.9", 1), encoding="utf-8"
        )

        assert pods_of(render(values(CANARY))) == pods_of(render(values(CANARY), chart=newer))

    @pytest.mark.parametrize("part", ["transformer", "predictor"])
    def test_an_image_rolls_its_own_part(self, part):
        """In both slots, and nothing of the other part."""
        change = {part: {"image": {"tag": "1.0.1"}}}

        assert {f"upper-circuit-a-{part}", f"upper-circuit-b-{part}"} == rolled(
            values(CANARY), values(CANARY, change)
        )

    def test_another_version_rolls_the_predictors_of_its_slot_alone(self):
        """The transformer asks whoever answers which version it is."""
        change = {"slots": {"b": {"version": "1.2.0"}}}

        assert {"upper-circuit-b-predictor"} == rolled(values(CANARY), values(CANARY, change))

    def test_an_image_of_a_slot_rolls_that_slot_alone(self):
        """Feature code is canaried together with its model."""
        change = {"slots": {"b": {"image": {"transformer": "registry.example/transformer:2.0.0"}}}}

        assert {"upper-circuit-b-transformer"} == rolled(values(CANARY), values(CANARY, change))

    def test_the_metadata_of_an_inference_service_never_change(self):
        """KServe copies them to all pods: a version among them would roll both parts at every upgrade."""
        [plain] = render(MINIMAL).all("InferenceService")
        [full] = render(values({"image": {"tag": "9.9.9"}, "slots": {"a": {"version": "3.0.0"}}})).all(
            "InferenceService"
        )

        assert plain["metadata"] == full["metadata"]


class TestEachSlot:
    """An InferenceService with its own runtime, equal to the other one."""

    def test_slots_differ_in_name_and_version_only(self):
        """Whatever one can do the other can, or a promotion would change more than the model."""
        release = render(values(CANARY))
        a = json.dumps(
            [release.one(kind, "upper-circuit-a") for kind in ("InferenceService", "ServingRuntime")]
        )
        b = json.dumps(
            [release.one(kind, "upper-circuit-b") for kind in ("InferenceService", "ServingRuntime")]
        )

        as_b = (
            a.replace("upper-circuit-a", "upper-circuit-b")
            .replace("1.0.0", "1.1.0")
            .replace('slot": "a"', 'slot": "b"')
        )

        assert json.loads(b.replace("1.0.0", "1.1.0")) == json.loads(as_b)

    def test_a_transformer_asks_the_predictors_of_its_own_slot(self):
        """Through a Service without an address, so that every replica is asked."""
        release = render(values(CANARY))
        asked = {
            slot: release.pod(f"upper-circuit-{slot}-transformer").env()["PREDICTOR_HOST"] for slot in "ab"
        }
        services = {slot: release.one("Service", f"upper-circuit-{slot}-predictors")["spec"] for slot in "ab"}

        assert {slot: f"upper-circuit-{slot}-predictors:8080" for slot in "ab"} == asked
        assert {"None"} == {each["clusterIP"] for each in services.values()}
        assert [{"app": f"isvc.upper-circuit-{slot}-predictor"} for slot in "ab"] == [
            services[slot]["selector"] for slot in "ab"
        ]

    def test_a_named_version_is_served_or_none(self):
        """A canary that falls back to the old model would be judged by the old model's answers."""
        env = render(values(CANARY)).pod("upper-circuit-b-predictor").env()

        assert ("1.1.0", "true") == (env["PREFERRED_MODEL_VERSION"], env["MODEL_STRICT"])

    def test_without_a_name_the_promoted_one_answers(self):
        """And an older one where that is damaged: better than none, and loud."""
        env = render(MINIMAL).pod("upper-circuit-a-predictor").env()

        assert ("latest", "false") == (env["PREFERRED_MODEL_VERSION"], env["MODEL_STRICT"])

    def test_kserve_neither_scales_nor_routes_them(self):
        """Its autoscaler cannot be tuned, and its routes would go past the transformer."""
        [service] = render(MINIMAL).all("InferenceService")

        assert {
            "serving.kserve.io/deploymentMode": "Standard",
            "serving.kserve.io/autoscalerClass": "external",
        } == service["metadata"]["annotations"]
        assert "cluster-local" == service["metadata"]["labels"]["networking.kserve.io/visibility"]

    @pytest.mark.parametrize("part", ["transformer", "predictor"])
    def test_a_new_pod_is_there_before_an_old_one_goes(self, part):
        """And the old one takes requests until every proxy has heard of it."""
        [service] = render(MINIMAL).all("InferenceService")
        pod = render(MINIMAL).pod(f"upper-circuit-a-{part}")
        [container] = pod.spec["containers"]

        assert {"maxSurge": 1, "maxUnavailable": 0} == service["spec"][part]["deploymentStrategy"][
            "rollingUpdate"
        ]
        assert {"sleep": {"seconds": 8}} == container["lifecycle"]["preStop"]
        assert pod.spec["terminationGracePeriodSeconds"] > 8

    @pytest.mark.parametrize(("least", "budgets"), [(1, 0), (2, 2)])
    def test_a_budget_for_drains_needs_a_second_pod(self, least, budgets):
        """With one pod it would only keep the node from being drained."""
        scaling = {"autoscaling": {"minReplicas": least}}

        release = render(values({"transformer": scaling, "predictor": scaling}))

        assert budgets == len(release.all("PodDisruptionBudget"))

    def test_every_deployment_that_kserve_makes_has_an_autoscaler(self):
        """Also one of a fixed size: KServe leaves the number of pods to it."""
        release = render(
            values(CANARY, {"transformer": {"autoscaling": {"minReplicas": 2, "maxReplicas": 2}}})
        )
        targets = {each["spec"]["scaleTargetRef"]["name"] for each in release.all("HorizontalPodAutoscaler")}

        assert {
            f"upper-circuit-{slot}-{part}" for slot in "ab" for part in ("transformer", "predictor")
        } == targets

    def test_no_object_of_ours_has_a_name_that_kserve_gives(self):
        """KServe 0.20 writes its own autoscaler over one that is called like the Deployment, whoever made it."""
        release = render(values(CANARY))
        names = {(each["kind"], each["metadata"]["name"]) for each in release.objects}
        kserves = {
            (kind, name)
            for kind in (
                "Deployment",
                "Service",
                "HorizontalPodAutoscaler",
                "PodDisruptionBudget",
                "HTTPRoute",
                "Ingress",
            )
            for slot in "ab"
            for name in (
                f"upper-circuit-{slot}",
                *(f"upper-circuit-{slot}-{part}" for part in ("transformer", "predictor")),
            )
        }

        assert set() == names & kserves
