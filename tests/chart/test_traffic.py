"""
How requests find a slot, and which never get in.

A Gateway takes a wrong rule without complaint: it answers 500 for a share of the requests, or opens a door that nobody
meant to open.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.chart.rendering import CANARY, CHART, Release, ci, render, values

ROUTED = {"route": {"enabled": True, "parentRefs": [{"name": "public"}]}}


def weighted(release: Release, name: str = "upper-circuit") -> dict[str, Any]:
    """The rule of the route that splits: the first, which asks for no header."""
    rule: dict[str, Any] = release.one("HTTPRoute", name)["spec"]["rules"][0]
    return rule


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

    @pytest.mark.parametrize("given", [ROUTED, CANARY], ids=["one slot", "two slots"])
    def test_the_rule_for_everybody_is_the_first_one_whatever_runs(self, given):
        """A Gateway names a rule's clusters by its place: one that moves loses requests while the proxy follows."""
        rules = render(values(given)).one("HTTPRoute", "upper-circuit")["spec"]["rules"]

        assert [0] == [at for at, rule in enumerate(rules) if "headers" not in rule["matches"][0]]

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
    INSIDE = ("/api/v1/models/", "/api/v1/rollout", "/api/v1/comparison", "/api/v1/drift", "/metrics")
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
