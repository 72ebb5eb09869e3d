"""A session that is missing among the bars: named before anything is scored, until somebody says that there was none."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.factories import batch as factory
from tests.factories.batch_processes import BatchProcesses
from tests.factories.market import weekdays

DAYS = weekdays(130, factory.LISTED)
MISSING, AFTER = DAYS[-2:]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A market whose second newest session nobody loaded."""
    loaded = [day for day in DAYS if day != MISSING]
    factory.write(tmp_path / "db", factory.listings(40, loaded), loaded)
    factory.registry(tmp_path / "models")
    say(tmp_path, "calendar", is_session=1)
    return tmp_path


def say(folder: Path, source: str, *, is_session: int) -> None:
    """Let a calendar speak of the missing session."""
    row = f"INSERT INTO trading_calendar VALUES ('{MISSING}', '{source}', {is_session})"  # noqa: S608
    factory.change_market(folder / "db", row)


def test_a_run_after_the_missing_session_stops_and_says_what_helps(
    processes: BatchProcesses, folder: Path
) -> None:
    """Neither a green end nor a list made of older prices; the exchange may have been closed, which only the user knows."""
    code = processes.run(folder, "--date", str(AFTER))

    assert 1 == code
    assert (
        f"PRICES_STALE: 0.0% of the stocks that traded lately have a bar of {MISSING}, a session unless a list that "
        f"you ingest closes it (trading_date,is_session: {MISSING},0); 90.0% are needed for {AFTER}"
    ) in processes.said(folder)
    assert [] == factory.predictions(folder / "db")


@pytest.mark.parametrize(
    ("asked", "closed"),
    [(MISSING, False), (AFTER, True)],
    ids=["of that session itself", "once it is closed"],
)
def test_a_run_that_needs_no_bar_of_it_is_made(
    processes: BatchProcesses, folder: Path, asked: date, closed: bool
) -> None:
    """A run date needs the session before it; a day that the user closed is no session."""
    if closed:
        say(folder, "user", is_session=0)

    code = processes.run(folder, "--date", str(asked))

    assert 0 == code
    assert {row[0] for row in factory.predictions(folder / "db")}


def test_a_date_before_the_first_bar_is_no_holiday(processes: BatchProcesses, folder: Path) -> None:
    """A backfill that begins too early must not end green, day after day."""
    code = processes.run(folder, "--date", "2020-01-06")

    assert 1 == code
    assert f"no prices before 2020-01-06 are loaded: the first are of {DAYS[0]}" in processes.said(folder)
