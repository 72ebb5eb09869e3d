"""Jobs by hand: the chart's template with another name."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from cli.jobs import job_from, state_of, why_waiting
from cli.push import after, arguments, job_name

CRON_JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "upper-circuit-tools", "uid": "1234", "labels": {"helm.sh/chart": "x"}},
    "spec": {
        "suspend": True,
        "jobTemplate": {
            "metadata": {"labels": {"app.kubernetes.io/component": "tools"}, "annotations": {"kept": "yes"}},
            "spec": {
                "backoffLimit": 0,
                "template": {"spec": {"containers": [{"name": "tools", "args": ["--help"]}]}},
            },
        },
    },
}


def test_a_job_has_all_of_the_template_and_belongs_to_its_owner() -> None:
    """As kubectl makes one, but not controlled: the limits of history must not delete it under somebody's eyes."""
    job = job_from(CRON_JOB, "upper-circuit-push-1-3-0")

    assert {
        "name": "upper-circuit-push-1-3-0",
        "labels": {"app.kubernetes.io/component": "tools"},
        "annotations": {"kept": "yes", "cronjob.kubernetes.io/instantiate": "manual"},
        "ownerReferences": [
            {"apiVersion": "batch/v1", "kind": "CronJob", "name": "upper-circuit-tools", "uid": "1234"}
        ],
    } == job["metadata"]
    assert CRON_JOB["spec"]["jobTemplate"]["spec"] == job["spec"]


def test_arguments_change_the_job_and_not_the_template() -> None:
    """The template is somebody else's."""
    before = deepcopy(CRON_JOB)

    job = job_from(CRON_JOB, "a", ["models", "receive"])

    assert ["models", "receive"] == job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert before == CRON_JOB


def test_a_template_without_labels_will_do() -> None:
    """Kubernetes leaves out what is empty."""
    bare = deepcopy(CRON_JOB)
    del bare["spec"]["jobTemplate"]["metadata"]

    assert {} == job_from(bare, "a")["metadata"]["labels"]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (None, "running"),
        ({"active": 2}, "running"),
        ({"conditions": [{"type": "FailureTarget", "status": "True"}]}, "running"),
        ({"conditions": [{"type": "Complete", "status": "False"}]}, "running"),
        ({"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}]}, "complete"),
        ({"conditions": [{"type": "FailureTarget", "status": "True"}, {"type": "Failed", "status": "True"}]}, "failed"),
    ],
    ids=["new", "active", "about to fail", "said no", "complete", "failed"],
)  # fmt: skip
def test_the_last_condition_of_a_job_ends_it(status: Any, state: str) -> None:
    """Until then pods of it may be there."""
    assert state == state_of({"status": status} if status else {})


def test_a_pod_says_why_it_waits() -> None:
    """What a person would look up with kubectl describe."""
    pulling = {
        "name": "tools",
        "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
    }
    homeless = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node"}

    assert "ImagePullBackOff no such image" == why_waiting({"status": {"containerStatuses": [pulling]}})
    assert "Unschedulable no node" == why_waiting({"status": {"conditions": [homeless]}})
    assert "Pending" == why_waiting({"status": {"phase": "Pending"}})


def test_a_push_is_a_job_of_its_version() -> None:
    """Who promotes is written down by name, and the next command follows from whether it was promoted."""
    assert "upper-circuit-push-1-3-0" == job_name("upper-circuit", "push", "1.3.0")
    assert ("models", "receive") == arguments(promote=False, by="asha")
    assert ("models", "receive", "--promote", "--by", "asha") == arguments(promote=True, by="asha")
    assert "upper-circuit rollout start 1.3.0" == after("1.3.0", promote=False)
    assert after("1.3.0", promote=True).endswith("/api/v1/models/reload")
