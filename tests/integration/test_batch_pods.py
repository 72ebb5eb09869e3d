"""
The morning run as pods: real processes on a real PostgreSQL, that die, pause, meet and come twice.

After each fault the table is that of a clean run for all that can be scored, the ledger names the rest with reasons,
and a report exists.
"""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import replace
from email import message_from_string
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

import pytest

from tests.factories import batch as factory
from tests.factories.batch import LittleMarket
from tests.factories.batch_pods import Job
from tests.factories.batch_processes import BatchProcesses
from tests.factories.listeners import MailServer, listening
from tests.postgres import Postgres

pytestmark = pytest.mark.postgres

SHARDS = 4
STOCKS = 22
ROWS_IN_HAND = "market.price_bands"
"""The last thing a shard reads before it writes."""
MOMENTS = (
    "INSERT INTO predictions.run_attempts",
    "UPDATE predictions.runs SET lease_until",
    "UPDATE predictions.runs SET as_of",
    ROWS_IN_HAND,
    "DELETE FROM predictions.skipped_stocks",
    "UPDATE predictions.run_shards SET state",
)
"""Steps of the pod that plans, first to last."""
CORRECTION = (
    "UPDATE master_stock_list SET company_name = 'NEWER ' || bse_code",
    """
    INSERT INTO corporate_actions (bse_code, ex_date, source, factor)
    SELECT bse_code, '2023-06-01', 'user', 0.5 FROM master_stock_list
    """,
)
"""Changes every row of the table."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with two versions, the first one promoted."""
    return factory.registry(tmp_path_factory.mktemp("models") / "models", "1.1.0", "1.0.0")


@pytest.fixture(scope="module")
def original(postgres: Postgres) -> LittleMarket:
    """The market that every test begins with; nobody writes to it."""
    return factory.market(postgres.migrated(), stocks=STOCKS, sessions=130)


@pytest.fixture
def job(
    processes: BatchProcesses, models: Path, original: LittleMarket, postgres: Postgres, tmp_path: Path
) -> Job:
    """A Job of four pods over a market of its own."""
    return new_job(processes, models, original, postgres, tmp_path)


def new_job(
    processes: BatchProcesses, models: Path, original: LittleMarket, postgres: Postgres, folder: Path
) -> Job:
    """A Job over a copy of everything."""
    shutil.copytree(models, folder / "models")
    copy = postgres.copied(str(original.location))
    return Job(processes, folder, replace(original, location=copy), SHARDS)


@pytest.fixture(scope="module")
def clean(
    processes: BatchProcesses,
    models: Path,
    original: LittleMarket,
    postgres: Postgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[tuple[object, ...]]:
    """The table of one process that nothing disturbed."""
    job = new_job(processes, models, original, postgres, tmp_path_factory.mktemp("clean"))
    assert 0 == job.alone("--date", str(job.little.run_date))
    return job.table()


def test_pods_at_once_give_the_table_of_one_process_and_one_report(
    job: Job, clean: list[tuple[object, ...]], tmp_path: Path
) -> None:
    """The date comes from the minute in the Job's name; report and CSV are in the ledger and in one log, no files."""
    pids = [job.start(shard) for shard in range(SHARDS)]

    codes = [job.processes.wait(pid) for pid in pids]

    assert [0] * SHARDS == codes
    assert clean == job.table()
    [(state, shards, report, csv)] = job.asked("SELECT state, shards, report, csv FROM runs")
    assert ("done", SHARDS) == (state, shards)
    assert 1 == job.said().count(report)
    assert STOCKS + 1 == len(csv.splitlines())
    assert not (tmp_path / "out").exists()


def test_a_job_made_by_hand_says_its_date_itself_and_writes_files_where_a_folder_is_set(
    job: Job, clean: list[tuple[object, ...]], tmp_path: Path
) -> None:
    """By `kubectl create job --from=cronjob/NAME NAME-2025-12-17`, with a claim to write to."""
    by_hand = Job(job.processes, tmp_path, job.little, 1, name=f"again-{job.little.run_date}")

    code = by_hand.run(0, OUTPUT_DIR=str(tmp_path / "claim"))

    assert 0 == code
    assert clean == by_hand.table()
    [(csv,)] = by_hand.asked("SELECT csv FROM runs")
    assert csv == (tmp_path / "claim" / f"predictions_{job.little.run_date}.csv").read_text()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("upper-circuit-batch-x7k2p", "ends neither in a date"),
        ("upper-circuit-batch-20251217", "ends neither in a date"),
        ("upper-circuit-batch-2025-02-30", "ends in 2025-02-30, which is no date"),
        ("upper-circuit-batch-2999-12-16", "2999-12-16 has not come"),
    ],
)
def test_a_name_that_gives_no_morning_is_refused_in_one_line(job: Job, name: str, told: str) -> None:
    """Exit 43 at once: no pod of the Job can know better, and a wrong guess would be a list of another day."""
    code = Job(job.processes, job.folder, job.little, name=name).run(0)

    assert 43 == code
    [line] = job.said().splitlines()
    assert told in line


def test_a_day_without_trade_is_green_and_recorded_once(job: Job) -> None:
    """2023-07-09 is a Sunday: each pod ends well, one of them wrote it down."""
    sunday = Job(job.processes, job.folder, job.little, 2, name="batch-2023-07-09")

    codes = [sunday.run(shard) for shard in range(2)]

    assert [0, 0] == codes
    assert [("skipped", "2023-07-09 is no session, next is 2023-07-10")] == job.asked(
        "SELECT state, reason FROM runs"
    )


def test_pods_killed_at_any_step_and_tried_again_leave_the_table_of_a_clean_run(
    job: Job, clean: list[tuple[object, ...]], record_property: pytest.RecordProperty
) -> None:
    """Kill -9, one pod a step, in a random order; each index then comes again as the Job controller lets it."""
    seed = random.randrange(10_000)
    record_property("seed", seed)
    moments = random.Random(seed).sample(MOMENTS, SHARDS)

    for shard, moment in enumerate(moments):
        killed = job.run(shard, at=moment, send=SIGKILL)
        again = job.run(shard, failures=1)
        assert killed in (-SIGKILL, 0), (seed, moment)  # steps of planning come to one pod alone
        assert again == 0, (seed, moment)

    assert clean == job.table(), seed
    assert ["done"] * SHARDS == job.shard_states()
    assert [("done",)] == job.asked("SELECT state FROM runs")


def test_a_pod_that_sleeps_and_was_replaced_writes_nothing_when_it_wakes(
    job: Job, clean: list[tuple[object, ...]]
) -> None:
    """Its rows are ready; its token is not the newest any more."""
    paused = job.start(0, at=ROWS_IN_HAND, send=SIGSTOP)
    assert -SIGSTOP == job.processes.wait(paused)
    codes = [job.run(shard) for shard in range(SHARDS)]
    stamps = job.asked("SELECT prediction_id FROM daily_predictions")

    os.kill(paused, SIGCONT)
    code = job.processes.wait(paused)

    assert ([0] * SHARDS, 75) == (codes, code)
    assert stamps == job.asked("SELECT prediction_id FROM daily_predictions")
    assert clean == job.table()


def test_an_index_that_comes_twice_at_once_is_scored_once(job: Job, clean: list[tuple[object, ...]]) -> None:
    """A node that is cut off keeps its pod while another one replaces it."""
    pids = [job.start(shard) for shard in (0, 0, 1, 1, 2, 3)]

    codes = {job.processes.wait(pid) for pid in pids}

    assert codes <= {0, 75}
    assert clean == job.table()
    assert [("done",)] == job.asked("SELECT state FROM runs")


def test_an_index_that_the_run_does_not_have_is_hopeless_and_harms_nobody(
    job: Job, clean: list[tuple[object, ...]]
) -> None:
    """Exit 42: this index alone is given up."""
    codes = [job.run(shard) for shard in (SHARDS, *range(SHARDS))]

    assert [42, *[0] * SHARDS] == codes
    assert clean == job.table()


def test_a_missing_model_fails_the_run_before_it_began_and_says_why(job: Job) -> None:
    """Exit 43: the Job ends; the ledger and the report have the reason."""
    code = job.run(2, PREFERRED_MODEL_VERSION="9.9.9")

    assert 43 == code
    [(state, reason, report)] = job.asked("SELECT state, reason, report FROM runs")
    assert "failed" == state
    assert "model XGBoost 9.9.9 is not in" in reason
    assert reason in report


def test_a_model_that_breaks_in_the_middle_fails_the_run_and_keeps_what_was_done(
    job: Job, clean: list[tuple[object, ...]]
) -> None:
    """Exit 43 ends every pod of the Job: the shards that were done are published, the rest is named."""
    assert 0 == job.run(0)
    (job.folder / "models" / "XGBoost" / "1.0.0" / "model.ubj").write_bytes(b"broken")

    code = job.run(1)

    assert 43 == code
    assert ["done", "lost", "lost", "lost"] == job.shard_states()
    [(state, report)] = job.asked("SELECT state, report FROM runs")
    assert "failed" == state
    assert "Warning: shard 1 of 4 is missing (6 stocks), lost: ModelRejected: model 1.0.0 failed" in report
    assert {row for row in clean if row in job.table()} == set(job.table())
    assert 6 == len(job.table())


def test_a_pod_that_fails_for_the_last_time_tells_of_the_list_without_its_stocks(
    job: Job, clean: list[tuple[object, ...]]
) -> None:
    """The run has ended with it, so no sweeper comes back: whoever publishes also sends, whatever it failed of."""
    with listening(MailServer()) as mail:
        to = {
            "NOTIFY_EMAIL_TO": "desk@example.com",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(mail.port),
            "SMTP_SECURITY": "none",
        }
        done = [job.run(shard, **to) for shard in range(3)]
        job.execute("ALTER TABLE daily_predictions ADD CONSTRAINT no_more CHECK (false) NOT VALID")
        codes = [job.run(3, failures=failures, **to) for failures in range(3)]
        swept = job.sweep(**to)

    [(state, report)] = job.asked("SELECT state, report FROM runs")
    assert ([0, 0, 0], [1, 1, 1], 0, "failed") == (done, codes, swept, state)
    [text] = mail.messages
    message = message_from_string(text)
    assert "the list is incomplete: 5 of 22 stocks are missing" in " ".join(message["Subject"].split())
    assert f"Warning: shard 3 of {SHARDS} is missing (5 stocks), failed: " in report
    assert 1 == job.said().count(report)
    assert set(job.table()) < set(clean)


def test_a_deadline_loses_open_shards_and_the_sweeper_publishes_the_others(
    job: Job, clean: list[tuple[object, ...]]
) -> None:
    """Kubernetes kills such pods without a word; what they might still write is refused."""
    paused = job.start(3, at=ROWS_IN_HAND, send=SIGSTOP)
    assert -SIGSTOP == job.processes.wait(paused)
    assert [0, 0] == [job.run(shard) for shard in (0, 1)]
    too_early = job.sweep()
    open_still = job.shard_states()

    job.execute("UPDATE runs SET started_at = started_at - 61")
    late = job.sweep(BATCH_RUN_DEADLINE_SECONDS="60")
    os.kill(paused, SIGCONT)
    code = job.processes.wait(paused)

    assert (0, 0, 75) == (too_early, late, code)
    assert ["done", "done", "open", "open"] == open_still
    assert ["done", "done", "lost", "lost"] == job.shard_states()
    [(state, reason, report)] = job.asked("SELECT state, reason, report FROM runs")
    assert ("failed", "shard 2 lost, 3 lost") == (state, reason)
    assert "shard 2 of 4 is missing (5 stocks), lost: not finished within 60 s of the run's start" in report
    assert 12 == len(job.table())
    assert set(job.table()) <= set(clean)


def test_a_run_of_which_nothing_was_done_by_its_deadline_fails_with_a_report(job: Job) -> None:
    """The sweeper leaves a sentence where the report would be, and a second sweep nothing more to do."""
    assert -SIGKILL == job.run(0, at="UPDATE predictions.runs SET as_of", send=SIGKILL)
    job.execute("UPDATE runs SET started_at = started_at - 61")

    codes = [job.sweep(BATCH_RUN_DEADLINE_SECONDS="60") for _ in range(2)]

    assert [0, 0] == codes
    [(state, reason, report)] = job.asked("SELECT state, reason, report FROM runs")
    assert ("failed", "not finished within 60 s of the run's start") == (state, reason)
    assert f"FAILED: no stock was scored by run {job.run_id}\nReason: {reason}\n" in report


def test_the_sweeper_publishes_for_a_publisher_that_died(job: Job, clean: list[tuple[object, ...]]) -> None:
    """Every row is there and nobody is left to write the report."""
    assert [0] * 3 == [job.run(shard) for shard in range(3)]
    assert -SIGKILL == job.run(3, at="UPDATE predictions.runs SET state", send=SIGKILL)
    assert [("running", None)] == job.asked("SELECT state, report FROM runs")

    code = job.sweep()

    assert 0 == code
    assert clean == job.table()
    [(state, report)] = job.asked("SELECT state, report FROM runs")
    assert "done" == state
    assert report in job.said()


def test_a_pod_that_is_evicted_stays_wanted(job: Job, clean: list[tuple[object, ...]]) -> None:
    """SIGTERM: what is in hand is saved, what is not is left open, even on the last try that counts."""
    in_hand = job.run(0, at=ROWS_IN_HAND, send=SIGTERM)
    computing = job.run(1, at="FROM market.packed_prices", send=SIGTERM, failures=2)

    states = job.shard_states()
    codes = [job.run(shard, failures=2) for shard in range(SHARDS)]

    assert (75, 75) == (in_hand, computing)
    assert ["done", "open", "open", "open"] == states
    assert [0] * SHARDS == codes
    assert clean == job.table()


def test_a_poisoned_row_costs_its_stock_and_nobody_else(job: Job) -> None:
    """Packed prices that cannot be read: the stock is skipped with the reason, the run is done."""
    job.correct("UPDATE packed_prices SET payload = '\\x00' WHERE bse_code = '500004'")

    codes = [job.run(shard) for shard in range(SHARDS)]

    assert [0] * SHARDS == codes
    assert STOCKS - 1 == len(job.table())
    [(code, detail)] = job.asked("SELECT bse_code, detail FROM skipped_stocks")
    assert "500004" == code
    assert "packed prices cannot be read" in detail


def test_a_corrected_file_in_the_middle_makes_the_whole_run_one_of_the_newer_state(job: Job) -> None:
    """Two shards are done, one has its rows in hand, one has not begun: all end as a clean run of the newer state."""
    paused = job.start(2, at=ROWS_IN_HAND, send=SIGSTOP)
    assert -SIGSTOP == job.processes.wait(paused)
    assert [0, 0] == [job.run(shard) for shard in (0, 1)]
    older = job.table()
    job.correct(
        *CORRECTION,
        "UPDATE master_stock_list SET status = 'OTHER' WHERE bse_code = '500007'",
    )

    last = job.run(3)
    halfway = job.table()
    os.kill(paused, SIGCONT)
    woken = job.processes.wait(paused)

    table = job.table()
    assert (0, 0) == (last, woken)
    assert set(halfway) < set(table)
    assert ["done"] * SHARDS == job.shard_states()
    assert [("done", 2, STOCKS - 1)] == job.asked(
        "SELECT state, data_version, (SELECT sum(scored) FROM run_shards) FROM runs"
    )
    assert 0 == job.alone("--date", str(job.little.run_date))
    assert job.table() == table
    assert set(older).isdisjoint(table)


def test_a_pod_that_plans_anew_and_dies_leaves_the_older_state_whole(job: Job) -> None:
    """The new plan and the rows it rewrites are one transaction; the next attempt does it all."""
    assert [0, 0, 0] == [job.run(shard) for shard in range(3)]
    older = job.table()
    job.correct(*CORRECTION)

    killed = job.run(
        3, at="UPDATE predictions.runs SET as_of then UPDATE predictions.run_shards", send=SIGKILL
    )
    after_death = job.table()
    again = job.run(3, failures=1)

    assert (-SIGKILL, 0) == (killed, again)
    assert older == after_death
    table = job.table()
    assert set(older).isdisjoint(table)
    assert 0 == job.alone("--date", str(job.little.run_date))
    assert job.table() == table


def test_both_slots_models_are_scored_in_one_pass(job: Job, clean: list[tuple[object, ...]]) -> None:
    """Rows of both versions, each as that version alone gives them; report and CSV are of the active one."""
    codes = [job.run(shard, OTHER_MODEL_VERSION="1.1.0") for shard in range(SHARDS)]

    table = job.table()
    assert [0] * SHARDS == codes
    assert clean == [row for row in table if row[7] == "1.0.0"]
    [(other, csv)] = job.asked("SELECT other_model_version, csv FROM runs")
    assert "1.1.0" == other
    assert STOCKS + 1 == len(csv.splitlines())
    assert 0 == job.alone("--date", str(job.little.run_date), "--model-version", "1.1.0")
    assert table == job.table()


@pytest.mark.parametrize("fault", ["missing", "broken", "other features"])
def test_a_second_model_that_cannot_be_scored_costs_nothing_but_its_rows(
    job: Job, clean: list[tuple[object, ...]], fault: str
) -> None:
    """A canary is a guest: the run goes on, and report and ledger say why it was not scored."""
    folder = job.folder / "models" / "XGBoost" / "1.1.0"
    if fault == "missing":
        shutil.rmtree(folder)
    elif fault == "broken":
        (folder / "model.ubj").write_bytes(b"broken")
    else:
        manifest = folder / "manifest.yaml"
        lines = manifest.read_text().splitlines()
        [line] = [line for line in lines if line.startswith("feature_fingerprint:")]
        manifest.write_text(manifest.read_text().replace(line, f"feature_fingerprint: {'0' * 16}"))

    codes = [job.run(shard, OTHER_MODEL_VERSION="1.1.0") for shard in range(SHARDS)]

    assert [0] * SHARDS == codes
    assert clean == job.table()
    [(state, reason, report)] = job.asked("SELECT state, reason, report FROM runs")
    assert "done" == state
    assert reason.startswith("no second model was scored: model ")
    assert f"Warning: {reason}\n" in report


def test_the_same_version_in_both_slots_is_refused(job: Job) -> None:
    """Also where one of them is only called the promoted one."""
    named = job.run(0, PREFERRED_MODEL_VERSION="1.0.0", OTHER_MODEL_VERSION="1.0.0")
    promoted = job.run(0, OTHER_MODEL_VERSION="1.0.0")

    assert (43, 43) == (named, promoted)
    assert "OTHER_MODEL_VERSION='1.0.0' is PREFERRED_MODEL_VERSION too" in job.said()
