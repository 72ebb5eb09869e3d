"""What every test may ask for: the real exchange history, where the user has it."""

import os
from pathlib import Path

import pytest

from tests.postgres import database, migrated_folder, postgres  # noqa: F401  # fixtures of every test


@pytest.fixture(scope="session")
def market_data() -> Path:
    """The folder of real exchange files that MARKET_DATA names; the test is skipped without it."""
    folder = os.environ.get("MARKET_DATA")
    if not folder:
        pytest.skip("MARKET_DATA names no folder of real exchange files")
    return Path(folder)
