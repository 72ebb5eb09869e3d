"""
Steps of a rollout while something else goes wrong.

Pods die, nodes are emptied and proxies restarted on their own calendar, also while a model is on its way. Each of them
happens in the middle of every step, under a desk's load: no answer may be wrong, and with the route's retries on none
may be lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.e2e import load as loads
from tests.e2e import nodes
from tests.e2e.kube import Namespace, kubectl
from tests.e2e.person import Person
from tests.e2e.release import GATEWAY, TWO_OF_EACH, Release
from tests.e2e.stocks import Stocks

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]

SEED = 20_261_111
OLD, NEW = "1.0.0", "1.1.0"
PROXIES = ("-n", "envoy-gateway-system")


def steps(version: str) -> list[tuple[str, ...]]:
    """A model's whole way into production, with one step back."""
    start = ("start", version)
    return [start, (*start, "--weight", "10"), (*start, "--weight", "50"),
            ("promote",), ("rollback",), ("promote",), ("finish",)]  # fmt: skip


@pytest.fixture(scope="module")
def release(namespace: Namespace) -> Release:
    """Two of everything in each slot, a node each."""
    found = Release(namespace)
    found.install(*TWO_OF_EACH)
    found.until_rolled_out()
    return found


@pytest.fixture(scope="module")
def right(
    person: Person, stocks: Stocks, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], float]:
    """What each version must answer, by stock and version; the new one is pushed."""
    registry = person.registry_with(tmp_path_factory.mktemp("registry"), OLD, NEW)
    return stocks.probabilities(registry, OLD) | stocks.probabilities(registry, NEW)


@contextmanager
def a_predictor_of_each_slot_deleted(release: Release) -> Iterator[None]:
    """The oldest one of each slot, and others come."""
    oldest: dict[str, str] = {}
    for pod in release.namespace.pods(instance=release.name, component="predictor"):
        oldest.setdefault(pod["metadata"]["labels"]["app"], pod["metadata"]["name"])
    release.namespace.kubectl("delete", "pod", *oldest.values(), "--wait=false")
    yield


def a_node_drained(release: Release) -> AbstractContextManager[None]:
    """node-2 emptied of this release's pods, the database among them, until the step has ended."""
    return nodes.drained(release.name)


@contextmanager
def the_gateway_restarted(release: Release) -> Iterator[None]:
    """Its proxies replaced one after the other, as an upgrade of the Gateway does."""
    labels = (
        f"gateway.envoyproxy.io/owning-gateway-name={GATEWAY},"
        f"gateway.envoyproxy.io/owning-gateway-namespace={release.namespace.name}"
    )
    kubectl(*PROXIES, "rollout", "restart", "deployment", "-l", labels)
    yield
    kubectl(*PROXIES, "rollout", "status", "deployment", "-l", labels, "--timeout=180s", timeout=200)


@pytest.mark.parametrize(
    "disturbed", [a_predictor_of_each_slot_deleted, a_node_drained, the_gateway_restarted]
)
def test_whatever_happens_in_the_middle_of_a_step_no_answer_is_wrong_or_lost(
    *,
    release: Release,
    person: Person,
    stocks: Stocks,
    right: dict[tuple[str, str], float],
    disturbed: Callable[[Release], AbstractContextManager[None]],
) -> None:
    """Each step begins together with the disturbance; the next one waits for both and for the pods that are to come.

    The version that does not answer yet goes the whole way, so the second disturbance meets the way back.
    """
    present = stocks.asked(through=release.outside)
    with stocks.load(SEED) as load:
        for step in steps(NEW if present == OLD else OLD):
            begun = time.monotonic()
            with ThreadPoolExecutor(1) as thread:
                taken = thread.submit(person.rollout, *step)
                with disturbed(release):
                    taken.result()
            release.until_rolled_out()
            load.counted(100, time.monotonic(), release.namespace)
            during = load.since(begun)
            print({"step": step, "answers": len(during), "slowest": loads.slowest(during, 1.0)})  # noqa: T201

    assert {} == dict(load.failures())
    assert [] == loads.mixed(load.answers)
    assert [] == loads.wrong(load.answers, lambda row: right[row.bse_code, row.version] == row.probability)
    assert {OLD, NEW} == set(loads.by_version(load.answers))
