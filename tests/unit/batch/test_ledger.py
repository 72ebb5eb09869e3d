"""The ledger's rules, one by one, on both databases."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from batch.attempting import Attempting
from batch.interruption import Interrupted
from batch.ledger import Ledger, NoSuchShard, Published, RunEnded
from batch.ledger_rows import Attempt, Run, longest_seconds, shard_states
from tests.factories.batch import asked
from upper_circuit.errors import Fenced
from upper_circuit.market.database import Database
from upper_circuit.market.schema import run_shards

DAY = date(2025, 11, 14)
NOTHING = Published("the report", "the csv")


@pytest.fixture
def ledger(database: Database) -> Ledger:
    """Its ledger, at 1,000 seconds past."""
    return Ledger(database, worker="here:1", clock=lambda: 1_000.0)


def begin(ledger: Ledger, run_id: str = "first", *, shards: int = 1, version: str = "1.0.0") -> Run:
    """A run of the day."""
    return ledger.begin(run_id, DAY, "XGBoost", version, shards=shards)


def take(ledger: Ledger, run_id: str = "first", shard: int = 0) -> Attempt:
    """A shard that is open."""
    attempt = ledger.take(run_id, shard)
    assert attempt is not None
    return attempt


def finish(ledger: Ledger, attempt: Attempt, **seconds: float) -> None:
    """A shard without rows."""
    with ledger.writing(attempt) as connection:
        ledger.done(connection, attempt, scored=3, skipped=1, seconds=seconds)


def states(database: Database, run_id: str = "first") -> dict[int, str]:
    """The states of a run's shards."""
    with database.reading("predictions") as connection:
        return shard_states(connection, run_id)


def test_a_run_that_is_begun_again_under_its_name_is_joined(ledger: Ledger) -> None:
    """The pods of one Job share a run; its number of shards is that of whoever came first."""
    first = begin(ledger, shards=3)

    second = begin(ledger, shards=5)

    assert Run("first", "planned", 3, None) == first == second


def test_a_newer_run_replaces_those_still_open_for_its_date_and_model(
    ledger: Ledger, database: Database
) -> None:
    """Their shards are lost to them and their attempts fenced; a run that is done stays done."""
    begin(ledger, "done")
    finish(ledger, take(ledger, "done"))
    ledger.close("done", lambda _: NOTHING)
    begin(ledger, "older", shards=2)
    finish(ledger, take(ledger, "older", 0))
    take(ledger, "older", 1)

    begin(ledger, "newer")

    assert Run("older", "failed", 2, "replaced by run newer") == ledger.find("older")
    assert {0: "done", 1: "lost"} == states(database, "older")
    assert [("done",), ("done",), ("fenced",)] == asked(
        database, "SELECT state FROM run_attempts ORDER BY token"
    )
    assert "done" == (ledger.find("done") or first_of_none()).state


def first_of_none() -> Run:
    """For a run that should be there."""
    raise AssertionError("no such run")


def test_runs_of_another_date_or_model_version_are_left_alone(ledger: Ledger) -> None:
    """A backfill and a canary run beside the morning's."""
    begin(ledger, "today")
    begin(ledger, "canary", version="1.1.0")

    ledger.begin("yesterday", date(2025, 11, 13), "XGBoost", "1.0.0")

    assert ["planned"] * 3 == [
        run.state for name in ("today", "canary", "yesterday") if (run := ledger.find(name))
    ]


def test_an_attempt_that_was_replaced_cannot_write(ledger: Ledger, database: Database) -> None:
    """Of two attempts at a shard only the newer one's token opens the transaction."""
    begin(ledger)
    older = take(ledger)
    newer = take(ledger)

    with pytest.raises(Fenced, match=f"attempt {older.token} of shard 0 in run first was replaced"):
        finish(ledger, older)

    assert newer.token > older.token
    finish(ledger, newer)
    assert {0: "done"} == states(database)


def test_rows_of_an_attempt_and_the_end_of_its_shard_are_one_transaction(
    ledger: Ledger, database: Database
) -> None:
    """A writer that fails half way leaves the shard open and nothing written."""
    begin(ledger)
    attempt = take(ledger)

    with pytest.raises(ZeroDivisionError), ledger.writing(attempt) as connection:  # noqa: PT012
        ledger.done(connection, attempt, scored=1, skipped=0, seconds={})
        raise ZeroDivisionError

    assert {0: "open"} == states(database)


def test_a_shard_is_written_once(ledger: Ledger) -> None:
    """A shard that is done is not taken again, and its own attempt cannot write a second time."""
    begin(ledger)
    attempt = take(ledger)
    finish(ledger, attempt)

    with pytest.raises(Fenced):
        finish(ledger, attempt)

    assert ledger.take("first", 0) is None


def test_a_shard_that_the_run_does_not_have_is_hopeless(ledger: Ledger) -> None:
    """Index and number of shards disagree: trying again cannot help."""
    begin(ledger, shards=2)

    with pytest.raises(NoSuchShard, match="run first has no shard 2"):
        ledger.take("first", 2)


def test_whoever_finishes_last_publishes_and_only_once(ledger: Ledger, database: Database) -> None:
    """A run is closed when its last shard is, with report and CSV beside it."""
    begin(ledger, shards=2)
    published = []

    def publish(_connection: sa.Connection) -> Published:
        published.append("once")
        return NOTHING

    finish(ledger, take(ledger, shard=0))
    too_early = ledger.close("first", publish)
    finish(ledger, take(ledger, shard=1))
    closed = ledger.close("first", publish)
    again = ledger.close("first", publish)

    assert (None, None) == (too_early, again)
    assert Run("first", "done", 2, None) == closed
    assert ["once"] == published
    assert [("the report", "the csv", 1_000)] == asked(database, "SELECT report, csv, finished_at FROM runs")


def test_a_run_whose_publisher_fails_stays_open(ledger: Ledger) -> None:
    """Files that could not be written are written by the next one who tries."""
    begin(ledger)
    finish(ledger, take(ledger))

    def publish(_connection: sa.Connection) -> Published:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        ledger.close("first", publish)

    assert ledger.close("first", lambda _: NOTHING) is not None


def test_a_run_with_a_failed_shard_is_published_and_names_it(ledger: Ledger) -> None:
    """A part of the market is better than none, and the run does not call itself done."""
    begin(ledger, shards=2)
    finish(ledger, take(ledger, shard=0))
    ledger.give_up(take(ledger, shard=1), "failed", "poisoned", closing=True)

    closed = ledger.close("first", lambda _: NOTHING)

    assert Run("first", "failed", 2, "shard 1 failed") == closed


def test_a_run_all_of_whose_shards_failed_publishes_nothing(ledger: Ledger) -> None:
    """The former files of the day stay; the run has the reason of its last shard."""
    begin(ledger)
    ledger.give_up(take(ledger), "failed", "no model", closing=True)

    closed = ledger.close("first", lambda _: pytest.fail("published"))

    assert closed is None
    assert Run("first", "failed", 1, "no model") == ledger.find("first")
    assert "run first has ended: no model" == str(RunEnded.of(ledger.find("first") or first_of_none()))


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ValueError("odd"), "failed"),
        (Interrupted("SIGTERM"), "interrupted"),
        (Fenced("first", 0, 1), "fenced"),
    ],
    ids=["failure", "stop", "fence"],
)
def test_an_attempt_says_how_it_ended(
    ledger: Ledger, database: Database, error: Exception, state: str
) -> None:
    """Whatever ends an attempt stands in the ledger, and goes on."""
    begin(ledger)

    with pytest.raises(type(error)), Attempting(ledger, take(ledger), is_retried=True):
        raise error

    assert [(state, f"{type(error).__name__}: {error}")] == asked(
        database, "SELECT state, reason FROM run_attempts"
    )
    assert [("open",)] == asked(database, "SELECT state FROM run_shards")


def test_a_failure_that_nobody_retries_closes_the_shard(ledger: Ledger, database: Database) -> None:
    """On one machine nobody comes back for a shard by itself."""
    begin(ledger)

    with pytest.raises(ValueError, match="odd"), Attempting(ledger, take(ledger), is_retried=False):
        raise ValueError("odd")

    assert {0: "failed"} == states(database)


def test_an_error_is_not_hidden_by_a_ledger_that_is_away(migrated_folder: Path, tmp_path: Path) -> None:
    """When the database is what failed, its own error is the one that is told."""
    database = Database.at(shutil.copytree(migrated_folder, tmp_path / "db"))
    ledger = Ledger(database, worker="here:1")
    begin(ledger)
    attempt = take(ledger)

    with pytest.raises(ValueError, match="odd"), Attempting(ledger, attempt, is_retried=False):  # noqa: PT012
        with database.writing("predictions") as connection:
            run_shards.drop(connection)
        raise ValueError("odd")

    assert [("running",)] == asked(database, "SELECT state FROM run_attempts")
    database.dispose()


def test_shards_run_side_by_side_so_the_longest_counts(ledger: Ledger, database: Database) -> None:
    """The report's times are what a person waited for."""
    begin(ledger, shards=2)
    finish(ledger, take(ledger, shard=0), features=2.0, write=0.5)
    finish(ledger, take(ledger, shard=1), features=1.0, write=0.75)

    with database.reading("predictions") as connection:
        assert {"features": 2.0, "write": 0.75} == longest_seconds(connection, "first")


def test_a_day_without_trade_is_a_run_that_was_skipped(ledger: Ledger, database: Database) -> None:
    """Recorded once, however many pods come."""
    ledger.skip("holiday", DAY, "no session")
    ledger.skip("holiday", DAY, "no session")

    assert [("holiday", "2025-11-14", "skipped", "no session", 0)] == asked(
        database, "SELECT run_id, run_date, state, reason, shards FROM runs"
    )


def test_a_run_that_fails_before_it_begins_is_recorded_with_a_report(
    ledger: Ledger, database: Database
) -> None:
    """Once, however many pods find out; whoever asks for the report is told why there is none."""
    ledger.refuse("first", DAY, "no model")
    ledger.refuse("first", DAY, "no model, again")

    [(state, reason, report)] = asked(database, "SELECT state, reason, report FROM runs")
    assert ("failed", "no model") == (state, reason)
    assert "FAILED: no stock was scored by run first\nReason: no model\n" in report


def test_a_run_that_has_begun_is_not_refused(ledger: Ledger) -> None:
    """Its shards say how it ends."""
    begin(ledger)

    ledger.refuse("first", DAY, "no model")

    assert Run("first", "planned", 1, None) == ledger.find("first")


def test_an_abandoned_run_loses_its_open_shards_and_is_published(ledger: Ledger, database: Database) -> None:
    """Those who still have them are fenced; what was done stays."""
    begin(ledger, shards=3)
    finish(ledger, take(ledger, shard=0))
    late = take(ledger, shard=1)

    ledger.abandon("first", "deadline")

    assert {0: "done", 1: "lost", 2: "lost"} == states(database)
    with pytest.raises(Fenced):
        finish(ledger, late)
    assert Run("first", "failed", 3, "shard 1 lost, 2 lost") == ledger.close("first", lambda _: NOTHING)


def test_an_abandoned_run_of_which_nothing_was_done_fails_with_its_reason(ledger: Ledger) -> None:
    """There is nothing to publish but why."""
    begin(ledger, shards=2)
    ledger.abandon("first", "deadline")

    closed = ledger.close("first", lambda _: pytest.fail("published"))

    assert closed is None
    assert Run("first", "failed", 2, "deadline") == ledger.find("first")


def test_a_run_that_is_finished_cannot_be_abandoned(ledger: Ledger, database: Database) -> None:
    """A sweeper that comes late changes nothing."""
    begin(ledger)
    finish(ledger, take(ledger))
    ledger.close("first", lambda _: NOTHING)

    ledger.abandon("first", "deadline")

    assert Run("first", "done", 1, None) == ledger.find("first")
    assert {0: "done"} == states(database)
    assert [] == ledger.unfinished()


@pytest.mark.parametrize(
    ("version", "other"),
    [("1.1.0", None), ("1.2.0", "1.1.0"), ("1.2.0", "1.0.0")],
    ids=["own", "both", "other"],
)
def test_a_run_replaces_those_that_write_rows_of_one_of_its_versions(
    ledger: Ledger, version: str, other: str | None
) -> None:
    """Two runs may not write the same rows, whichever of them is the active one of its run."""
    ledger.begin("older", DAY, "XGBoost", "1.0.0", other_version="1.1.0")

    ledger.begin("newer", DAY, "XGBoost", version, other_version=other)

    assert ["newer"] == [run.run_id for run in ledger.unfinished()]


@pytest.mark.parametrize(("in_cluster", "state"), [(True, "open"), (False, "failed")])
def test_a_pod_that_is_stopped_leaves_its_shard_to_its_replacement(
    ledger: Ledger, database: Database, in_cluster: bool, state: str
) -> None:
    """An eviction is no failure, even where no failure is allowed any more."""
    begin(ledger)

    with (
        pytest.raises(Interrupted),
        Attempting(ledger, take(ledger), is_retried=False, is_replaced_when_stopped=in_cluster),
    ):
        raise Interrupted("SIGTERM")

    assert {0: state} == states(database)
