"""The morning run as pods: four of them give the table that one process gives, in time and in little memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch.predictor import BatchPredictor
from tests.e2e.kube import kubectl
from tests.e2e.release import Release
from tests.factories import batch as factory
from tests.factories.batch import LittleMarket
from upper_circuit.market.database import Database

STOCKS, SESSIONS, SHARDS = 11_000, 260, 4


@pytest.fixture(scope="module")
def registry(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release's own model, copied out of a predictor's mount."""
    [predictor] = release.namespace.pods(instance=release.name, component="predictor")
    folder = tmp_path_factory.mktemp("registry")
    kubectl("-n", release.namespace.name, "cp", f"{predictor['metadata']['name']}:/mnt/models", str(folder))
    return folder


@pytest.fixture(scope="module")
def whole(release: Release, tmp_path_factory: pytest.TempPathFactory) -> LittleMarket:
    """11,000 stocks in the release's database, and the same ones in SQLite here."""
    factory.market(release.database_url, stocks=STOCKS, sessions=SESSIONS)
    return factory.market(tmp_path_factory.mktemp("whole") / "db", stocks=STOCKS, sessions=SESSIONS)


@pytest.fixture(scope="module")
def table(release: Release) -> Iterator[Database]:
    """The release's database."""
    found = Database.at(release.database_url)
    yield found
    found.dispose()


@pytest.fixture(scope="module")
def run(release: Release, whole: LittleMarket) -> dict[str, object]:
    """The run of the market's next morning, started by hand from the CronJob, as the API tells it once it has ended."""
    job = release.run_by_hand(str(whole.run_date))
    status = release.ended(job, within=300)
    told: dict[str, object] = release.ask(f"/api/v1/runs/{whole.run_date}")
    return {"job": job, "status": status, "told": told}


def test_four_pods_give_the_table_of_one_process_byte_for_byte(
    run: dict[str, object], table: Database, whole: LittleMarket, registry: Path, tmp_path: Path
) -> None:
    """By bse_code, without id and timestamp."""
    BatchPredictor(registry, whole.folder, tmp_path).predict_all_stocks(whole.run_date)

    rows = factory.predictions(table)
    assert run
    assert len(rows) > STOCKS // 2
    assert factory.predictions(whole.folder) == rows


def test_the_run_is_done_and_every_shard_says_what_it_did(run: dict[str, object]) -> None:
    """All in the ledger, told by the API."""
    told = run["told"]
    assert isinstance(told, dict)
    assert "done" == told["state"]
    assert ["done"] * SHARDS == [shard["state"] for shard in told["shards"]]


def test_the_whole_job_takes_less_than_a_minute_and_scoring_ten_seconds(
    run: dict[str, object], release: Release
) -> None:
    """From the Job's creation to the report; two nodes share two CPUs."""
    job = release.namespace.get("job", str(run["job"]))
    created = datetime.fromisoformat(job["metadata"]["creationTimestamp"])
    told = run["told"]
    assert isinstance(told, dict)
    finished = datetime.fromisoformat(told["finished_at"]).astimezone(UTC)
    print(json.dumps({"seconds": (finished - created).total_seconds(), "shards": told["shards"]}))  # noqa: T201

    assert (finished - created).total_seconds() < 60
    assert max(sum(shard["seconds"].values()) for shard in told["shards"]) < 30


def test_report_and_list_are_fetched_over_the_api(
    run: dict[str, object], release: Release, whole: LittleMarket
) -> None:
    """The text that people read, and a row a stock."""
    assert run
    report = release.session.get(f"{release.inside}/api/v1/runs/{whole.run_date}/report", timeout=15).text
    rows = release.session.get(
        f"{release.inside}/api/v1/runs/{whole.run_date}/predictions.csv", timeout=15
    ).text

    assert "BATCH PREDICTION REPORT" in report
    assert rows.count("\n") > STOCKS // 2
