"""What a release's objects are called, by the chart's rule and by what a cluster has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kubernetes import client

from cli.fullname import found_fullname, fullname
from tests.factories.api_servers import ApiServer
from tests.factories.listeners import listening

CRON_JOBS = "/apis/batch/v1/namespaces/desk/cronjobs"


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("upper-circuit", "upper-circuit"),
        ("my-upper-circuit", "my-upper-circuit"),
        ("prod", "prod-upper-circuit"),
    ],
)
def test_objects_are_called_as_the_chart_calls_them(release: str, name: str) -> None:
    """Helm's usual rule: the chart's name is not said twice."""
    assert name == fullname(release)


@contextmanager
def api_with(cron_jobs: Any) -> Iterator[client.ApiClient]:
    """The real client at an API server that lists these CronJobs."""
    with listening(ApiServer()) as server:
        server.answers[CRON_JOBS] = cron_jobs
        configuration = client.Configuration(host=f"http://127.0.0.1:{server.server_port}")
        configuration.retries = False
        with client.ApiClient(configuration) as api:
            yield api


def test_a_name_of_the_releases_own_is_found() -> None:
    """`fullnameOverride` can be anything; the CronJob of the tools, which every release has, tells it."""
    names = [{"metadata": {"name": f"desk-alpha-{suffix}"}} for suffix in ("batch", "tools")]
    with api_with({"items": names}) as api:
        assert "desk-alpha" == found_fullname(api, "desk", "prod")


@pytest.mark.parametrize("answer", [{"items": []}, 403], ids=["not installed", "may not list"])
def test_the_charts_rule_counts_where_nothing_is_found(answer: Any) -> None:
    """Before an install, and for whoever may look at single objects only."""
    with api_with(answer) as api:
        assert "prod-upper-circuit" == found_fullname(api, "desk", "prod")
