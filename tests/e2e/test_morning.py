"""The morning run as pods: four of them give the table that one process gives, in time and in little memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Ended:
    """A Job that ended, and its run as the API tells it."""

    seconds: float
    """From the Job's creation to the report."""
    told: dict[str, Any]


@pytest.fixture(scope="module")
def ended(release: Release, whole: LittleMarket) -> Ended:
    """The run of the market's next morning, started by hand from the CronJob."""
    job = release.run_by_hand(str(whole.run_date))
    release.ended(job)
    told = release.ask(f"/api/v1/runs/{whole.run_date}")
    created = release.namespace.get("job", job)["metadata"]["creationTimestamp"]
    taken = datetime.fromisoformat(told["run"]["finished_at"]) - datetime.fromisoformat(created)
    return Ended(taken.total_seconds(), told)


@pytest.mark.usefixtures("ended")
def test_four_pods_give_the_table_of_one_process_byte_for_byte(
    table: Database, whole: LittleMarket, registry: Path, tmp_path: Path
) -> None:
    """By bse_code, without id and timestamp."""
    BatchPredictor(registry, whole.folder, tmp_path).predict_all_stocks(whole.run_date)

    rows = factory.predictions(table)
    assert len(rows) > STOCKS // 2
    assert factory.predictions(whole.folder) == rows


def test_the_run_is_done_and_every_shard_says_what_it_did(ended: Ended) -> None:
    """All in the ledger, told by the API."""
    assert "done" == ended.told["run"]["state"]
    assert ["done"] * SHARDS == [shard["state"] for shard in ended.told["shards"]]


def test_the_whole_job_takes_less_than_a_minute_and_scoring_ten_seconds(ended: Ended) -> None:
    """From the Job's creation to the report, on two nodes that share two CPUs; no pod outgrew its 300 MiB."""
    print(f"{ended.seconds:.0f} s, {[shard['seconds'] for shard in ended.told['shards']]}")  # noqa: T201

    assert ended.seconds < 60
    assert max(shard["seconds"]["model"] for shard in ended.told["shards"]) < 10


@pytest.mark.usefixtures("ended")
def test_report_and_list_are_fetched_over_the_api(release: Release, whole: LittleMarket) -> None:
    """The text that people read, and a row a stock."""
    folder = f"{release.inside}/api/v1/runs/{whole.run_date}"
    report = release.session.get(f"{folder}/report", timeout=15).text
    rows = release.session.get(f"{folder}/predictions.csv", timeout=15).text

    assert "BATCH PREDICTION REPORT" in report
    assert rows.count("\n") > STOCKS // 2
