"""
What the API server tells of a release, as facts.

Which claims, which Secret and how many pods is read from the objects and not from the values: what runs is what they
say, whoever changed them.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from cli.cluster import Cluster, ClusterRefused
from cli.doctor.installed import Api, Claim, ReleaseFacts, Route, Schedule, Slot
from cli.doctor.outside import Outside, holds
from cli.jobs import Job
from cli.rollout import slots
from cli.rollout.state import SLOTS
from cli.rollout.state import Slot as Name
from upper_circuit.errors import UpperCircuitError


@dataclass(frozen=True, slots=True)
class ReleaseSeen:
    """Looks at a release; what is refused is remembered in `outside`."""

    outside: Outside

    @property
    def cluster(self) -> Cluster:
        """Where it is."""
        return self.outside.cluster

    def facts(self, tools: Job, ready_nodes: int | None) -> ReleaseFacts:
        """What the release is."""
        template = _pod(tools)
        secret = _secret_of(template)
        jobs = {values: self.outside.cron_job(values) for values in ("batch", "sweeper", "ingest")}
        seen = tuple(filter(None, map(self._slot, SLOTS)))
        route = self.outside.attempt("route", partial(slots.route, self.cluster))
        return ReleaseFacts(
            name=self.cluster.name,
            namespace=self.cluster.namespace,
            ready_nodes=ready_nodes,
            claims=tuple(self._claims(template, jobs)),
            schedules=tuple(_schedule(values, job) for values, job in jobs.items() if job),
            slots=seen,
            route=_route(route) if route else None,
            secret=secret,
            has_secret=self.outside.attempt("database", partial(self._has_secret, *secret)),
            api=self._api(),
        )

    def versions(self) -> tuple[str, ...]:
        """The model versions that the slots name."""
        found = (self.outside.attempt("slots", partial(self._version, slot)) for slot in SLOTS)
        return tuple(dict.fromkeys(version for version in found if version))

    def _claims(self, tools: dict[str, Any], jobs: Mapping[str, Job | None]) -> list[Claim]:
        batch, ingest = jobs["batch"], jobs["ingest"]
        at_once, predictors = _at_once(batch) if batch else 0, sum(map(self._predictors, SLOTS))
        mounted = [("registry", tools, at_once, predictors)]
        if batch:
            mounted.append(("output", _pod(batch), at_once, 0))
        if ingest:
            mounted.append(("drop", _pod(ingest), 0, 1))
        found = [
            self.outside.attempt("claims", partial(self._claim, name, volume, shards, others))
            for volume, pod, shards, others in mounted
            for name in _claims_of(pod, volume)
        ]
        return [claim for claim in found if claim]

    def _predictors(self, slot: Name) -> int:
        found = self.outside.attempt("claims", partial(slots.pods_of, self.cluster, slot, "predictor"))
        return len(found or ())

    def _claim(self, name: str, volume: str, shards: int, others: int) -> Claim:
        values = {"output": "batch.output", "drop": "ingest.drop"}.get(volume, volume)
        found = self.cluster.look(
            "CoreV1Api", "read_namespaced_persistent_volume_claim", name, self.cluster.namespace
        )
        if found is None:
            return Claim(name, values, shards, others, None)
        status = found.get("status") or {}
        modes = tuple(found["spec"].get("accessModes") or ())
        return Claim(name, values, shards, others, status.get("phase"), modes)

    def _slot(self, slot: Name) -> Slot | None:
        found = self.outside.attempt("slots", partial(slots.seen, self.cluster, slot))
        if found is None:
            return None
        service = slots.inference_service(self.cluster, slot) or {}
        mode = (service.get("status") or {}).get("deploymentMode")
        return Slot(slot, found.is_ready, mode, tuple(map(str, found.parts)))

    def _version(self, slot: Name) -> str | None:
        service = slots.inference_service(self.cluster, slot) or {"spec": {}}
        env = service["spec"].get("predictor", {}).get("model", {}).get("env") or ()
        named = {each["name"]: each.get("value") for each in env}
        version = named.get("PREFERRED_MODEL_VERSION")
        return None if version == "latest" else version

    def _has_secret(self, name: str, key: str) -> bool:
        found = self.cluster.look("CoreV1Api", "read_namespaced_secret", name, self.cluster.namespace)
        return found is not None and key in (found.get("data") or {})

    def _api(self) -> Api:
        try:
            answer = self.cluster.ask("/api/v1/health")
            told = json.loads(answer.body)
            problems = told["problems"] or ([] if answer.status == 200 else [f"status {answer.status}"])
        except (UpperCircuitError, OSError, http.client.HTTPException) as error:
            return Api((str(error),))
        except (ValueError, KeyError, TypeError):
            return Api(("/api/v1/health answers something else than this API",))
        return Api(tuple(problems), told.get("model_version"))


def _at_once(batch: Job) -> int:
    return int(batch["spec"]["jobTemplate"]["spec"].get("parallelism") or 1)


def _pod(job: Job) -> dict[str, Any]:
    spec: dict[str, Any] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return spec


def _schedule(values: str, job: Job) -> Schedule:
    spec = job["spec"]
    return Schedule(job["metadata"]["name"], values, spec.get("timeZone"), bool(spec.get("suspend")))


def _secret_of(pod: dict[str, Any]) -> tuple[str, str]:
    for each in pod["containers"][0]["env"]:
        if each["name"] == "DATABASE_URL":
            at = each["valueFrom"]["secretKeyRef"]
            return at["name"], at["key"]
    raise ClusterRefused("the CronJob of the tools has no DATABASE_URL: is it of another chart?")


def _claims_of(pod: dict[str, Any], volume: str) -> list[str]:
    return [
        each["persistentVolumeClaim"]["claimName"]
        for each in pod.get("volumes") or ()
        if each["name"] == volume and "persistentVolumeClaim" in each
    ]


def _route(found: dict[str, Any]) -> Route:
    parents = (found.get("status") or {}).get("parents") or ()
    if parents and all(holds({"status": each}, "Accepted") for each in parents):
        return Route(is_accepted=True)
    said = [
        each.get("message") or each.get("reason", "")
        for parent in parents
        for each in parent.get("conditions") or ()
        if each["type"] == "Accepted" and each["status"] != "True"
    ]
    return Route(is_accepted=False, why="; ".join(said))
