"""What several modules here start, once each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.factories.batch_processes import BatchProcesses, batch_processes


@pytest.fixture(scope="module")
def processes() -> Iterator[BatchProcesses]:
    """Batch processes that start quickly, and that a test may kill."""
    with batch_processes() as server:
        yield server
