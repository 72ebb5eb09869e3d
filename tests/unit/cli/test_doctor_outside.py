"""How a cluster and a release are looked at: the real client of Kubernetes, and answers of an API server on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes import client

from cli.cluster import Cluster
from cli.doctor.commands import look_inside
from cli.doctor.finding import Level, fail, ok
from cli.doctor.installed import Claim, Schedule, Slot
from cli.doctor.outside import Outside
from cli.doctor.prerequisites import ClusterFacts, GatewayApi, KServe, Namespace, Storage
from cli.doctor.release import ReleaseSeen
from tests.factories.api_servers import ApiServer
from tests.factories.listeners import listening

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
DESK = "/api/v1/namespaces/desk"
CRON_JOBS = "/apis/batch/v1/namespaces/desk/cronjobs"
SERVICES = "/apis/serving.kserve.io/v1beta1/namespaces/desk/inferenceservices"


def met(*conditions: str) -> dict[str, Any]:
    """A status with true conditions."""
    return {"conditions": [{"type": each, "status": "True"} for each in conditions]}


def cron_job(name: str, **spec: Any) -> dict[str, Any]:
    """As the chart makes it."""
    container = {
        "name": name,
        "env": [{"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}],
    }
    volumes = [{"name": "registry", "persistentVolumeClaim": {"claimName": "upper-circuit-registry"}}]
    job = {"completions": 8, "parallelism": 4}
    pod = {"template": {"spec": {"containers": [container], "volumes": volumes}}}
    return {
        "metadata": {"name": f"upper-circuit-{name}"},
        "spec": {"timeZone": "Asia/Kolkata", "jobTemplate": {"spec": {**job, **pod}}, **spec},
    }


@pytest.fixture
def server() -> Iterator[ApiServer]:
    """With a version, and nothing else."""
    with listening(ApiServer()) as listener:
        listener.answers["/version/"] = {"gitVersion": "v1.34.4"}
        yield listener


@pytest.fixture
def outside(server: ApiServer) -> Iterator[Outside]:
    """Looking at it with the real client."""
    configuration = client.Configuration(host=f"http://127.0.0.1:{server.server_port}")
    configuration.retries = False
    with client.ApiClient(configuration) as api:
        yield Outside(Cluster(api, "desk", "upper-circuit"))


def test_a_cluster_with_nothing_in_it(server: ApiServer, outside: Outside) -> None:
    """What is not there is seen as such; a list that is not there is no empty list."""
    for path in ("/api/v1/nodes", "/apis/storage.k8s.io/v1/storageclasses"):
        server.answers[path] = {"items": []}

    assert outside.tools() is None
    assert ClusterFacts(
        release="upper-circuit",
        namespace_name="desk",
        kubernetes="v1.34.4",
        ready_nodes=0,
        kserve=KServe(is_there=False),
        gateway=GatewayApi(None),
        storage=Storage({}),
        namespace=Namespace(is_there=False),
        has_metrics=False,
        has_prometheus_operator=False,
    ) == outside.cluster_facts(None)  # fmt: skip
    assert [] == server.posts


def test_a_whole_cluster(server: ApiServer, outside: Outside) -> None:
    """Versions from where each part tells its own; a node that is drained takes no pods."""
    ready = {"spec": {}, "status": met("Ready")}
    control_plane = {"spec": {"taints": [{"effect": "NoSchedule"}]}, "status": met("Ready")}
    controller = {"image": "kserve/kserve-controller:v0.20.0@sha256:00"}
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    server.answers |= {
        "/api/v1/nodes": {
            "items": [ready, control_plane, {**ready, "spec": {"unschedulable": True}}, {"spec": {}}]
        },
        f"{CRDS}inferenceservices.serving.kserve.io": {},
        "/apis/apps/v1/deployments": {
            "items": [
                {
                    "metadata": {"namespace": "kserve"},
                    "spec": {"template": {"spec": {"containers": [{"image": "proxy:1"}, controller]}}},
                    "status": {"readyReplicas": 1},
                }
            ]
        },
        "/api/v1/namespaces/kserve/configmaps/inferenceservice-config": {
            "data": {"deploy": '{"defaultDeploymentMode": "Standard"}'}
        },
        f"{CRDS}httproutes.gateway.networking.k8s.io": {
            "metadata": {"annotations": {"gateway.networking.k8s.io/bundle-version": "v1.4.0"}}
        },
        "/apis/gateway.networking.k8s.io/v1/gatewayclasses": {
            "items": [
                {"metadata": {"name": "envoy"}, "status": met("Accepted")},
                {"metadata": {"name": "of nobody"}},
            ]
        },
        "/apis/storage.k8s.io/v1/storageclasses": {
            "items": [
                {"metadata": {"name": "shared", "annotations": default}, "provisioner": "nfs.csi.k8s.io"}
            ]
        },
        DESK: {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}},
        "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io": {"status": met("Available")},
        f"{CRDS}podmonitors.monitoring.coreos.com": {},
        f"POST {CRON_JOBS}": {},
        f"{CRON_JOBS}/upper-circuit-batch": cron_job("batch"),
    }

    assert ClusterFacts(
        release="upper-circuit",
        namespace_name="desk",
        kubernetes="v1.34.4",
        ready_nodes=1,
        kserve=KServe(is_there=True, version="v0.20.0", mode="Standard", is_running=True),
        gateway=GatewayApi("v1.4.0", ("envoy",)),
        storage=Storage({"shared": "nfs.csi.k8s.io"}, "shared"),
        namespace=Namespace(is_there=True, pod_security="restricted"),
        has_metrics=True,
        has_prometheus_operator=True,
        knows_zone=True,
        shards=8,
    ) == outside.cluster_facts(cron_job("tools"))  # fmt: skip
    assert [f"{CRON_JOBS}?dryRun=All"] == server.posts
    assert [] == outside.unseen


def test_what_is_forbidden_is_remembered_and_stops_nothing(server: ApiServer, outside: Outside) -> None:
    """A namespace's own person may not list nodes."""
    server.answers |= {
        "/api/v1/nodes": (403, "nodes is forbidden"),
        "/apis/storage.k8s.io/v1/storageclasses": {"items": []},
    }

    facts = outside.cluster_facts(None)

    assert (None, Storage({})) == (facts.ready_nodes, facts.storage)
    assert [("nodes", "list node: nodes is forbidden")] == outside.unseen


@pytest.mark.parametrize(
    ("answer", "knows", "unseen"),
    [
        ((422, 'CronJob is invalid: spec.timeZone: Invalid value: "Asia/Kolkata"'), False, 0),
        ((403, "cronjobs is forbidden"), None, 1),
    ],
)
def test_the_api_server_is_asked_for_the_time_zone(
    server: ApiServer, outside: Outside, answer: Any, knows: bool | None, unseen: int
) -> None:
    """Only its own refusal of the zone says that it does not know it."""
    server.answers |= {
        DESK: {"metadata": {}},
        "/api/v1/nodes": {"items": []},
        "/apis/storage.k8s.io/v1/storageclasses": {"items": []},
        f"POST {CRON_JOBS}": answer,
    }

    facts = outside.cluster_facts(None)

    assert (knows, unseen) == (facts.knows_zone, len(outside.unseen))


def test_a_release_is_what_its_objects_say(server: ApiServer, outside: Outside) -> None:
    """Claims, clocks, slots and the Secret, from the objects that run; nobody answers for the API."""
    env = [{"name": "PREFERRED_MODEL_VERSION", "value": "1.1.0"}]
    server.answers |= {
        f"{CRON_JOBS}/upper-circuit-batch": cron_job("batch", suspend=True),
        f"{DESK}/persistentvolumeclaims/upper-circuit-registry": {
            "spec": {"accessModes": ["ReadWriteMany"]},
            "status": {"phase": "Bound"},
        },
        f"{DESK}/pods": {"items": [{"metadata": {"name": "p"}, "status": met("Ready")}]},
        f"{SERVICES}/upper-circuit-a": {
            "metadata": {"generation": 1},
            "spec": {"predictor": {"model": {"env": env}}},
            "status": {"deploymentMode": "Standard", "observedGeneration": 1, **met("Ready")},
        },
        f"{DESK}/secrets/db": {"data": {"url": "eA=="}},
    }
    seen = ReleaseSeen(outside)

    facts = seen.facts(cron_job("tools"), 2)

    assert (Claim("upper-circuit-registry", "registry", 4, 2, "Bound", ("ReadWriteMany",)),) == facts.claims
    assert (Schedule("upper-circuit-batch", "batch", "Asia/Kolkata", is_suspended=True),) == facts.schedules
    parts = ("transformer 1/1 ready", "predictor 1/1 ready")
    assert (Slot("a", is_ready=True, mode="Standard", parts=parts),) == facts.slots
    assert (("db", "url"), True, None) == (facts.secret, facts.has_secret, facts.route)
    assert facts.api.trouble
    assert ("1.1.0",) == seen.versions()


@pytest.mark.parametrize("change", [lambda data: data.clear(), lambda data: data.update(other="eA==")])
def test_a_secret_without_the_key_is_none(
    server: ApiServer, outside: Outside, change: Callable[[dict[str, str]], None]
) -> None:
    """The pods would wait for it for ever."""
    data: dict[str, str] = {}
    change(data)
    server.answers |= {f"{DESK}/secrets/db": {"data": data}, f"{DESK}/pods": {"items": []}}

    assert ReleaseSeen(outside).facts(cron_job("tools"), 2).has_secret is False


JOBS = "/apis/batch/v1/namespaces/desk/jobs"
POD = f"{DESK}/pods/doctor-0"


def with_pod(server: ApiServer, log: str, phase: str = "Succeeded") -> None:
    """A Job can be made, and its pod has ended so."""
    pod = {"metadata": {"name": "doctor-0"}, "status": {"phase": phase}}
    made = {"metadata": {"name": "upper-circuit-doctor", "uid": "1"}}
    server.answers |= {
        JOBS: {"items": []},
        f"POST {JOBS}": made,
        f"{DESK}/pods": {"items": [pod]},
        POD: pod,
        f"{POD}/log": log,
    }


TOOLS = cron_job("tools")
TOOLS["metadata"]["uid"] = "0"


def test_what_the_pod_inside_found_is_read_from_its_log(server: ApiServer, outside: Outside) -> None:
    """And its Job is taken away again."""
    found = [ok("schema", "revision 0004"), fail("model", "1.1.0: sha256", "promote another")]
    with_pod(server, "\n".join(["a warning", *(each.to_json() for each in found)]))

    assert found == look_inside(outside.cluster, TOOLS, ["1.1.0"], no_job=False)
    assert [f"{JOBS}/upper-circuit-doctor"] == server.deleted


def test_a_pod_that_ended_early_is_a_finding_with_its_last_words(server: ApiServer, outside: Outside) -> None:
    """As an image of a version without this command would."""
    with_pod(server, "Usage: upper-circuit\nNo such command 'doctor'.", "Failed")

    (found,) = look_inside(outside.cluster, TOOLS, [], no_job=False)

    assert (Level.FAIL, "the pod ended early: No such command 'doctor'.") == (found.level, found.what)
    assert "image.tag" in found.todo


def test_who_may_not_make_jobs_learns_so(server: ApiServer, outside: Outside) -> None:
    """The rest of the table is shown all the same."""
    with_pod(server, "")
    server.answers[f"POST {JOBS}"] = (403, "jobs is forbidden")

    (found,) = look_inside(outside.cluster, TOOLS, [], no_job=False)

    assert (Level.FAIL, "Job upper-circuit-doctor: jobs is forbidden") == (found.level, found.what)


def test_without_a_job_nothing_is_made(server: ApiServer, outside: Outside) -> None:
    """And what was left out is told."""
    assert [Level.WARN] == [each.level for each in look_inside(outside.cluster, TOOLS, [], no_job=True)]
    assert [] == server.posts
