"""`upper-circuit models promote --namespace`: the real client at an API server of Kubernetes on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kubernetes import client
from typer.testing import CliRunner

from cli.cluster import Cluster
from cli.models import app
from tests.factories.api_servers import ApiServer
from tests.factories.listeners import listening
from tests.unit.cli.test_jobs import CRON_JOB

JOBS = "/apis/batch/v1/namespaces/desk/jobs"
PODS = "/api/v1/namespaces/desk/pods"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """A release with its tools, whose Jobs have a pod that ends well."""
    with listening(ApiServer()) as server:
        configuration = client.Configuration(host=f"http://127.0.0.1:{server.server_port}")
        with client.ApiClient(configuration) as api:
            monkeypatch.setattr(Cluster, "at", lambda *_: Cluster(api, "desk", "upper-circuit"))
            server.answers["/apis/batch/v1/namespaces/desk/cronjobs/upper-circuit-tools"] = CRON_JOB
            server.answers[JOBS] = {"items": []}
            server.answers[f"POST {JOBS}"] = {
                "metadata": {"name": "upper-circuit-promote-1-0-0", "uid": "u1"}
            }
            ended(server, "Succeeded", "1.0.0 is promoted, in place of 1.1.0\n")
            yield server


def ended(server: ApiServer, phase: str, log: str) -> None:
    """How the pod ends."""
    pod = {"metadata": {"name": "p"}, "status": {"phase": phase}}
    server.answers |= {PODS: {"items": [pod]}, f"{PODS}/p": pod, f"{PODS}/p/log": log}


def test_a_version_in_a_cluster_is_promoted_by_a_job_there(server: ApiServer) -> None:
    """No copy of the model is needed here; what the Job says is shown, and what comes next."""
    told = CliRunner().invoke(app, ["promote", "1.0.0", "--namespace", "desk"])

    assert 0 == told.exit_code
    assert [JOBS] == server.posts
    assert (
        "Job upper-circuit-promote-1-0-0 in namespace desk\n1.0.0 is promoted, in place of 1.1.0\n"
        in told.output
    )
    assert told.output.endswith("/api/v1/models/reload\n")


def test_a_job_that_says_no_ends_the_command_with_1(server: ApiServer) -> None:
    """A version that is not there, or damaged: in the Job's own words."""
    ended(server, "Failed", "upper-circuit: 1.0.0 is not in /registry\n")

    told = CliRunner().invoke(app, ["promote", "1.0.0", "--namespace", "desk"])

    assert 1 == told.exit_code
    assert "1.0.0 is not in /registry" in told.output
    assert "next:" not in told.output


def test_a_job_of_a_former_time_makes_way(server: ApiServer) -> None:
    """The same version promoted again, after another one was."""
    former = {"metadata": {"name": "upper-circuit-promote-1-0-0"}}
    server.answers[JOBS] = lambda: {"items": [] if server.deleted else [former]}

    told = CliRunner().invoke(app, ["promote", "1.0.0", "--namespace", "desk"])

    assert 0 == told.exit_code
    assert [f"{JOBS}/upper-circuit-promote-1-0-0"] == server.deleted
