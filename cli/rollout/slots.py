"""
How both slots are, as the cluster has them: what answers, with which weight, and why one does not.

The values say what should be. Between them and the truth lie controllers, pods that cannot load their model and people
with kubectl, so nothing here is taken from the values.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cli.cluster import Cluster, ClusterRefused
from cli.jobs import why_waiting
from cli.rollout.state import SLOTS, Slot, SlotState, State
from upper_circuit.errors import BadInput, UpperCircuitError
from upper_circuit.models.version import ModelVersion

_LOOK_AGAIN = 1.0
_READY_PATH = "/v2/models/upper-circuit/ready"


class NotReady(UpperCircuitError):
    """A slot did not begin to answer; the text says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """Transformer or predictor of a slot."""

    name: str
    pods: int
    ready: int
    why: tuple[str, ...]
    """Why pods are not ready, in the words of Kubernetes and of the programs themselves."""

    def __str__(self) -> str:
        reasons = f": {'; '.join(self.why)}" if self.why else ""
        return f"{self.name} {self.ready}/{self.pods} ready{reasons}"


@dataclass(frozen=True, slots=True)
class SlotSeen:
    """One slot as it is."""

    slot: Slot
    is_ready: bool
    """What KServe says of the InferenceService."""
    parts: tuple[Part, ...]


def seen(cluster: Cluster, slot: Slot) -> SlotSeen | None:
    """A slot as it is; None where it does not run."""
    service = inference_service(cluster, slot)
    if service is None:
        return None
    parts = tuple(_part(cluster, slot, name) for name in ("transformer", "predictor"))
    return SlotSeen(slot, is_ready(service), parts)


def inference_service(cluster: Cluster, slot: Slot) -> dict[str, Any] | None:
    """The InferenceService of a slot, if there is one."""
    return cluster.custom("serving.kserve.io", "v1beta1", "inferenceservices", f"{cluster.name}-{slot}")


def route(cluster: Cluster) -> dict[str, Any] | None:
    """The HTTPRoute, if there is one."""
    return cluster.custom("gateway.networking.k8s.io", "v1", "httproutes", cluster.name)


def is_ready(service: Mapping[str, Any]) -> bool:
    """Whether KServe calls an InferenceService ready.

    Its observedGeneration is no help: in Standard mode KServe writes there that of the transformer's Deployment, so
    after a change it never meets the InferenceService's own, and `kubectl wait` on one waits for ever.
    """
    conditions = (service.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def weights(found: Mapping[str, Any], name: str) -> tuple[dict[Slot, int], int]:
    """Weights and mirror of an HTTPRoute: of its rule without headers, where everybody's requests go."""
    for rule in found["spec"].get("rules") or ():
        if any(match.get("headers") for match in rule.get("matches") or ()):
            continue
        backends = {each["name"]: int(each.get("weight", 1)) for each in rule.get("backendRefs") or ()}
        mirrors = [
            int(each["requestMirror"].get("percent", 100))
            for each in rule.get("filters") or ()
            if each["type"] == "RequestMirror"
        ]
        return {slot: backends.get(f"{name}-{slot}-transformer", 0) for slot in SLOTS}, sum(mirrors)
    return dict.fromkeys(SLOTS, 0), 0


def observed(cluster: Cluster) -> State:
    """Slots and weights as the cluster has them, where no Helm release has values: Argo CD renders and keeps none.

    Raises BadInput where two slots run and no route says who gets what.
    """
    found = {slot: inference_service(cluster, slot) for slot in SLOTS}
    there = route(cluster)
    running = [slot for slot in SLOTS if found[slot] is not None]
    if there is not None:
        shares, mirror = weights(there, cluster.name)
    elif len(running) == 1:
        shares, mirror = {slot: 100 if slot in running else 0 for slot in SLOTS}, 0
    else:
        raise BadInput(
            f"{len(running)} slots of {cluster.name} run in namespace {cluster.namespace} and there is no HTTPRoute: "
            "which one has the traffic cannot be told; is --release or --namespace another?"
        )
    states = {slot: SlotState(found[slot] is not None, _version(found[slot])) for slot in SLOTS}
    return State(states, shares, mirror, there is not None)


def lower_version(state: State) -> Slot | None:
    """The slot with the lower version of two that run, which is likely the one that was there first."""
    if not state.are_both_running or not all(state.slots[slot].version for slot in SLOTS):
        return None
    return min(SLOTS, key=lambda slot: ModelVersion.parse(state.slots[slot].version))


def _version(service: Mapping[str, Any] | None) -> str:
    """The version that a slot's predictor is told to serve; empty: the promoted one, or none."""
    model = ((service or {}).get("spec") or {}).get("predictor", {}).get("model", {})
    told = {each["name"]: each.get("value", "") for each in model.get("env") or ()}
    version = str(told.get("PREFERRED_MODEL_VERSION", ""))
    return "" if version == "latest" else version


def drift(state: State, found: Mapping[str, Any] | None, name: str) -> str | None:
    """Where the route is not what the values say, as a sentence."""
    if found is None:
        return "the values have a route, the cluster has none" if state.has_route else None
    there, mirror = weights(found, name)
    if there == dict(state.weights) and mirror == state.mirror:
        return None
    return (
        f"the route sends {there['a']} to a and {there['b']} to b (mirror {mirror}), the values say "
        f"{state.weights['a']} and {state.weights['b']} (mirror {state.mirror}): somebody changed it by hand, "
        "and the next step will put it back"
    )


def pods_of(cluster: Cluster, slot: Slot, part: str) -> list[dict[str, Any]]:
    """Pods of a part that are not on their way out."""
    found = cluster.pods(f"app=isvc.{cluster.name}-{slot}-{part}")
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def wait_until_ready(cluster: Cluster, slot: Slot, say: Callable[[str], None], *, within: float) -> None:
    """Until a slot answers, saying now and then what it waits for; raises NotReady with the reason."""
    deadline, told = time.monotonic() + within, ""
    while True:
        found = seen(cluster, slot)
        if found is not None and found.is_ready and all(part.ready for part in found.parts):
            return
        waiting = "; ".join(map(str, found.parts)) if found else "it is not there yet"
        if time.monotonic() > deadline:
            raise NotReady(f"slot {slot} is not ready after {within:g} s: {waiting}")
        if waiting != told:
            say(f"  slot {slot}: {waiting}")
            told = waiting
        time.sleep(_LOOK_AGAIN)


def _part(cluster: Cluster, slot: Slot, name: str) -> Part:
    pods = pods_of(cluster, slot, name)
    unready = [pod for pod in pods if not pod_is_ready(pod)]
    why = [_why(cluster, pod, name) for pod in unready]
    return Part(name, len(pods), len(pods) - len(unready), tuple(dict.fromkeys(filter(None, why))))


def pod_is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether Kubernetes sends requests to a pod."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _why(cluster: Cluster, pod: Mapping[str, Any], part: str) -> str:
    """What a pod waits for; of one that runs, what it says itself, and how it ended before."""
    status = pod.get("status") or {}
    ends = [
        f"ended with {last['exitCode']} ({last.get('reason', 'no reason')})"
        for container in status.get("containerStatuses") or ()
        if (last := (container.get("lastState") or {}).get("terminated"))
    ]
    if status.get("phase") != "Running":
        return "; ".join([why_waiting(pod), *ends])
    path = "/api/v1/health/ready" if part == "transformer" else _READY_PATH
    try:
        body = cluster.get(pod["metadata"]["name"], path).body
    except (OSError, http.client.HTTPException, ClusterRefused) as error:
        return "; ".join([f"does not answer ({error})", *ends])
    return "; ".join([_said(body), *ends])


def _said(body: bytes) -> str:
    try:
        told = json.loads(body)
    except ValueError:
        return body.decode(errors="replace")[:200]
    if not isinstance(told, dict):
        return str(told)
    if told.get("ready") is True:
        return "ready, which Kubernetes has not seen yet"
    return str(told.get("message") or told.get("error") or told)
