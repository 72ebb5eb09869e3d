"""The morning on PostgreSQL: the same table as on SQLite, from one process or from several at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from batch.interruption import Stop
from batch.ledger import Ledger
from batch.morning import Choices, Morning, Part
from batch.predictor import BatchPredictor
from batch.report import BatchReport
from batch.running import run
from tests.factories import batch as factory
from tests.factories.batch import LittleMarket, asked
from tests.postgres import Postgres
from upper_circuit.market.database import Database
from upper_circuit.models import golden

pytestmark = pytest.mark.postgres
QUIET = Choices(progress=False, workers=1)
STOCKS = 40


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with a model."""
    return factory.registry(tmp_path_factory.mktemp("models") / "models")


@pytest.fixture
def little(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> LittleMarket:
    """A market on PostgreSQL; models are proven elsewhere, which saves a process a run."""
    monkeypatch.setattr(golden, "require", lambda *_given, **_limits: None)
    return factory.market(postgres.migrated(), stocks=STOCKS, sessions=130)


@pytest.fixture
def opened(little: LittleMarket) -> Iterator[Database]:
    """Its database."""
    database = little.database
    yield database
    database.dispose()


def test_postgresql_gives_the_table_and_files_of_sqlite(
    little: LittleMarket, opened: Database, registry: Path, tmp_path: Path
) -> None:
    """Same market, same model: equal rows to the last bit, equal CSV; run twice, still one row a stock."""
    factory.market(tmp_path / "db", stocks=STOCKS, sessions=130)
    on_sqlite = BatchPredictor(registry, tmp_path / "db", tmp_path / "a", choices=QUIET)
    on_postgres = BatchPredictor(registry, str(little.location), tmp_path / "b", choices=QUIET)

    expected = on_sqlite.predict_all_stocks(little.run_date)
    on_postgres.predict_all_stocks(little.run_date)
    report = on_postgres.predict_all_stocks(little.run_date)

    assert factory.predictions(tmp_path / "db") == factory.predictions(opened)
    assert expected.csv_path.read_bytes() == report.csv_path.read_bytes()
    assert f"- Database: database {opened.predictions.url.database} ({STOCKS} rows inserted)\n" in report.text


def test_shards_that_start_together_agree_on_one_plan_and_give_one_table(
    little: LittleMarket, opened: Database, registry: Path, tmp_path: Path
) -> None:
    """Three pods of one run at once: one plans, two wait, each writes its own rows, the last one publishes."""
    alone = BatchPredictor(registry, str(little.location), tmp_path / "a", choices=QUIET)
    expected = alone.predict_all_stocks(little.run_date)
    table = factory.predictions(opened)

    with ThreadPoolExecutor(3) as pods:
        reports = list(pods.map(lambda shard: pod(little, registry, tmp_path, shard), range(3)))

    [report] = [report for report in reports if report]
    assert table == factory.predictions(opened)
    assert expected.csv_path.read_bytes() == report.csv_path.read_bytes()
    assert [(3, "done")] == asked(opened, "SELECT shards, state FROM runs WHERE run_id = 'job'")


def pod(little: LittleMarket, registry: Path, tmp_path: Path, shard: int) -> BatchReport | None:
    """One pod of a run of three."""
    database = little.database
    morning = Morning(
        location=little.location,
        database=database,
        registry=registry,
        run_date=little.run_date,
        output=tmp_path / "pods",
        choices=QUIET,
        ledger=Ledger(database, worker=f"pod-{shard}"),
        stop=Stop(),
    )
    try:
        return run(morning, Part("job", 3, shard))
    finally:
        database.dispose()
