"""A little market for transformers in the test's own process."""

from __future__ import annotations

import pytest

from tests.factories.batch import LittleMarket, market


@pytest.fixture(scope="session")
def little(tmp_path_factory: pytest.TempPathFactory) -> LittleMarket:
    """24 stocks, 500001 to 500024; not to be changed."""
    return market(tmp_path_factory.mktemp("little"), stocks=24, sessions=140)
