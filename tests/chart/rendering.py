"""
The chart as Helm renders it, as data.

Text would make tests of spaces and order. Each set of values is rendered once a session, by a real Helm: what its
templates or its schema say is what a user gets.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parents[2] / "charts" / "upper-circuit"
CI = {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*-values.yaml"))}
RELEASE, NAMESPACE = "upper-circuit", "desk"
MINIMAL = {"database": {"existingSecret": "desk-database"}}
CANARY = {
    "slots": {"a": {"version": "1.0.0"}, "b": {"enabled": True, "version": "1.1.0"}},
    "route": {"enabled": True, "parentRefs": [{"name": "public"}]},
}
"""Both slots running, behind a Gateway."""
FROM_S3 = {
    "slots": {"a": {"version": "1.0.0"}},
    "registry": {"storageUri": "s3://models/registry"},
    "networkPolicy": {"egress": {"predictor": [{"ports": [{"protocol": "TCP", "port": 443}]}]}},
}
"""Predictors whose models KServe fetches."""

Object = dict[str, Any]


class Refused(Exception):
    """Helm did not render; the text is what it says to the user."""


@dataclass(frozen=True)
class Release:
    """Everything a release brings, hooks and tests too."""

    objects: tuple[Object, ...]

    def all(self, kind: str) -> list[Object]:
        """Objects of a kind, in Helm's order."""
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind: str, name: str) -> Object:
        """The object of a kind and name; the test fails without it."""
        [found] = [each for each in self.all(kind) if each["metadata"]["name"] == name]
        return found

    def names(self, kind: str) -> list[str]:
        """Names of the objects of a kind."""
        return sorted(each["metadata"]["name"] for each in self.all(kind))

    def pods(self) -> Iterator[Pod]:
        """The template of every pod there will be, those that KServe makes too."""
        for each in self.objects:
            yield from _pods(each, self)

    def pod(self, name: str) -> Pod:
        """The pod of an object of that name (of an InferenceService: with `-transformer` or `-predictor`)."""
        [found] = [each for each in self.pods() if each.name == name]
        return found


@dataclass(frozen=True)
class Pod:
    """A pod template: of whom, its labels, its spec."""

    name: str
    labels: Mapping[str, str]
    spec: Object

    @property
    def containers(self) -> list[Object]:
        """All of them, init containers first."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def env(self) -> dict[str, Any]:
        """Environment of its main container: text, or where the text comes from."""
        return {
            each["name"]: each.get("value", each.get("valueFrom"))
            for each in self.spec["containers"][0]["env"]
        }


def helm() -> str:
    """A Helm to render with; the test is skipped without one."""
    found = os.environ.get("HELM") or shutil.which("helm")
    if not found:
        pytest.skip("needs helm (4.x) in the PATH, or HELM=<file>")
    return found


def values(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Values laid over the minimal ones, as Helm merges them."""
    merged: dict[str, Any] = deepcopy(MINIMAL)
    for layer in layers:
        _merge(merged, layer)
    return merged


def ci(name: str) -> dict[str, Any]:
    """The values of ci/NAME-values.yaml."""
    found: dict[str, Any] = yaml.safe_load(CI[name].read_text(encoding="utf-8"))
    return found


def render(
    given: Mapping[str, Any],
    *,
    kubernetes: str = "1.34.0",
    chart: Path = CHART,
    release: str = RELEASE,
    namespace: str = NAMESPACE,
) -> Release:
    """What a release with these values is; raises Refused."""
    return _render(json.dumps(given, sort_keys=True), kubernetes, chart, release, namespace)


@cache
def _render(given: str, kubernetes: str, chart: Path, release: str, namespace: str) -> Release:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(given)
        file.flush()
        where = ("--namespace", namespace, "--kube-version", kubernetes, "--values", file.name)
        text = run_helm("template", release, str(chart), *where)
    return Release(tuple(each for each in yaml.safe_load_all(text) if each))


def run_helm(*command: str) -> str:
    """What Helm prints; raises Refused."""
    done = subprocess.run([helm(), *command], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


def _merge(into: dict[str, Any], layer: Mapping[str, Any]) -> None:
    for key, value in layer.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = deepcopy(value)


def _pods(each: Object, release: Release) -> Iterator[Pod]:
    kind, name = each["kind"], each["metadata"]["name"]
    if kind == "Pod":
        yield Pod(name, each["metadata"]["labels"], each["spec"])
    elif kind in ("Deployment", "Job"):
        template = each["spec"]["template"]
        yield Pod(name, template["metadata"]["labels"], template["spec"])
    elif kind == "CronJob":
        template = each["spec"]["jobTemplate"]["spec"]["template"]
        yield Pod(name, template["metadata"]["labels"], template["spec"])
    elif kind == "InferenceService":
        yield _kserve_pod(each, "transformer", each["spec"]["transformer"]["containers"], [])
        model = each["spec"]["predictor"]["model"]
        runtime = release.one("ServingRuntime", model["runtime"])["spec"]
        [container] = runtime["containers"]
        container = {**container, "env": [*container["env"], *model["env"]], "resources": model["resources"]}
        yield _kserve_pod(each, "predictor", [container], runtime["volumes"])


def _kserve_pod(each: Object, component: str, containers: list[Object], volumes: list[Object]) -> Pod:
    """As KServe puts it together: labels of the service, of the component, and its own."""
    part = each["spec"][component]
    name = f"{each['metadata']['name']}-{component}"
    own = {
        "app": f"isvc.{name}",
        "component": component,
        "serving.kserve.io/inferenceservice": each["metadata"]["name"],
    }
    spec = {key: value for key, value in part.items() if key not in ("labels", "deploymentStrategy", "model")}
    spec["containers"] = containers
    spec["volumes"] = [*part.get("volumes", []), *volumes]
    return Pod(name, {**each["metadata"]["labels"], **part["labels"], **own}, spec)
