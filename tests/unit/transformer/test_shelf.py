"""The newest morning, read once for all processes: where it can be read, where it cannot, and how soon that is told."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.factories.batch import LittleMarket
from tests.factories.processes import free_port
from tests.postgres import Postgres
from transformer.settings import TransformerSettings
from transformer.workers import Shelf


def shelf(**settings: Any) -> Shelf:
    """One over a database, with nothing else set."""
    return Shelf(TransformerSettings(**settings))


def test_it_is_read_again_only_when_the_database_changed(little: LittleMarket) -> None:
    """A process is forked every few seconds; the market changes once a day."""
    found = shelf(feature_dbs_path=little.folder)

    found.refresh()
    first = found.taken
    found.refresh()

    assert first is not None
    assert little.run_date == first[1].run_date
    assert first is found.taken


def test_without_data_there_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Processes are forked all the same, and say what is missing."""
    found = shelf(feature_dbs_path=tmp_path)

    found.refresh()

    assert found.taken is None
    assert ["SchemaOutdated"] == [record.__dict__["because"] for record in caplog.records]


@pytest.mark.postgres
def test_a_server_is_asked_with_little_patience(postgres: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    """Its limits go with the connection: a statement that hangs ends; here there is none, and no stock either."""
    found = shelf(database_url=postgres.migrated())

    found.refresh()

    assert found.taken is None
    assert ["DataUnavailable"] == [record.__dict__["because"] for record in caplog.records]


def test_a_server_that_is_away_is_told_soon(caplog: pytest.LogCaptureFixture) -> None:
    """Who waits here forks nobody; and what was read before would stay."""
    found = shelf(database_url=f"postgresql://u:a-password@127.0.0.1:{free_port()}/none")

    began = time.monotonic()
    found.refresh()

    assert time.monotonic() - began < 10
    assert found.taken is None
    assert ["OperationalError"] == [record.__dict__["because"] for record in caplog.records]
    assert "a-password" not in caplog.text
