"""Processes that are killed, paused, doubled and asked to stop: whatever happens, the table is that of a clean run."""

from __future__ import annotations

import os
import select
import shutil
import sqlite3
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

import pytest

from tests.factories import batch as factory
from tests.factories.batch_processes import BatchProcesses

MOMENTS = {
    "before its shard is taken": "INSERT INTO main.run_attempts",
    "while features are computed": "UPDATE main.runs SET lease_until",
    "before the plan is stored": "UPDATE main.runs SET as_of",
    "half way through the rows": "INSERT INTO prediction_details",
    "before the shard is closed": "UPDATE main.run_shards SET state",
    "before the first file": "rename {out}/predictions_",
    "between two files": "rename {out}/report_",
    "before the run is finished": "UPDATE main.runs SET state=?, reason=?, finished_at=?, report",
}


@pytest.fixture(scope="module")
def little(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a small market and a model, and the date to run for."""
    folder = tmp_path_factory.mktemp("little")
    little_market = factory.market(folder / "db", stocks=12, sessions=130)
    factory.registry(folder / "models")
    return folder, str(little_market.run_date)


@pytest.fixture(scope="module")
def clean(
    little: tuple[Path, str], processes: BatchProcesses, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder after one run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("clean") / "copy"
    shutil.copytree(little[0], folder)
    assert 0 == processes.run(folder, "--date", little[1])
    return folder


@pytest.fixture
def folder(little: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of the small market that nobody else uses."""
    return Path(shutil.copytree(little[0], tmp_path / "copy"))


@pytest.fixture
def day(little: tuple[Path, str]) -> str:
    """The date to run for."""
    return little[1]


def table(folder: Path) -> list[tuple[object, ...]]:
    """Rows of daily_predictions by code."""
    return factory.predictions(folder / "db")


def csv(folder: Path, day: str) -> bytes:
    """The predictions' file."""
    return (folder / "out" / f"predictions_{day}.csv").read_bytes()


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_a_run_after_a_killed_one_leaves_the_table_and_files_of_a_clean_run(
    processes: BatchProcesses, folder: Path, clean: Path, day: str, moment: str
) -> None:
    """Kill -9 at any step, then the same command again: nothing is missing, nothing is doubled."""
    at = moment.format(out=folder / "out")

    killed = processes.run(folder, "--date", day, at=at, send=SIGKILL)
    after_death = table(folder)
    again = processes.run(folder, "--date", day)

    assert (-SIGKILL, 0) == (killed, again)
    assert after_death in ([], table(clean))
    assert table(clean) == table(folder)
    assert csv(clean, day) == csv(folder, day)
    assert {"failed", "done"} >= {
        state for (state,) in factory.asked(folder / "db", "SELECT state FROM runs")
    }
    assert not [path for path in (folder / "out").iterdir() if path.suffix == ".part"]


def test_a_killed_run_leaves_yesterdays_answer_as_it_was(
    processes: BatchProcesses, folder: Path, day: str
) -> None:
    """Old rows and new ones change places in one transaction: a reader never finds a part of either."""
    processes.run(folder, "--date", day)
    connection = sqlite3.connect(folder / "db" / "predictions.db")
    with connection:
        connection.execute("UPDATE daily_predictions SET probability = 0.125")
    connection.close()
    before = table(folder)

    killed = processes.run(folder, "--date", day, at="INSERT INTO prediction_details", send=SIGKILL)

    assert -SIGKILL == killed
    assert before == table(folder)


def test_no_worker_outlives_a_killed_run(processes: BatchProcesses, folder: Path, day: str) -> None:
    """Workers end with their parent, however it ends: nobody is there to end them otherwise."""
    pid = processes.start(
        folder, "--date", day, "--workers", "3", at="UPDATE main.runs SET as_of", send=SIGSTOP
    )
    assert -SIGSTOP == processes.wait(pid)
    workers = [os.pidfd_open(worker) for worker in children(pid)]

    os.kill(pid, SIGKILL)
    processes.wait(pid)

    assert len(workers) >= 3  # and the process that proves the model, if it still does
    assert {True} == {has_ended(worker, within=30) for worker in workers}


def test_a_paused_run_that_was_replaced_writes_nothing_when_it_wakes(
    processes: BatchProcesses, folder: Path, clean: Path, day: str
) -> None:
    """The token of the second run is newer: the first, waking with finished rows in its hands, is fenced."""
    first = processes.start(folder, "--date", day, at="main.price_bands", send=SIGSTOP)
    assert -SIGSTOP == processes.wait(first)
    assert 0 == processes.run(folder, "--date", day)
    stamps = factory.asked(folder / "db", "SELECT prediction_id FROM daily_predictions")

    os.kill(first, SIGCONT)
    code = processes.wait(first)

    assert 75 == code
    assert stamps == factory.asked(folder / "db", "SELECT prediction_id FROM daily_predictions")
    assert table(clean) == table(folder)
    assert [("failed",), ("done",)] == factory.asked(folder / "db", "SELECT state FROM runs ORDER BY rowid")
    assert [("fenced",), ("done",)] == factory.asked(
        folder / "db", "SELECT state FROM run_attempts ORDER BY token"
    )
    assert "was replaced by a newer one" in processes.said(folder)


def test_a_run_paused_before_its_files_leaves_those_of_the_newer_run(
    processes: BatchProcesses, folder: Path, day: str
) -> None:
    """Files are put in place under the same right as rows: an older run's never overwrite a newer one's."""
    rows_written = "UPDATE main.run_shards SET state then BEGIN IMMEDIATE"
    first = processes.start(folder, "--date", day, at=rows_written, send=SIGSTOP)
    assert -SIGSTOP == processes.wait(first)
    factory.change_market(folder / "db", "UPDATE master_stock_list SET company_name = 'NEWER'")
    assert 0 == processes.run(folder, "--date", day)
    newer = csv(folder, day)

    os.kill(first, SIGCONT)
    code = processes.wait(first)

    assert 75 == code
    assert b"NEWER" in newer
    assert newer == csv(folder, day)


def test_two_runs_at_once_leave_the_table_of_one(
    processes: BatchProcesses, folder: Path, clean: Path, day: str
) -> None:
    """Started together, one finishes; the other finishes too, or ends saying that it was replaced."""
    pids = [processes.start(folder, "--date", day) for _ in range(2)]

    codes = sorted(processes.wait(pid) for pid in pids)

    assert codes in ([0, 0], [0, 75])
    assert table(clean) == table(folder)
    assert csv(clean, day) == csv(folder, day)


def test_a_run_asked_to_stop_while_it_computes_stops_with_nothing_written(
    processes: BatchProcesses, folder: Path, day: str
) -> None:
    """SIGTERM ends a run after the block of stocks at hand; the ledger says why."""
    code = processes.run(folder, "--date", day, at="UPDATE main.runs SET lease_until", send=SIGTERM)

    assert 75 == code
    assert [] == table(folder)
    assert [("interrupted", "Interrupted: SIGTERM")] == factory.asked(
        folder / "db", "SELECT state, reason FROM run_attempts"
    )


def test_a_run_asked_to_stop_with_rows_in_its_hands_saves_them_first(
    processes: BatchProcesses, folder: Path, clean: Path, day: str
) -> None:
    """What is done is committed; files are left to the next run."""
    code = processes.run(folder, "--date", day, at="main.price_bands", send=SIGTERM)

    assert 75 == code
    assert table(clean) == table(folder)
    assert not (folder / "out").exists()


def test_an_ingest_in_the_middle_makes_the_run_read_again(
    processes: BatchProcesses, folder: Path, day: str
) -> None:
    """Lists and prices of two states are no market: the table is that of the new state, whole."""
    paused = processes.start(folder, "--date", day, at="UPDATE main.runs SET lease_until", send=SIGSTOP)
    assert -SIGSTOP == processes.wait(paused)
    factory.change_market(
        folder / "db", "UPDATE master_stock_list SET company_name = 'RENAMED' WHERE bse_code = '500003'"
    )

    os.kill(paused, SIGCONT)
    code = processes.wait(paused)

    assert 0 == code
    assert ["RENAMED"] == [row[2] for row in table(folder) if row[0] == "500003"]
    assert [(2,)] == factory.asked(folder / "db", "SELECT data_version FROM runs")


def children(pid: int) -> list[int]:
    """Processes that a process started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def has_ended(process: int, within: float) -> bool:
    """Whether the process behind a handle ends within so many seconds."""
    return bool(select.select([process], [], [], within)[0])
