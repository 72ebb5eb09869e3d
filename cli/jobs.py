"""
Jobs that people make from the chart's CronJobs, as `kubectl create job --from` makes them.

Everything a pod needs (image, claims, security, deadlines) is in the chart and nowhere else, so a command of a person
takes the chart's template and changes the name and the arguments. Nothing here talks to a cluster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Literal

CHART = "upper-circuit"
BY_HAND = {"cronjob.kubernetes.io/instantiate": "manual"}
"""What kubectl writes on a Job that it makes from a CronJob."""

JobState = Literal["running", "complete", "failed"]
Job = dict[str, Any]


def job_from(cron_job: Mapping[str, Any], name: str, arguments: Sequence[str] | None = None) -> Job:
    """A Job by hand; `arguments` replace those of its only container.

    It belongs to the CronJob, so that it goes with the release; but it is not controlled by it, else the CronJob's
    limits of history would delete it while somebody waits for it.
    """
    template = deepcopy(cron_job["spec"]["jobTemplate"])
    given, owner = template.get("metadata") or {}, cron_job["metadata"]
    if arguments is not None:
        template["spec"]["template"]["spec"]["containers"][0]["args"] = list(arguments)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": given.get("labels") or {},
            "annotations": {**(given.get("annotations") or {}), **BY_HAND},
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "CronJob",
                    "name": owner["name"],
                    "uid": owner["uid"],
                }
            ],
        },
        "spec": template["spec"],
    }


def state_of(job: Mapping[str, Any]) -> JobState:
    """How a Job stands. Between its last pod and its last condition it still runs."""
    for condition in (job.get("status") or {}).get("conditions") or ():
        if condition["status"] == "True" and condition["type"] in {"Complete", "Failed"}:
            return "complete" if condition["type"] == "Complete" else "failed"
    return "running"


def why_waiting(pod: Mapping[str, Any]) -> str:
    """Why a pod does not run yet, in Kubernetes' own words."""
    status = pod.get("status") or {}
    told = [
        " ".join(filter(None, [waiting.get("reason"), waiting.get("message")]))
        for container in status.get("containerStatuses") or ()
        if (waiting := (container.get("state") or {}).get("waiting"))
    ]
    told += [
        f"{condition.get('reason', '')} {condition.get('message', '')}".strip()
        for condition in status.get("conditions") or ()
        if condition["type"] == "PodScheduled" and condition["status"] == "False"
    ]
    return "; ".join(told) or str(status.get("phase", "no status"))
