"""
Two slots, a weight between them, and nothing restarted that need not be.

A promotion is a change of a number in a route. Whatever else changed with it would restart pods in the middle of it.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.chart.rendering import CANARY, CHART, MINIMAL, Release, ci, render, values

ROUTED = {"route": {"enabled": True, "parentRefs": [{"name": "public"}]}}


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


def weighted(release: Release, name: str = "upper-circuit") -> dict[str, Any]:
    """The rule of the route that splits: the last, since it asks for no header."""
    rule: dict[str, Any] = release.one("HTTPRoute", name)["spec"]["rules"][-1]
    return rule


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


class TestTraffic:
    """Weights, the mirror, the header, and the one name in the cluster."""

    @pytest.mark.parametrize(("a", "b"), [(100, 0), (90, 10), (0, 100)])
    def test_requests_are_split_by_weight(self, a, b):
        """Both slots stand in the route, also with 0, so that only numbers change later."""
        rule = weighted(render(values(CANARY, {"traffic": {"a": a, "b": b}})))

        assert [("upper-circuit-a-transformer", a), ("upper-circuit-b-transformer", b)] == [
            (each["name"], each["weight"]) for each in rule["backendRefs"]
        ]

    @pytest.mark.parametrize(("a", "b", "mirrored"), [(100, 0, "b"), (90, 10, "b"), (0, 100, "a")])
    def test_the_lighter_slot_gets_the_copies(self, a, b, mirrored):
        """The heavier one has the requests themselves."""
        rule = weighted(render(values(CANARY, {"traffic": {"a": a, "b": b, "mirror": 30}})))

        [mirror] = [each["requestMirror"] for each in rule["filters"]]
        assert (f"upper-circuit-{mirrored}-transformer", 30) == (
            mirror["backendRef"]["name"],
            mirror["percent"],
        )

    def test_a_person_may_choose_a_slot_by_header(self):
        """Before the weights are asked; the header wins because a rule with a header is the more exact one."""
        rules = render(values(CANARY)).one("HTTPRoute", "upper-circuit")["spec"]["rules"]
        chosen = {
            rule["matches"][0]["headers"][0]["value"]: rule["backendRefs"][0]["name"]
            for rule in rules
            if "headers" in rule["matches"][0]
        }

        assert {"a": "upper-circuit-a-transformer", "b": "upper-circuit-b-transformer"} == chosen

    @pytest.mark.parametrize(
        ("a", "b", "active"), [(100, 0, "a"), (51, 49, "a"), (50, 50, "a"), (49, 51, "b"), (0, 100, "b")]
    )
    def test_the_name_in_the_cluster_is_the_heavier_slot(self, a, b, active):
        """Where there is no Gateway this is the switch; a tie stays with a."""
        service = render(values(CANARY, {"traffic": {"a": a, "b": b}})).one("Service", "upper-circuit")

        assert {"app": f"isvc.upper-circuit-{active}-transformer"} == service["spec"]["selector"]

    def test_a_slot_that_is_off_does_not_stand_in_the_route(self):
        """A Gateway answers 500 for the share of a backend that is not there."""
        rule = weighted(render(values(ROUTED)))

        assert ["upper-circuit-a-transformer"] == [each["name"] for each in rule["backendRefs"]]

    @pytest.mark.parametrize("name", ["production", "everything"])
    def test_a_route_stays_within_what_the_gateway_api_takes(self, name):
        """16 rules, 64 matches a rule, 128 in all."""
        [route] = render(ci(name)).all("HTTPRoute")
        matches = [len(rule["matches"]) for rule in route["spec"]["rules"]]

        assert len(matches) <= 16
        assert max(matches) <= 64
        assert sum(matches) <= 128


class TestWhatIsReachedFromOutside:
    """Only what the route names."""

    ADMIN = (
        "/api/v1/models/reload",
        "/v2/repository/models/upper-circuit/load",
        "/metrics",
        "/api/v1/rollout/steps",
    )
    INSIDE = ("/api/v1/models/", "/api/v1/rollout/", "/api/v1/comparison", "/api/v1/drift", "/metrics")
    PUBLIC = (
        "/api/v1/predict",
        "/api/v1/batch_predict",
        "/api/v1/predictions",
        "/api/v1/stocks/500001/why",
        "/api/v1/models",
        "/api/v1/runs/2025-12-17/report",
        "/api/v1/health",
        "/v2/health/ready",
        "/v2/models/upper-circuit/infer",
        "/docs",
        "/openapi.json",
    )

    @staticmethod
    def is_routed(rule: dict[str, Any], path: str) -> bool:
        """As a Gateway decides it."""
        return any(
            path == match["path"]["value"]
            or (match["path"]["type"] == "PathPrefix" and path.startswith(match["path"]["value"] + "/"))
            for match in rule["matches"]
        )

    @pytest.mark.parametrize("path", ADMIN)
    def test_admin_routes_are_not(self, path):
        """They ask for a token; that nobody may try tokens from outside is better."""
        assert not self.is_routed(weighted(render(values(ROUTED))), path)

    @pytest.mark.parametrize("path", PUBLIC)
    def test_what_users_ask_is(self, path):
        """Through the transformer, always."""
        assert self.is_routed(weighted(render(values(ROUTED))), path)

    def test_everything_users_may_ask_is_routed(self):
        """A new route of the API is decided upon here: for users, or for who runs the product."""
        openapi = (CHART.parents[1] / "docs" / "api" / "openapi.yaml").read_text(encoding="utf-8")
        described = yaml.safe_load(openapi)["paths"]
        rule = weighted(render(values(ROUTED)))

        missing = {path for path in described if not self.is_routed(rule, path)}

        assert {path for path in described if path.startswith(self.INSIDE)} == missing

    def test_admin_routes_are_reached_where_that_is_wished(self):
        """By value; the token is asked for all the same."""
        rule = weighted(render(values(ROUTED, {"route": {"admin": True}})))

        assert self.is_routed(rule, "/api/v1/models/reload")
