"""A cluster in memory: objects, pods and what their programs answer, as far as a rollout looks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cli.api import Answer
from cli.cluster import Cluster, ClusterRefused

Pod = dict[str, Any]


def pod(name: str, *, ready: bool = True, phase: str = "Running", containers: Any = ()) -> Pod:
    """As the API server tells it."""
    status = {
        "phase": phase,
        "conditions": [{"type": "Ready", "status": str(ready)}],
        "containerStatuses": containers,
    }
    return {"metadata": {"name": name}, "status": status}


def inference_service(*, ready: bool = True, **metadata: Any) -> dict[str, Any]:
    """As KServe leaves it."""
    return {"metadata": metadata, "status": {"conditions": [{"type": "Ready", "status": str(ready)}]}}


def http_route(a: int, b: int | None = None, *, mirror: int = 0, **metadata: Any) -> dict[str, Any]:
    """As the chart makes it: the rule for everybody first, then one by header."""
    backends = [{"name": "upper-circuit-a-transformer", "weight": a}]
    backends += [] if b is None else [{"name": "upper-circuit-b-transformer", "weight": b}]
    copies = [{"type": "RequestMirror", "requestMirror": {"percent": mirror}}] if mirror else []
    by_header = {
        "matches": [{"headers": [{"name": "X-Model-Variant", "value": "b"}]}],
        "backendRefs": backends[-1:],
    }
    everybody = {"matches": [{"path": {}}], "filters": copies, "backendRefs": backends}
    return {"metadata": metadata, "spec": {"rules": [everybody, by_header]}}


@dataclass(frozen=True)
class ClusterInMemory(Cluster):
    """A release called upper-circuit; `answers` by path, or by pod and path."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By name: inferenceservices and the HTTPRoute."""
    standing: dict[str, list[Pod]] = field(default_factory=dict)
    """By what their label `app` ends in: `a-transformer`."""
    answers: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    sent: list[tuple[str, str, Any, dict[str, str]]] = field(default_factory=list)

    @classmethod
    def empty(cls) -> ClusterInMemory:
        """With nothing in it."""
        return cls(None, "markets", "upper-circuit")

    def with_slot(self, slot: str, *, ready: bool = True, **answers: Any) -> ClusterInMemory:
        """A slot that runs, with a pod of each part."""
        self.objects[f"upper-circuit-{slot}"] = inference_service(ready=ready)
        for part in ("transformer", "predictor"):
            self.standing[f"{slot}-{part}"] = [pod(f"{slot}-{part}-0", ready=ready)]
        self.answers.update(answers)
        return self

    def custom(self, group: str, version: str, plural: str, name: str) -> dict[str, Any] | None:  # noqa: ARG002
        """By name alone: the route has the release's, slots have their own."""
        if plural == "httproutes":
            return self.objects.get("route")
        return self.objects.get(name)

    def pods(self, selector: str) -> list[Pod]:
        """By the end of the label."""
        return self.standing.get(selector.removeprefix("app=isvc.upper-circuit-"), [])

    def secret(self, name: str, key: str) -> str:
        """By name and key."""
        try:
            return self.secrets[f"{name}/{key}"]
        except KeyError:
            raise ClusterRefused(f"Secret {name} in namespace {self.namespace}: is not there") from None

    def ask(self, path: str) -> Answer:
        """Any transformer."""
        return self._answer(path, path)

    def send(
        self,
        pod: str,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One pod: its own answer, else everybody's."""
        if method == "POST":
            self.sent.append((pod, path, json.loads(body or b"null"), headers or {}))
        return self._answer(f"{pod}{path}", path)

    def _answer(self, *keys: str) -> Answer:
        for key in keys:
            if key in self.answers:
                found = self.answers[key]
                found = found() if isinstance(found, Callable) else found  # type: ignore[arg-type]
                if isinstance(found, Answer):
                    return found
                return Answer(200, found if isinstance(found, bytes) else json.dumps(found).encode())
        raise ClusterRefused(f"nobody answers {keys[0]}")
