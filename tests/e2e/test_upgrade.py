"""
From the first chart to this one, back, and away.

`charts/` keeps the first chart as it was packed; it runs today's images, as a cluster does whose chart nobody has touched
for a long time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kube import Namespace
from tests.e2e.release import Release
from tests.e2e.stocks import Stocks

pytestmark = pytest.mark.timeout(900)

FIRST = Path(__file__).parent / "charts" / "upper-circuit-1.0.0.tgz"
KINDS = (
    "inferenceservices,servingruntimes,deployments,cronjobs,jobs,services,secrets,configmaps,serviceaccounts,"
    "horizontalpodautoscalers,poddisruptionbudgets,networkpolicies,httproutes,backendtrafficpolicies"
)

Answers = dict[str, float]


@pytest.fixture(scope="module")
def release(namespace: Namespace) -> Release:
    """The first chart, answering."""
    found = Release(namespace)
    found.install(chart=FIRST)
    found.until_rolled_out()
    return found


@pytest.fixture(scope="module")
def first(stocks: Stocks) -> Answers:
    """What the first chart answered."""
    return stocks.answered()


def test_an_upgrade_from_the_first_chart_fails_no_request(
    release: Release, stocks: Stocks, first: Answers
) -> None:
    """Objects that have other names now take the place of the old ones while questions are answered."""
    with stocks.steadily(first):
        release.upgrade()

    assert first == stocks.answered()
    assert {"upper-circuit-a-predictor-scaling", "upper-circuit-a-transformer-scaling"} == names(
        release, "horizontalpodautoscalers"
    )


def test_the_morning_run_is_done_by_what_was_upgraded(release: Release, stocks: Stocks) -> None:
    """Four pods on the same tables; its list is the one that the API gives."""
    status = release.ended(release.run_by_hand(str(stocks.morning)))

    assert 4 == status.get("succeeded")
    assert "done" == release.ask(f"/api/v1/runs/{stocks.morning}")["run"]["state"]


def test_a_rollback_fails_no_request(release: Release, stocks: Stocks, first: Answers) -> None:
    """The first chart again, as Helm kept it."""
    with stocks.steadily(first):
        release.helm("rollback", release.name, "1")
        release.until_rolled_out()

    assert first == stocks.answered()


def test_an_uninstall_leaves_the_models_and_nothing_else(release: Release) -> None:
    """Claims with what people have made stay; the demo's database goes, and so does everything that ran."""
    release.helm("uninstall", release.name)

    wait = release.namespace.wait
    wait(lambda: not release.namespace.get("pods")["items"], within=120, what="the end of every pod")
    wait(lambda: not names(release, KINDS), within=60, what="the end of every object")
    assert {"upper-circuit-registry"} == names(release, "persistentvolumeclaims")


def names(release: Release, kinds: str) -> set[str]:
    """Objects of these kinds that belong to the release."""
    found: list[dict[str, Any]] = release.namespace.get(kinds)["items"]
    return {
        each["metadata"]["name"]
        for each in found
        if each["metadata"]["name"].startswith(release.name) and not each["metadata"].get("deletionTimestamp")
    }
