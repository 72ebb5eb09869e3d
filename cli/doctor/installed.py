"""
Whether a release is as the chart meant it: its claims, its clocks, its slots, its way in.

The chart refuses values that cannot work. What it cannot see are claims that were there before, volumes that never
came, and what people changed with kubectl.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cli.doctor.finding import Finding, fail, ok, warn
from cli.doctor.prerequisites import ZONE

_FOR_MANY = {"ReadWriteMany", "ReadOnlyMany"}


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim that pods of the release mount."""

    name: str
    values: str
    """Where its values stand: registry, batch.output, ingest.drop."""
    shards: int
    """Of the morning run that mount it at the same time."""
    others: int
    """Predictors and pods of commands that do."""
    phase: str | None
    """None: it is not there."""
    modes: tuple[str, ...] = ()
    """What the volume can, or what is asked for while there is none."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A CronJob of the release."""

    name: str
    values: str
    """Where its values stand: batch, sweeper, ingest."""
    zone: str | None
    is_suspended: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot that runs."""

    name: str
    is_ready: bool
    mode: str | None
    """What KServe made of it; None while it has made nothing."""
    parts: tuple[str, ...]
    """Transformer and predictor, each with its pods and why they are not ready."""


@dataclass(frozen=True, slots=True)
class Route:
    """The HTTPRoute."""

    is_accepted: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Api:
    """What the release answers at /api/v1/health."""

    trouble: tuple[str, ...]
    """Why it is not healthy; empty: it is."""
    model: str | None = None


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """A release, seen through the API server."""

    name: str
    namespace: str
    ready_nodes: int | None
    claims: tuple[Claim, ...]
    schedules: tuple[Schedule, ...]
    slots: tuple[Slot, ...]
    route: Route | None
    secret: tuple[str, str]
    """Name and key of the Secret with the database's URL."""
    has_secret: bool | None
    """None: it could not be seen."""
    api: Api


def findings(facts: ReleaseFacts) -> list[Finding]:
    """Everything about a release."""
    return [found for judge in _JUDGES for found in judge(facts)]


def _claims(facts: ReleaseFacts) -> Iterator[Finding]:
    for claim in facts.claims:
        yield _claim(claim, facts.ready_nodes, f"kubectl -n {facts.namespace}")


def _claim(claim: Claim, nodes: int | None, kubectl: str) -> Finding:
    subject, modes = "claims", ", ".join(claim.modes)
    if claim.phase is None:
        return fail(
            subject, f"{claim.name} is not there", f"{claim.values}.existingClaim=<one that is>, or empty"
        )
    if claim.phase == "Lost":
        return fail(
            subject,
            f"{claim.name} has lost its volume",
            f"{kubectl} delete pvc {claim.name}, then helm upgrade",
        )
    if claim.phase != "Bound":
        return fail(
            subject,
            f"{claim.name} waits for a volume ({modes})",
            f"{kubectl} describe pvc {claim.name}; {claim.values}.storageClassName=<one that gives {modes}>",
        )
    needs = f"shards at once: {claim.shards}, other pods: {claim.others}, nodes: {nodes or 'unknown'}"
    if not _FOR_MANY & set(claim.modes) and _is_on_several(claim, nodes):
        return fail(
            subject,
            f"{claim.name} is {modes}; {needs}",
            f"{claim.values}.accessMode=ReadWriteMany in a new claim, or one node with batch.shards=1 "
            "and predictor.autoscaling.maxReplicas=1",
        )
    return ok(subject, f"{claim.name} is bound, {modes}; {needs}")


def _is_on_several(claim: Claim, nodes: int | None) -> bool:
    """Whether pods on several nodes may want it, or several pods one that is for a single one."""
    if claim.shards + claim.others < 2:
        return False
    return claim.shards > 1 or nodes != 1 or "ReadWriteOncePod" in claim.modes


def _schedules(facts: ReleaseFacts) -> Iterator[Finding]:
    for each in facts.schedules:
        if each.zone != ZONE:
            yield fail(
                "time zone",
                f"CronJob {each.name} runs in {each.zone or 'the time zone of the control plane'}, not in {ZONE}",
                f'kubectl -n {facts.namespace} patch cronjob {each.name} -p \'{{"spec":{{"timeZone":"{ZONE}"}}}}\'',
            )
        elif each.is_suspended:
            yield warn("schedule", f"CronJob {each.name} rests", "batch.suspend=false, and helm upgrade")
        else:
            yield ok("schedule", f"CronJob {each.name} in {ZONE}")
    missing = {"batch", "sweeper"} - {each.values for each in facts.schedules}
    for values in sorted(missing):
        yield warn("schedule", f"no CronJob {facts.name}-{values}", f"{values}.enabled=true")


def _slots(facts: ReleaseFacts) -> Iterator[Finding]:
    if not facts.slots:
        yield fail("slots", "no slot runs", "slots.a.enabled=true, and helm upgrade")
    for slot in facts.slots:
        name = f"{facts.name}-{slot.name}"
        if slot.mode not in {None, "Standard", "RawDeployment"}:
            yield fail(
                "slots",
                f"{name} was made in mode {slot.mode}, which KServe never changes",
                f"kubectl -n {facts.namespace} delete inferenceservice {name}, then helm upgrade",
            )
        elif not slot.is_ready:
            yield fail(
                "slots",
                f"{name} is not ready: {'; '.join(slot.parts)}",
                f"kubectl -n {facts.namespace} describe inferenceservice {name}",
            )
        else:
            yield ok("slots", f"{name}: {'; '.join(slot.parts)}")


def _route(facts: ReleaseFacts) -> Iterator[Finding]:
    if facts.route is None:
        yield ok("route", "none: reached inside the cluster only (route.enabled)")
    elif facts.route.is_accepted:
        yield ok("route", "its Gateway has accepted it")
    else:
        yield fail(
            "route",
            f"no Gateway has accepted it{f': {facts.route.why}' if facts.route.why else ''}",
            "route.parentRefs=[{name: <gateway>, namespace: <namespace>}]; kubectl get gateway -A",
        )


def _secret(facts: ReleaseFacts) -> Iterator[Finding]:
    name, key = facts.secret
    if facts.has_secret:
        yield ok("database", f"its address is in Secret {name}, key {key}")
    elif facts.has_secret is not None:
        yield fail(
            "database",
            f"Secret {name} with key {key} is not there",
            f"kubectl -n {facts.namespace} create secret generic {name} --from-literal={key}=postgresql://... "
            "(or database.existingSecret, database.key)",
        )


def _api(facts: ReleaseFacts) -> Iterator[Finding]:
    if facts.api.trouble:
        yield fail(
            "api", "; ".join(facts.api.trouble), f"what fails above, or kubectl -n {facts.namespace} get pods"
        )
    else:
        yield ok("api", f"healthy, model {facts.api.model}")


_JUDGES: tuple[Callable[[ReleaseFacts], Iterator[Finding]], ...] = (
    _secret,
    _claims,
    _schedules,
    _slots,
    _route,
    _api,
)
