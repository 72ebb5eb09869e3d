"""
Whether a cluster has what the chart needs: k8s/prerequisites.md, as judgements.

Everything here can be known before an install, and stays worth knowing after one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cli.doctor.finding import Finding, fail, ok, warn

KUBERNETES = (1, 33)
KSERVE = (0, 20)
GATEWAY_API = (1, 3)
"""Older ones drop the percentage of a mirror: the lighter slot would get a copy of every request."""
ZONE = "Asia/Kolkata"
_PAGE = "k8s/prerequisites.md"
_STANDARD = {"Standard", "RawDeployment"}
"""The second is what KServe called the first until 0.15."""
_ONE_NODE = (
    "ebs.csi.aws.com",
    "pd.csi.storage.gke.io",
    "disk.csi.azure.com",
    "dobs.csi.digitalocean.com",
    "csi.hetzner.cloud",
    "cinder.csi.openstack.org",
    "rancher.io/local-path",
    "docker.io/hostpath",
    "topolvm.io",
)
"""Provisioners whose volumes one node mounts: block devices and folders of a node."""
_RFC_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class KServe:
    """KServe, as far as it is there."""

    is_there: bool
    """Whether the definition of InferenceServices is."""
    version: str | None = None
    """That of the controller's image."""
    mode: str | None = None
    """What objects without a mode of their own get."""
    is_running: bool = False


@dataclass(frozen=True, slots=True)
class GatewayApi:
    """The Gateway API, as far as it is there."""

    version: str | None
    """None: its definitions are not there."""
    classes: tuple[str, ...] = ()
    """GatewayClasses that a controller has accepted."""


@dataclass(frozen=True, slots=True)
class Storage:
    """StorageClasses by name, with their provisioners."""

    provisioners: dict[str, str]
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Namespace:
    """The namespace of the release."""

    is_there: bool
    pod_security: str | None = None
    """The level it enforces."""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """A cluster, seen from outside. None: that was not shown, and nothing is said of it here."""

    release: str
    """The chart's full name there."""
    namespace_name: str
    kubernetes: str
    """Such as v1.34.4."""
    ready_nodes: int | None = None
    kserve: KServe | None = None
    gateway: GatewayApi | None = None
    storage: Storage | None = None
    namespace: Namespace | None = None
    has_metrics: bool | None = None
    has_prometheus_operator: bool | None = None
    knows_zone: bool | None = None
    """Whether the API server takes a CronJob in Asia/Kolkata."""
    shards: int = 4
    """Of the morning run; before an install the chart's default."""


def findings(facts: ClusterFacts) -> list[Finding]:
    """Everything about a cluster, in the order in which a person would mend it."""
    return [found for judge in _JUDGES for found in judge(facts)]


def _kubernetes(facts: ClusterFacts) -> Iterator[Finding]:
    version = numbers(facts.kubernetes)
    if version is None or version < KUBERNETES:
        yield fail(
            "kubernetes",
            f"{facts.kubernetes}; Jobs that retry by index need 1.33",
            "upgrade the cluster to Kubernetes 1.33 or newer",
        )
    else:
        nodes = "" if facts.ready_nodes is None else f", ready nodes: {facts.ready_nodes}"
        yield ok("kubernetes", f"{facts.kubernetes}{nodes}")
    if facts.ready_nodes == 0:
        yield fail("kubernetes", "no node is ready", "kubectl get nodes")


def _kserve(facts: ClusterFacts) -> Iterator[Finding]:
    kserve = facts.kserve
    if kserve is None:
        return
    if not kserve.is_there:
        yield fail("kserve", "not installed", f"helm install kserve-crd and kserve as in {_PAGE}")
        return
    version = numbers(kserve.version or "")
    if version is None:
        seen = f"the controller's image has the tag {kserve.version}" if kserve.version else "no controller"
        yield warn(
            "kserve",
            f"version unknown: {seen}",
            "kubectl get deployment -A -l control-plane=kserve-controller-manager; 0.20 or newer is needed",
        )
    elif version < KSERVE:
        yield fail("kserve", f"{kserve.version} is too old", f"upgrade to 0.20 or newer as in {_PAGE}")
    else:
        yield ok("kserve", str(kserve.version))
    if not kserve.is_running:
        yield fail(
            "kserve",
            "no controller is ready: InferenceServices would wait for ever",
            "kubectl get pods -A -l control-plane=kserve-controller-manager",
        )
    if kserve.mode in _STANDARD:
        yield ok("kserve mode", str(kserve.mode))
    else:
        yield warn(
            "kserve mode",
            f"{kserve.mode or 'none'} is the default; the chart's own objects say Standard",
            "helm upgrade kserve with --set kserve.controller.deploymentMode=Standard",
        )


def _gateway(facts: ClusterFacts) -> Iterator[Finding]:
    gateway = facts.gateway
    if gateway is None:
        return
    if gateway.version is None:
        yield warn(
            "gateway api",
            "not installed: no weights between slots, no requests from outside",
            f"leave route.enabled=false, or install a Gateway as in {_PAGE}",
        )
        return
    version = numbers(gateway.version)
    if version is None or version < GATEWAY_API:
        yield warn(
            "gateway api",
            f"{gateway.version} is older than 1.3: traffic.mirror would copy every request",
            "upgrade it, or leave traffic.mirror=0",
        )
    elif not gateway.classes:
        yield warn(
            "gateway api",
            f"{gateway.version}, but no controller has accepted a GatewayClass",
            "kubectl get gatewayclass; kubectl apply -f k8s/gateway.yaml makes a Gateway of one",
        )
    else:
        yield ok("gateway api", f"{gateway.version}, class {', '.join(gateway.classes)}")


def _storage(facts: ClusterFacts) -> Iterator[Finding]:
    storage = facts.storage
    if storage is None:
        return
    if not storage.provisioners:
        yield warn(
            "storage",
            "no StorageClass: claims are bound by hand only",
            "registry.existingClaim=<a ReadWriteMany claim>",
        )
    elif storage.default is None:
        yield warn(
            "storage",
            f"no default among {', '.join(sorted(storage.provisioners))}",
            "registry.storageClassName=<one with ReadWriteMany>",
        )
    elif storage.provisioners[storage.default] in _ONE_NODE:
        yield warn(
            "storage",
            f"volumes of the default {storage.default} ({storage.provisioners[storage.default]}) are for one node",
            "registry.storageClassName=<one with ReadWriteMany>, or on a cluster of one node "
            "registry.accessMode=ReadWriteOnce, batch.shards=1, predictor.autoscaling.maxReplicas=1",
        )
    else:
        yield ok("storage", f"default {storage.default} ({storage.provisioners[storage.default]})")


def _metrics(facts: ClusterFacts) -> Iterator[Finding]:
    if facts.has_metrics:
        yield ok("metrics", "autoscalers can see the pods' CPU")
    elif facts.has_metrics is not None:
        yield warn(
            "metrics",
            "metrics.k8s.io does not answer: autoscalers stay at minReplicas",
            "install metrics-server, or transformer.autoscaling.minReplicas=<what the load needs>",
        )


def _monitoring(facts: ClusterFacts) -> Iterator[Finding]:
    if facts.has_prometheus_operator is not None:
        said = (
            "Prometheus operator is there"
            if facts.has_prometheus_operator
            else "no Prometheus operator: monitoring.podMonitor and monitoring.rules stay off"
        )
        yield ok("monitoring", said)


def _namespace(facts: ClusterFacts) -> Iterator[Finding]:
    name, namespace = facts.namespace_name, facts.namespace
    if namespace is None:
        return
    label = f"kubectl label namespace {name} pod-security.kubernetes.io/enforce=restricted"
    if not namespace.is_there:
        yield warn("namespace", f"{name} is not there", f"kubectl create namespace {name} && {label}")
    elif namespace.pod_security == "restricted":
        yield ok("pod security", f"{name} enforces restricted")
    else:
        yield warn(
            "pod security",
            f"{name} enforces {namespace.pod_security or 'nothing'}; every pod of the chart passes restricted",
            f"{label} --overwrite",
        )


def _zone(facts: ClusterFacts) -> Iterator[Finding]:
    if facts.knows_zone:
        yield ok("time zone", f"the API server takes a CronJob in {ZONE}")
    elif facts.knows_zone is not None:
        yield fail(
            "time zone",
            f"the API server does not know {ZONE}: the morning run could not be scheduled",
            "give the control plane's machines time zone data (package tzdata)",
        )


def _name(facts: ClusterFacts) -> Iterator[Finding]:
    name, budget = facts.release, name_budget(facts.shards, facts.namespace_name)
    if _RFC_1035.fullmatch(name) is None:
        yield fail(
            "name",
            f"{name} cannot be the name of Services",
            "fullnameOverride=<a letter first, then a-z, 0-9 and ->",
        )
    elif len(name) > budget:
        yield fail(
            "name",
            f"{name} has {len(name)} characters; {facts.shards} shards and namespace {facts.namespace_name} leave {budget}",
            "fullnameOverride=<a shorter name>, or a namespace with a shorter name",
        )
    else:
        yield ok("name", f"{name} has {len(name)} of {budget} characters")


_JUDGES: tuple[Callable[[ClusterFacts], Iterator[Finding]], ...] = (
    _kubernetes,
    _kserve,
    _gateway,
    _storage,
    _namespace,
    _name,
    _zone,
    _metrics,
    _monitoring,
)


def name_budget(shards: int, namespace: str) -> int:
    """
    How long the chart's full name F may be: two names that are made of it may have 63 characters.

    A pod of a run by hand is F-batch-YYYY-MM-DD-<shard>. KServe gives a transformer the address
    F-a-transformer-<namespace>.<domain>, unless its domainTemplate says otherwise, also where nobody asks by it.
    """
    by_shards = 63 - len("-batch-YYYY-MM-DD-") - len(str(shards - 1))
    return min(by_shards, 63 - len("-a-transformer-") - len(namespace))


def numbers(version: str) -> tuple[int, int] | None:
    """Major and minor of v1.34.4 or 0.20.0-rc1; None of what is no such version."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else None
