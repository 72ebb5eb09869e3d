"""What every test may ask for: the real exchange history, where the user has it; a running pair."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.factories.batch import LittleMarket
    from tests.factories.online import OnlineMarket, Pair

from tests.postgres import database, migrated_folder, postgres  # noqa: F401  # fixtures of every test

# A law that holds is not broken by a neighbour who uses the machine.
settings.register_profile("upper-circuit", deadline=None)
settings.load_profile("upper-circuit")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The switches of the cluster tests, which nobody runs by accident."""
    group = parser.getgroup("cluster")
    group.addoption("--with-e2e", action="store_true", help="run tests/e2e on the cluster at KUBECONFIG")
    group.addoption("--full", action="store_true", help="all of them, not one of each kind")
    group.addoption("--keep", action="store_true", help="leave their namespaces for a look")


@pytest.fixture(scope="session")
def market_data() -> Path:
    """The folder of real exchange files that MARKET_DATA names; the test is skipped without it."""
    folder = os.environ.get("MARKET_DATA")
    if not folder:
        pytest.skip("MARKET_DATA names no folder of real exchange files")
    return Path(folder)


@pytest.fixture(scope="session")
def little(tmp_path_factory: pytest.TempPathFactory) -> LittleMarket:
    """24 stocks, 500001 to 500024, for programs in the test's own process; not to be changed."""
    from tests.factories.batch import market

    return market(tmp_path_factory.mktemp("little"), stocks=24, sessions=140)


@pytest.fixture(scope="session")
def online_market(tmp_path_factory: pytest.TempPathFactory) -> OnlineMarket:
    """A small market with every kind of stock, and two models; not to be changed."""
    from tests.factories.online import online_market as build

    return build(tmp_path_factory.mktemp("online"))


@pytest.fixture(scope="session")
def pair(online_market: OnlineMarket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The online pair over it, answering; not to be stopped."""
    from tests.factories.online import pair as start

    with start(online_market, tmp_path_factory.mktemp("pair")) as started:
        yield started
