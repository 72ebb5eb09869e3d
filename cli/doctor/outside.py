"""
What the API server tells of a cluster, as facts.

Every look may be refused without stopping the others: whoever installs into a namespace need not be allowed to list
nodes. Nothing is changed; the one thing that is sent (a CronJob) is sent as a dry run.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cli.cluster import Cluster, ClusterRefused
from cli.doctor.prerequisites import ZONE, ClusterFacts, GatewayApi, KServe, Namespace, Storage
from cli.jobs import Job

T = TypeVar("T")
_CONTROLLER = "control-plane=kserve-controller-manager"
_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_BUNDLE = "gateway.networking.k8s.io/bundle-version"
_ENFORCE = "pod-security.kubernetes.io/enforce"
_INVALID = "is invalid"


@dataclass(slots=True)
class Outside:
    """Looks at a cluster, and remembers what it was not shown."""

    cluster: Cluster
    unseen: list[tuple[str, str]] = field(default_factory=list)

    def tools(self) -> Job | None:
        """The release's CronJob of the tools, which every release has; None: there is no release."""
        name = f"{self.cluster.name}-tools"
        return self.cluster.look("BatchV1Api", "read_namespaced_cron_job", name, self.cluster.namespace)

    def cluster_facts(self, tools: Job | None) -> ClusterFacts:
        """What the cluster has; `tools` is the release's CronJob of that name, None before an install."""
        cluster = self.cluster
        version = cluster.look("VersionApi", "get_code")
        batch = self.cron_job("batch") if tools else None
        namespace = self.attempt("namespace", self._namespace)
        return ClusterFacts(
            release=cluster.name,
            namespace_name=cluster.namespace,
            kubernetes=str((version or {}).get("gitVersion")),
            ready_nodes=self.attempt("nodes", self._ready_nodes),
            kserve=self.attempt("kserve", self._kserve),
            gateway=self.attempt("gateway api", self._gateway),
            storage=self.attempt("storage", self._storage),
            namespace=namespace,
            has_metrics=self.attempt("metrics", self._has_metrics),
            has_prometheus_operator=self.attempt(
                "monitoring", lambda: self._definition("podmonitors.monitoring.coreos.com") is not None
            ),
            knows_zone=self.attempt("time zone", self._knows_zone)
            if namespace is None or namespace.is_there
            else None,
            shards=shards_of(batch) if batch else 4,
        )

    def _ready_nodes(self) -> int:
        found = (self.cluster.look("CoreV1Api", "list_node") or {})["items"]
        return sum(map(_takes_pods, found))

    def cron_job(self, values: str) -> Job | None:
        """A CronJob of the release, by where its values stand."""
        name = f"{self.cluster.name}-{values}"
        return self.attempt(
            "schedule",
            lambda: self.cluster.look("BatchV1Api", "read_namespaced_cron_job", name, self.cluster.namespace),
        )

    def attempt(self, subject: str, look: Callable[[], T]) -> T | None:
        """What a look gives; None where it is refused, which is remembered."""
        try:
            return look()
        except ClusterRefused as error:
            self.unseen.append((subject, str(error)))
            return None

    def _definition(self, name: str) -> dict[str, Any] | None:
        return self.cluster.look("ApiextensionsV1Api", "read_custom_resource_definition", name)

    def _kserve(self) -> KServe:
        if self._definition("inferenceservices.serving.kserve.io") is None:
            return KServe(is_there=False)
        found = self.cluster.look(
            "AppsV1Api", "list_deployment_for_all_namespaces", label_selector=_CONTROLLER
        )
        controllers = (found or {})["items"]
        if not controllers:
            return KServe(is_there=True)
        controller = controllers[0]
        images = [each["image"] for each in controller["spec"]["template"]["spec"]["containers"]]
        image = next((each for each in images if "kserve-controller" in each), images[0])
        home = controller["metadata"]["namespace"]
        config = self.cluster.look("CoreV1Api", "read_namespaced_config_map", "inferenceservice-config", home)
        deploy = json.loads(((config or {}).get("data") or {}).get("deploy") or "{}")
        return KServe(
            is_there=True,
            version=image.partition("@")[0].rpartition(":")[2],
            mode=deploy.get("defaultDeploymentMode"),
            is_running=bool((controller.get("status") or {}).get("readyReplicas")),
        )

    def _gateway(self) -> GatewayApi:
        definition = self._definition("httproutes.gateway.networking.k8s.io")
        if definition is None:
            return GatewayApi(None)
        version = (definition["metadata"].get("annotations") or {}).get(_BUNDLE, "unknown")
        found = self.cluster.look(
            *("CustomObjectsApi", "list_cluster_custom_object"),
            *("gateway.networking.k8s.io", "v1", "gatewayclasses"),
        )
        accepted = [
            each["metadata"]["name"] for each in (found or {"items": ()})["items"] if holds(each, "Accepted")
        ]
        return GatewayApi(version, tuple(sorted(accepted)))

    def _storage(self) -> Storage:
        found = (self.cluster.look("StorageV1Api", "list_storage_class") or {})["items"]
        names = {each["metadata"]["name"]: each["provisioner"] for each in found}
        defaults = [
            each["metadata"]["name"]
            for each in found
            if (each["metadata"].get("annotations") or {}).get(_DEFAULT) == "true"
        ]
        return Storage(names, defaults[0] if defaults else None)

    def _namespace(self) -> Namespace:
        found = self.cluster.look("CoreV1Api", "read_namespace", self.cluster.namespace)
        labels = (found or {"metadata": {}})["metadata"].get("labels") or {}
        return Namespace(found is not None, labels.get(_ENFORCE))

    def _has_metrics(self) -> bool:
        found = self.cluster.look("ApiregistrationV1Api", "read_api_service", "v1beta1.metrics.k8s.io")
        return found is not None and holds(found, "Available")

    def _knows_zone(self) -> bool | None:
        container = {"name": "none", "image": "none"}
        pod = {"spec": {"restartPolicy": "Never", "containers": [container]}}
        job = {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"generateName": "doctor-"},
            "spec": {
                "schedule": "0 7 * * *",
                "timeZone": ZONE,
                "jobTemplate": {"spec": {"template": pod}},
            },
        }
        try:
            made = self.cluster.look(
                "BatchV1Api", "create_namespaced_cron_job", self.cluster.namespace, job, dry_run="All"
            )
        except ClusterRefused as error:
            if "timeZone" in str(error) and _INVALID in str(error):
                return False
            raise
        return None if made is None else True


def _takes_pods(node: dict[str, Any]) -> bool:
    spec = node["spec"]
    is_closed = spec.get("unschedulable") or any(
        each["effect"] in {"NoSchedule", "NoExecute"} for each in spec.get("taints") or ()
    )
    return not is_closed and holds(node, "Ready")


def holds(found: dict[str, Any], condition: str) -> bool:
    """Whether a condition of an object is true."""
    conditions = (found.get("status") or {}).get("conditions") or ()
    return any(each["type"] == condition and each["status"] == "True" for each in conditions)


def shards_of(batch: Job) -> int:
    """How many pods share the stocks."""
    return int(batch["spec"]["jobTemplate"]["spec"].get("completions") or 1)
