"""One namespace a module, kept with --keep; everything here is skipped, with the reason, unless --with-e2e is given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import kube
from tests.e2e.kube import Namespace
from tests.e2e.person import Person
from tests.e2e.release import K8S, Release
from tests.e2e.stocks import Stocks

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs a cluster where none was asked for; `full` tests also without --full."""
    for item in items:
        if HERE not in item.path.parents:
            continue
        if not config.getoption("--with-e2e"):
            item.add_marker(pytest.mark.skip(reason="needs a cluster: make e2e"))
        elif item.get_closest_marker("full") and not config.getoption("--full"):
            item.add_marker(pytest.mark.skip(reason="needs a cluster and patience: make e2e-full"))


@pytest.fixture(scope="session")
def cluster() -> None:
    """A cluster that answers."""
    if not kube.has_cluster():
        pytest.fail("--with-e2e was given and no cluster answers at KUBECONFIG")


@pytest.fixture(scope="module")
def namespace(
    cluster: None,  # noqa: ARG001  # asked for first
    request: pytest.FixtureRequest,
) -> Iterator[Namespace]:
    """A fresh namespace that enforces Pod Security `restricted`, with a Gateway in it."""
    name = request.module.__name__.rsplit(".", 1)[-1].removeprefix("test_").replace("_", "-")
    found = Namespace(f"e2e-{name}")
    kube.kubectl("delete", "namespace", found.name, "--ignore-not-found", "--wait", timeout=180)
    kube.kubectl("create", "namespace", found.name)
    kube.kubectl("label", "namespace", found.name, "pod-security.kubernetes.io/enforce=restricted")
    found.kubectl("apply", "-f", str(K8S / "gateway.yaml"))
    yield found
    if not request.config.getoption("--keep"):
        kube.kubectl("delete", "namespace", found.name, "--wait=false")


@pytest.fixture(scope="module")
def release(namespace: Namespace) -> Release:
    """The chart with the demo's market and model, answering."""
    found = Release(namespace)
    found.install()
    return found


@pytest.fixture(scope="module")
def person(release: Release) -> Person:
    """Who types."""
    return Person(release)


@pytest.fixture(scope="module")
def stocks(release: Release) -> Stocks:
    """What is asked about."""
    return Stocks.of(release)
