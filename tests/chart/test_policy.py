"""
Every pod passes Pod Security `restricted`, and what a security review asks beyond it.

Our own checker: the standard's fields and a dozen habits, over every pod of every example. What departs from a habit
stands in EXCEPTIONS with the reason; an exception that is no longer needed fails too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.chart.rendering import CI, Object, Pod, Release, ci, render

EXCEPTIONS = {
    (
        "database",
        "a service account of its own",
    ): "the demo's PostgreSQL asks no API, like the tools whose account it shares",
    ("ingest", "a service account of its own"): "all pods of the upper-circuit command are the same program",
    (
        "bootstrap",
        "a service account of its own",
    ): "all pods of the upper-circuit command are the same program",
    ("test", "a service account of its own"): "all pods of the upper-circuit command are the same program",
    ("sweeper", "a service account of its own"): "it finishes what the batch began, with the same rights",
}
"""By component and habit."""

Check = Callable[[Pod, Object], bool]
RESTRICTED: dict[str, Check] = {
    "runs as a user that is not root": lambda pod, _: (
        pod.spec["securityContext"]["runAsNonRoot"] and pod.spec["securityContext"]["runAsUser"] > 0
    ),
    "the runtime's own seccomp profile": lambda pod, _: (
        pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    ),
    "gains no privilege": lambda _, container: (
        container["securityContext"]["allowPrivilegeEscalation"] is False
    ),
    "no capability": lambda _, container: container["securityContext"]["capabilities"] == {"drop": ["ALL"]},
    "nothing of the node": lambda pod, _: (
        not pod.spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "hostUsers"}
    ),
    "volumes that the standard allows": lambda pod, _: all(
        (each.keys() - {"name"}) <= {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
        for each in pod.spec.get("volumes", [])
    ),
    "no port of the node": lambda _, container: all(
        "hostPort" not in port for port in container.get("ports", [])
    ),
}
HABITS: dict[str, Check] = {
    "a root that cannot be written": lambda _, container: container["securityContext"][
        "readOnlyRootFilesystem"
    ],
    "requests of CPU and memory, a limit of memory": lambda _, container: (
        container["resources"]["requests"].keys() >= {"cpu", "memory"}
        and "memory" in container["resources"]["limits"]
    ),
    "an image of a fixed version": lambda _, container: (
        "@sha256:" in container["image"]
        or container["image"].rpartition(":")[2] not in ("", "latest", container["image"])
    ),
    "no token of the API": lambda pod, _: pod.spec["automountServiceAccountToken"] is False,
    "no variables of Services": lambda pod, _: pod.spec["enableServiceLinks"] is False,
    "folders in memory or on the node have a size": lambda pod, _: all(
        "sizeLimit" in each["emptyDir"] for each in pod.spec.get("volumes", []) if "emptyDir" in each
    ),
    "no secret in the clear": lambda _, container: all(
        "value" not in each
        or not any(word in each["name"] for word in ("PASSWORD", "TOKEN", "URL", "SECRET"))
        for each in container.get("env", [])
    ),
    "an end that is set": lambda pod, _: (
        pod.spec.get("restartPolicy") not in ("Never", "OnFailure")
        or "activeDeadlineSeconds" in pod.spec
        or pod.labels["app.kubernetes.io/component"] in ENDED_BY_THEIR_JOB
    ),
    "health is asked": lambda pod, container: (
        pod.spec.get("restartPolicy") in ("Never", "OnFailure")
        or container.keys() >= {"startupProbe", "readinessProbe", "livenessProbe"}
    ),
    "a service account of its own": lambda pod, _: pod.spec["serviceAccountName"].endswith(
        "-" + pod.labels["app.kubernetes.io/component"]
    ),
}
ENDED_BY_THEIR_JOB = {"sweeper", "ingest", "tools", "migrate", "bootstrap"}

every_example = pytest.mark.parametrize("name", sorted(CI))


def departures(release: Release, checks: dict[str, Check]) -> Iterator[tuple[str, str, str]]:
    """Component, check and container of whatever does not hold."""
    for pod in release.pods():
        for container in pod.containers:
            for name, holds in checks.items():
                if not holds(pod, container):
                    yield pod.labels["app.kubernetes.io/component"], name, container["name"]


@every_example
def test_every_pod_passes_pod_security_restricted(name):
    """So that one label on the namespace does not stop the install."""
    assert [] == list(departures(render(ci(name)), RESTRICTED))


@every_example
def test_every_pod_keeps_our_habits(name):
    """But for the exceptions."""
    found = {(component, habit) for component, habit, _ in departures(render(ci(name)), HABITS)}

    assert set() == found - EXCEPTIONS.keys()


def test_every_exception_is_still_one():
    """A reason for something that no longer happens hides the next case of it."""
    found = {
        (component, habit) for name in CI for component, habit, _ in departures(render(ci(name)), HABITS)
    }

    assert EXCEPTIONS.keys() == found


def test_jobs_whose_pods_set_no_end_set_one_themselves():
    """A pod that cannot pull its image never ends by itself."""
    release = render(ci("everything"))
    specs = [each["spec"]["jobTemplate"]["spec"] for each in release.all("CronJob")]
    specs += [each["spec"] for each in release.all("Job") + render(ci("development")).all("Job")]

    assert all("activeDeadlineSeconds" in each for each in specs)


@every_example
def test_no_account_mounts_a_token(name):
    """Nothing here speaks to the API server."""
    accounts = render(ci(name)).all("ServiceAccount")

    assert {False} == {each["automountServiceAccountToken"] for each in accounts}
    assert [] == [
        each for kind in ("Role", "RoleBinding", "ClusterRole") for each in render(ci(name)).all(kind)
    ]


def test_wishes_for_nodes_reach_every_pod():
    """Whoever keeps nodes for the desk keeps all of it there."""
    missing = [
        (pod.name, key)
        for pod in render(ci("everything")).pods()
        for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName", "imagePullSecrets")
        if key not in pod.spec
    ]

    assert [] == missing


def test_another_registry_reaches_every_image_of_ours():
    """The mirror of a desk without a way out."""
    images = {container["image"] for pod in render(ci("production")).pods() for container in pod.containers}

    assert [] == [image for image in images if not image.startswith("registry.example/desk/upper-circuit/")]


def test_a_digest_goes_before_a_tag():
    """It cannot be moved."""
    [container] = render(ci("everything")).pod("desk-a-transformer").spec["containers"]

    assert container["image"].startswith("registry.example/desk/upper-circuit/transformer@sha256:")


@pytest.mark.parametrize("broken", ["runAsNonRoot", "seccompProfile"])
def test_the_checker_finds_what_it_is_for(broken):
    """A pod without a field of the standard is told."""
    release = render(ci("minimal"))
    pod = next(release.pods())
    spec = {**pod.spec, "securityContext": {**pod.spec["securityContext"], broken: None}}

    failed = [
        name
        for name, holds in RESTRICTED.items()
        if not holds(Pod(pod.name, pod.labels, spec), pod.containers[0])
    ]

    assert 1 == len(failed)
