"""
The morning run on a cluster where things break.

Pods are killed, put to sleep and doubled, the database restarts, files are corrected, shards and models cannot be, deadlines pass.
After each the table is that of a clean run for all that can be scored, nothing is doubled, the ledger names the rest with
its reason, and a report exists.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any

import pytest
import sqlalchemy as sa

from batch.predictor import BatchPredictor
from tests.e2e import processes
from tests.e2e.kube import kubectl
from tests.e2e.release import Release
from tests.e2e.runs import PLANNING, ROWS_IN_HAND, STEPS, Pod, Runs
from tests.factories import batch as factory
from tests.factories.batch import LittleMarket
from upper_circuit.market.database import Database

pytestmark = pytest.mark.timeout(900)

STOCKS, SESSIONS, SHARDS = 400, 140, 4
DEADLINE = 90
"""Seconds of a run, where one is to miss it: enough to have its rows in hand also where CPUs are few."""

Table = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def registry(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release's own model, copied out of a predictor's mount."""
    [predictor] = release.namespace.pods(instance=release.name, component="predictor")
    folder = tmp_path_factory.mktemp("registry")
    kubectl("-n", release.namespace.name, "cp", f"{predictor['metadata']['name']}:/mnt/models", str(folder))
    return folder


@pytest.fixture(scope="module")
def database(release: Release) -> Iterator[Database]:
    """The release's database."""
    found = Database.at(release.database_url)
    yield found
    found.dispose()


@pytest.fixture(scope="module")
def original(release: Release) -> LittleMarket:
    """400 stocks in the release's database; who changes them puts them back."""
    return a_market(release.database_url)


@pytest.fixture
def runs(release: Release, original: LittleMarket, database: Database) -> Runs:
    """Runs over a table that is empty, so that what is found in it was written by the test's own."""
    found = Runs(release, original, database)
    found.forget()
    return found


@pytest.fixture
def changing(runs: Runs) -> Iterator[Runs]:
    """The same for a test that changes the market."""
    yield runs
    a_market(str(runs.little.location))


@pytest.fixture(scope="module")
def clean(original: LittleMarket, registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Table:
    """The table of one process on this machine that nothing disturbed."""
    return alone(a_market(tmp_path_factory.mktemp("clean") / "db"), registry, str(original.run_date))


def a_market(where: Path | str) -> LittleMarket:
    """The market of these tests, written anew."""
    return factory.market(where, stocks=STOCKS, sessions=SESSIONS)


def alone(little: LittleMarket, registry: Path, morning: str) -> Table:
    """What one process makes of a market."""
    BatchPredictor(registry, little.folder, little.folder / "out").predict_all_stocks(morning)
    return factory.predictions(little.folder)


def assert_clean(runs: Runs, clean: Table) -> None:
    """The table is whole and right, the newest run is done, each shard once, and its report can be read."""
    told = runs.told()
    assert clean == runs.table()
    assert "done" == told["run"]["state"], told
    assert ["done"] * SHARDS == [shard["state"] for shard in told["shards"]]
    assert list(range(SHARDS)) == sorted(
        each["shard"] for each in told["attempts"] if each["state"] == "done"
    )
    assert "BATCH PREDICTION REPORT" in runs.report()


def test_pods_killed_at_random_moments_leave_the_table_of_a_clean_run(
    runs: Runs, clean: Table, record_property: pytest.RecordProperty
) -> None:
    """SIGKILL, or gone by force: two pods at one step, then one of those that came for them at another."""
    seed = random.randrange(10_000)
    record_property("seed", seed)
    print("seed", seed)  # noqa: T201
    draw = random.Random(seed)
    steps = draw.sample(STEPS, 2)

    killed: list[str] = []
    with runs.barrier(steps[0]) as barrier:
        job = runs.job("killed")
        standing = barrier.until_waiting(job, 1 if steps[0] == PLANNING else SHARDS)
        killed += draw.sample(sorted(standing), min(2, len(standing)))
        for name in killed:
            kill(runs, standing[name], by_force=draw.random() < 0.5)
    with runs.barrier(steps[1]) as barrier:
        # Nobody comes where those that were asked to stop first had their rows in hand, and saved them.
        come = barrier.until_waiting(job, 1, among=lambda name: name not in killed)
        for pod in list(come.values())[:1]:
            kill(runs, pod, by_force=False)
    status = runs.release.ended(job)

    assert SHARDS == status.get("succeeded"), (seed, status)
    assert_clean(runs, clean)


def kill(runs: Runs, pod: Pod, *, by_force: bool) -> None:
    """End a pod's program without a word: by the kernel where that can be done from here, else by force."""
    if by_force or not processes.are_seen(pod, "batch"):
        runs.release.namespace.kubectl(
            "delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force", "--wait=false"
        )
    else:
        processes.send(pod, "batch", SIGKILL)


@pytest.mark.full
def test_the_server_notices_within_a_minute_that_a_client_is_gone(database: Database) -> None:
    """A pod's address can vanish before its last word is out; by the server's own defaults its locks stay for long."""
    names = ("tcp_user_timeout", "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")

    with database.market.connect() as connection:
        told = [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]

    assert ["60000", "30", "10", "3"] == told


@pytest.mark.full
def test_a_planner_that_sleeps_is_replaced_and_writes_nothing_when_it_wakes(runs: Runs, clean: Table) -> None:
    """After the 30 s of its lease another pod plans; a second pod of its index scores its stocks."""
    with runs.barrier(PLANNING) as barrier:
        job = runs.job("asleep")
        [(planner, pod)] = barrier.until_waiting(job, 1).items()
        processes.send(pod, "batch", SIGSTOP)
        asleep_at = time.monotonic()
    others = set(range(SHARDS)) - {index_of(pod)}
    wait = runs.release.namespace.wait
    wait(lambda: others == done_shards(runs), within=120, what="the other shards done")
    seconds = time.monotonic() - asleep_at
    twin = runs.twin(pod)
    code = runs.exit_code(twin)
    before = runs.asked("SELECT prediction_id FROM daily_predictions ORDER BY prediction_id")

    processes.send(pod, "batch", SIGCONT)
    woken = runs.exit_code(planner)
    status = runs.release.ended(job)

    print({"seconds asleep until all else was done": round(seconds, 1)})  # noqa: T201
    assert (0, 75) == (code, woken)
    assert SHARDS == status.get("succeeded")
    assert before == runs.asked("SELECT prediction_id FROM daily_predictions ORDER BY prediction_id")
    assert_clean(runs, clean)


def index_of(pod: Pod) -> int:
    """Which shard is a pod's."""
    return int(pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"])


def done_shards(runs: Runs) -> set[int]:
    """Shards of the newest run that are done."""
    return {each["shard"] for each in runs.told()["shards"] if each["state"] == "done"}


@pytest.mark.full
def test_an_index_that_comes_twice_at_once_is_scored_once(runs: Runs, clean: Table) -> None:
    """Both pods of two indexes have their rows in hand at the same moment; the newer ones write."""
    with runs.barrier(ROWS_IN_HAND) as barrier:
        job = runs.job("twice")
        doubled = dict(list(barrier.until_waiting(job, SHARDS).items())[:2])
        twins = [runs.twin(pod) for pod in doubled.values()]
        for twin in twins:
            barrier.until_one_waits(twin)
    codes = [runs.exit_code(twin) for twin in twins]
    older = [runs.exit_code(pod) for pod in doubled]
    status = runs.release.ended(job)

    assert ([0, 0], [75, 75]) == (codes, older)
    assert SHARDS == status.get("succeeded")
    assert_clean(runs, clean)


@pytest.mark.full
def test_a_database_that_restarts_in_the_middle_costs_a_try_and_nothing_else(
    runs: Runs, clean: Table
) -> None:
    """Every pod loses its connection with its rows in hand."""
    with runs.barrier(ROWS_IN_HAND) as barrier:
        job = runs.job("restarted")
        pods = barrier.until_waiting(job, SHARDS)
        [server] = runs.release.namespace.pods(instance=runs.release.name, component="database")
        runs.release.namespace.kubectl("exec", server["metadata"]["name"], "--", "sh", "-c", "kill -INT 1")
    codes = [runs.exit_code(pod) for pod in pods]
    status = runs.release.ended(job)
    runs.database.dispose()

    assert [1] * SHARDS == codes
    assert SHARDS == status.get("succeeded")
    assert_clean(runs, clean)


@pytest.mark.full
def test_a_corrected_file_in_the_middle_makes_the_whole_run_one_of_the_newer_state(
    changing: Runs, clean: Table, registry: Path, tmp_path: Path
) -> None:
    """Two shards are done, one has its rows in hand, one comes again: all end as a clean run of the newer state."""
    runs = changing
    corrections = (
        "UPDATE master_stock_list SET company_name = 'NEWER ' || bse_code",
        "UPDATE master_stock_list SET status = 'OTHER' WHERE bse_code = '500007'",
    )
    expected = a_market(tmp_path / "db")
    factory.change_market(expected.folder, *corrections)

    with runs.barrier(ROWS_IN_HAND) as barrier:
        job = runs.job("corrected")
        pods = {index_of(pod): pod for pod in barrier.until_waiting(job, SHARDS).values()}
        processes.send(pods[2], "batch", SIGSTOP)
        processes.send(pods[3], "batch", SIGKILL)
    wait = runs.release.namespace.wait
    wait(lambda: {0, 1} == done_shards(runs), within=60, what="two shards done")
    runs.correct(*corrections)
    wait(lambda: 2 == runs.told()["run"]["data_version"], within=60, what="a plan of the newer state")
    processes.send(pods[2], "batch", SIGCONT)
    status = runs.release.ended(job)

    assert SHARDS == status.get("succeeded")
    assert_clean(runs, alone(expected, registry, str(runs.little.run_date)))
    assert set(clean).isdisjoint(runs.table())


def hold_shards(connection: sa.Connection, *shards: int) -> None:
    """Keep the newest run's shards from being closed, until the transaction ends."""
    query = (
        "SELECT shard FROM predictions.run_shards WHERE shard = ANY(:shards) AND state = 'open' FOR UPDATE"
    )
    held = connection.execute(sa.text(query), {"shards": list(shards)}).scalars().all()
    assert sorted(shards) == sorted(held)


@pytest.mark.full
def test_a_poisoned_row_costs_its_stock_and_nobody_else(
    changing: Runs, registry: Path, tmp_path: Path
) -> None:
    """Prices that cannot be read: skipped with the reason; all others as on a machine with the same row."""
    runs = changing
    expected = a_market(tmp_path / "db")
    factory.change_market(
        expected.folder, "UPDATE packed_prices SET payload = x'00' WHERE bse_code = '500004'"
    )
    runs.correct("UPDATE packed_prices SET payload = '\\x00' WHERE bse_code = '500004'")

    status = runs.release.ended(runs.job("poisoned"))

    assert SHARDS == status.get("succeeded")
    [(code, detail)] = runs.asked("SELECT bse_code, detail FROM skipped_stocks")
    assert "500004" == code
    assert "packed prices cannot be read" in detail
    assert_clean(runs, alone(expected, registry, str(runs.little.run_date)))


@pytest.mark.full
def test_an_index_that_can_never_succeed_is_given_up_alone(runs: Runs, clean: Table) -> None:
    """Exit 42 of a fifth pod: its index fails without a second try, the four shards are done."""
    job = runs.job("hopeless", completions=SHARDS + 1)
    status = runs.release.ended(job)

    assert (str(SHARDS), SHARDS) == (status.get("failedIndexes"), status.get("succeeded"))
    assert 1 == status.get("failed")
    assert_clean(runs, clean)


@pytest.mark.full
def test_a_missing_model_fails_the_run_at_once_and_says_why(runs: Runs) -> None:
    """Exit 43, named by a value: the Job ends, ledger and report have the reason, and the API goes on answering."""
    runs.release.upgrade("slots.a.version=9.9.9", wait=False)
    try:
        status = runs.release.ended(runs.job("missing"))
        told, report = runs.told()["run"], runs.report()
        healthy = runs.release.ask("/api/v1/health")
    finally:
        runs.release.upgrade("slots.a.version=")

    [because] = {each["reason"] for each in status["conditions"] if each["type"] == "Failed"}
    assert "PodFailurePolicy" == because
    assert "failed" == told["state"]
    assert "model XGBoost 9.9.9 is not in" in told["reason"]
    assert told["reason"] in report
    assert [] == runs.table()
    assert not healthy["problems"]


@pytest.mark.full
def test_a_run_that_misses_its_deadline_is_closed_by_the_sweeper(runs: Runs, clean: Table) -> None:
    """Kubernetes kills two pods without a word; the sweeper calls their shards lost and publishes the others."""
    runs.release.upgrade(f"batch.runDeadlineSeconds={DEADLINE}", f"batch.podDeadlineSeconds={DEADLINE - 1}")
    try:
        with runs.barrier(ROWS_IN_HAND) as barrier, runs.database.predictions.connect() as connection:
            job = runs.job("late")
            barrier.until_waiting(job, SHARDS)
            hold_shards(connection, 2, 3)
            barrier.open()
            status = runs.release.ended(job)
            connection.rollback()
        run = runs.told()["run"]
        began = datetime.fromisoformat(run["started_at"])
        runs.release.namespace.wait(
            lambda: (datetime.now(UTC) - began).total_seconds() > DEADLINE + 1,  # a run begins after its Job
            within=30,
            what="the run's own deadline",
        )
        sweeper = f"sweep-{random.randrange(10**6)}"
        namespace = runs.release.namespace
        namespace.kubectl("create", "job", f"--from=cronjob/{runs.release.name}-sweeper", sweeper)
        swept = runs.release.ended(sweeper)
    finally:
        runs.release.upgrade("batch.runDeadlineSeconds=3000", "batch.podDeadlineSeconds=900")

    [because] = {each["reason"] for each in status["conditions"] if each["type"] == "Failed"}
    told, report = runs.told(), runs.report()
    assert ("DeadlineExceeded", "running", 1) == (because, run["state"], swept.get("succeeded"))
    assert ["done", "done", "lost", "lost"] == [shard["state"] for shard in told["shards"]]
    assert ("failed", "shard 2 lost, 3 lost") == (told["run"]["state"], told["run"]["reason"])
    assert f"shard 2 of {SHARDS} is missing ({STOCKS // SHARDS} stocks), lost: not finished within" in report
    assert STOCKS // SHARDS * 2 == len(runs.table())
    assert set(runs.table()) <= set(clean)
