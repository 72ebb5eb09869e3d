"""Morning runs over the API and as metrics, on both databases, through the transformer's own app."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from batch.ledger import Ledger, Published
from batch.ledger_rows import Attempt
from tests.factories.batch import LittleMarket, market
from tests.factories.descriptions import answer_schema, read, validate
from tests.factories.transformers import Desk, at_a_desk
from transformer.ledger_watch import LedgerWatch
from upper_circuit.market import schema
from upper_circuit.market.calendar import load_calendar
from upper_circuit.market.database import Database
from upper_circuit.market.schema import daily_predictions
from upper_circuit.telemetry.metrics import BatchMetrics

BEGAN = 1_700_000_000


@dataclass
class Office:
    """A market whose runs a test records, second by second."""

    market: LittleMarket
    now: float = BEGAN

    def __post_init__(self) -> None:
        self.database = self.market.database
        self.ledger = Ledger(self.database, worker="pod-a", clock=self._tick)

    def _tick(self) -> float:
        self.now += 1
        return self.now

    @property
    def day(self) -> date:
        """The first morning after the newest bars."""
        return self.market.run_date

    @property
    def settings(self) -> dict[str, Any]:
        """Where a transformer finds it."""
        return {} if isinstance(self.market.location, Path) else {"database_url": self.market.location}

    def desk(self, work: Callable[[Desk], Awaitable[None]]) -> None:
        """Run a piece of work at a transformer that is ready."""
        at_a_desk(Path(str(self.market.location)), work, **self.settings)

    def begin(self, run_id: str, *, shards: int = 1, day: date | None = None) -> list[Attempt]:
        """A run with an attempt at each shard."""
        self.ledger.begin(run_id, day or self.day, "XGBoost", "1.0.0", shards=shards)
        taken = [self.ledger.take(run_id, shard) for shard in range(shards)]
        return [attempt for attempt in taken if attempt]

    def done(self, attempt: Attempt, scored: int = 3, skipped: int = 1) -> None:
        """Its shard has been scored."""
        with self.ledger.writing(attempt) as connection:
            self.ledger.done(connection, attempt, scored=scored, skipped=skipped, seconds={"features": 0.5})

    def finish(self, run_id: str, *, shards: int = 1, day: date | None = None) -> None:
        """A run from beginning to end."""
        for attempt in self.begin(run_id, shards=shards, day=day):
            self.done(attempt)
        self.close(run_id)

    def close(self, run_id: str) -> None:
        """Publish a run whose shards are closed."""
        self.ledger.close(run_id, lambda _: Published(f"REPORT of {run_id}\n", f"bse_code\n{run_id}\n"))

    def scrape(self, *, today: date, metrics: CollectorRegistry | None = None) -> dict[str, float]:
        """The metrics after one look at the ledger in the morning of a day, without their labels' names."""
        registry = metrics or CollectorRegistry()
        watch = LedgerWatch(self.database, BatchMetrics(registry), lambda: morning(today))
        asyncio.run(watch.refresh())
        return values(registry)


def morning(day: date) -> datetime:
    """07:30 in Asia/Kolkata."""
    return datetime(day.year, day.month, day.day, 2, tzinfo=UTC)


def began(day: date) -> float:
    """Midnight in Asia/Kolkata."""
    return morning(day).timestamp() - 7.5 * 3600


def values(registry: CollectorRegistry) -> dict[str, float]:
    """Every sample, as `name` or `name state`."""
    samples = [sample for family in registry.collect() for sample in family.samples]
    return {" ".join([each.name, *each.labels.values()]): each.value for each in samples}


@pytest.fixture(scope="module")
def sqlite_market(tmp_path_factory: pytest.TempPathFactory) -> LittleMarket:
    """Few stocks on few days: nothing here is scored."""
    return market(tmp_path_factory.mktemp("market"), stocks=3, sessions=70)


@pytest.fixture(scope="module")
def postgres_market(request: pytest.FixtureRequest) -> LittleMarket:
    """The same in PostgreSQL."""
    return market(request.getfixturevalue("postgres").migrated(), stocks=3, sessions=70)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest) -> Iterator[Office]:
    """A market without a run."""
    found = Office(request.getfixturevalue(f"{request.param}_market"))
    with found.database.writing("predictions") as connection:
        for table in schema.predictions.sorted_tables:
            connection.execute(table.delete())
    yield found
    found.database.dispose()


def described(path: str, told: Any) -> Any:
    """What was answered, after it was held to openapi.yaml."""
    document = read("openapi.yaml")
    validate(document, answer_schema(document, "get", path, 200), told)
    return told


class TestRuns:
    """GET /api/v1/runs and below."""

    def test_runs_are_listed_those_begun_last_first(self, office: Office) -> None:
        """A line each, with what its shards came to; no more than asked for."""
        office.finish("older", shards=2)
        failed, done = office.begin("newer", shards=2)
        office.done(done)
        office.ledger.give_up(failed, "failed", "out of memory", closing=True)
        office.close("newer")
        office.ledger.skip("weekend", office.day + timedelta(days=2), "no session")

        async def work(at: Desk) -> None:
            told = described("/api/v1/runs", (await at.client.get("/api/v1/runs")).json())["runs"]
            cut = (await at.client.get("/api/v1/runs?limit=1")).json()["runs"]

            assert ["weekend", "newer", "older"] == [run["run_id"] for run in told]
            assert ["skipped", "failed", "done"] == [run["state"] for run in told]
            assert ["no session", "shard 0 failed", None] == [run["reason"] for run in told]
            assert [{}, {"done": 1, "failed": 1}, {"done": 2}] == [run["shards"] for run in told]
            assert [(0, 0), (3, 1), (6, 2)] == [(run["scored"], run["skipped"]) for run in told]
            assert told[:1] == cut

        office.desk(work)

    def test_the_newest_run_of_a_date_is_told_with_shards_and_attempts(self, office: Office) -> None:
        """Times in UTC, the fenced attempt beside the one that took over, every version with rows of the date."""
        office.finish("older")
        office.begin("newer")
        second = office.ledger.take("newer", 0)
        assert second
        office.done(second)
        office.close("newer")
        with office.database.writing("predictions") as connection:
            row = {"prediction_date": office.day, "predicted_label": 0, "probability": 0.1}
            versions = [("500001", "1.0.0"), ("500002", "1.0.0"), ("500001", "1.1.0")]
            connection.execute(
                daily_predictions.insert(),
                [{**row, "bse_code": code, "model_version": version} for code, version in versions],
            )

        async def work(at: Desk) -> None:
            response = await at.client.get(f"/api/v1/runs/{office.day}")
            told = described("/api/v1/runs/{date}", response.json())

            assert ("newer", "done", "XGBoost", "1.0.0", None, None) == tuple(
                told["run"][name]
                for name in ("run_id", "state", "model_type", "model_version", "reason", "notes")
            )
            assert told["run"]["started_at"].startswith("2023-11-14T22:13:")
            assert told["run"]["started_at"].endswith("Z")
            assert [(0, "done", 3, 1, {"features": 0.5})] == [
                (shard["shard"], shard["state"], shard["scored"], shard["skipped"], shard["seconds"])
                for shard in told["shards"]
            ]
            assert [("pod-a", "fenced", "taken over"), ("pod-a", "done", None)] == [
                (attempt["worker"], attempt["state"], attempt["reason"]) for attempt in told["attempts"]
            ]
            assert told["attempts"][0]["token"] < told["attempts"][1]["token"]
            assert [("1.0.0", 2), ("1.1.0", 1)] == [
                (version["model_version"], version["predictions"]) for version in told["model_versions"]
            ]

        office.desk(work)

    def test_a_run_that_goes_on_has_marks_and_no_end(self, office: Office) -> None:
        """What the ledger keeps in one column is why it failed, or what it is marked with."""
        office.begin("now")
        with office.database.writing("predictions") as connection:
            marked = schema.runs.update().values(state="running", reason="stale prices")
            connection.execute(marked)

        async def work(at: Desk) -> None:
            response = await at.client.get(f"/api/v1/runs/{office.day}")
            told = described("/api/v1/runs/{date}", response.json())["run"]

            assert ("stale prices", None, None, None, {"open": 1}) == (
                told["notes"], told["reason"], told["finished_at"], told["seconds"], told["shards"],
            )  # fmt: skip

        office.desk(work)

    def test_report_and_csv_are_those_of_the_newest_run_that_left_them(self, office: Office) -> None:
        """Byte for byte, with the run's name; a run that goes on does not hide what is there."""
        office.finish("first")
        office.begin("second")

        async def work(at: Desk) -> None:
            report = await at.client.get(f"/api/v1/runs/{office.day}/report")
            table = await at.client.get(f"/api/v1/runs/{office.day}/predictions.csv")

            assert ("REPORT of first\n", "first", "text/plain; charset=utf-8") == (
                report.text, report.headers["x-run-id"], report.headers["content-type"],
            )  # fmt: skip
            assert ("bse_code\nfirst\n", "first", "text/csv; charset=utf-8") == (
                table.text, table.headers["x-run-id"], table.headers["content-type"],
            )  # fmt: skip
            name = f'attachment; filename="predictions_{office.day}.csv"'
            assert name == table.headers["content-disposition"]

        office.desk(work)

    def test_sessions_are_told_with_their_newest_run(self, office: Office) -> None:
        """Past ones and those to come, without weekends; what a backfill asks for."""
        office.finish("older")
        office.finish("newer")

        async def work(at: Desk) -> None:
            last = office.day + timedelta(days=7)
            path = f"/api/v1/sessions?from={office.day - timedelta(days=7)}&to={last}"
            told = described("/api/v1/sessions", (await at.client.get(path)).json())["sessions"]

            assert 11 == len(told)
            assert [str(day) for day in office.market.sessions if abs((day - office.day).days) <= 7] == [
                each["day"] for each in told
            ]
            assert {str(office.day): "newer"} == {
                each["day"]: each["run"]["run_id"] for each in told if each["run"]
            }

        office.desk(work)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/runs/2024-11-14", 404, "NOTHING_RECORDED"),
        ("/api/v1/runs/2024-11-14/report", 404, "NOTHING_RECORDED"),
        ("/api/v1/runs/2024-11-14/predictions.csv", 404, "NOTHING_RECORDED"),
        ("/api/v1/runs/2024-02-30", 400, "INVALID_REQUEST"),
        ("/api/v1/runs/today", 400, "INVALID_REQUEST"),
        ("/api/v1/runs?limit=0", 400, "INVALID_REQUEST"),
        ("/api/v1/runs?limit=201", 400, "INVALID_REQUEST"),
        ("/api/v1/sessions?from=2024-11-14", 400, "INVALID_REQUEST"),
        ("/api/v1/sessions?from=2024-11-14&to=2024-11-13", 400, "INVALID_REQUEST"),
        ("/api/v1/sessions?from=2020-11-14&to=2024-11-13", 400, "INVALID_REQUEST"),
    ],
)
def test_what_is_not_there_and_what_cannot_be_asked(
    little: LittleMarket, path: str, status: int, code: str
) -> None:
    """Our error object, with a sentence."""

    async def work(at: Desk) -> None:
        response = await at.client.get(path)

        assert (status, code) == (response.status_code, response.json()["error"])

    at_a_desk(little.folder, work)


class TestMetrics:
    """What Prometheus is told of the runs."""

    def test_the_dead_man_is_told_what_was_due_and_what_came(self, office: Office) -> None:
        """A session without a run, then with one; on a weekend nothing is due."""
        before = office.scrape(today=office.day)
        office.finish("today", shards=2)
        after = office.scrape(today=office.day)
        weekend = office.scrape(today=date(2023, 1, 7))

        day = began(office.day)
        assert (day, 0, 0) == tuple(before[name] for name in DEAD_MAN)
        assert (day, day, office.now) == tuple(after[name] for name in DEAD_MAN)
        assert 0 == weekend["batch_due_date_timestamp_seconds"]

    @pytest.mark.parametrize(("hour", "is_next_day"), [(18, False), (19, True)])
    def test_a_day_begins_in_kolkata(self, office: Office, hour: int, is_next_day: bool) -> None:
        """Half past six in the evening of Greenwich."""
        registry = CollectorRegistry()
        following = load_calendar(office.database).next_session(office.day + timedelta(days=1))
        before = following - timedelta(days=1)
        clock = datetime(before.year, before.month, before.day, hour, tzinfo=UTC)

        asyncio.run(LedgerWatch(office.database, BatchMetrics(registry), lambda: clock).refresh())

        due = values(registry)["batch_due_date_timestamp_seconds"]
        assert is_next_day == (due == began(following))

    def test_a_backfill_of_an_older_date_is_no_sign_of_life(self, office: Office) -> None:
        """Nor is a repetition: when the newest date was done first is what counts."""
        office.finish("today")
        done = office.scrape(today=office.day)
        office.finish("again")
        office.finish("backfill", day=office.market.sessions[3])

        assert done == office.scrape(today=office.day)

    def test_shards_and_stocks_of_the_newest_run_are_counted(self, office: Office) -> None:
        """Every state has a value, so that an alert can wait for one that is rare."""
        failed, done, _ = office.begin("today", shards=3)
        office.done(done)
        office.ledger.give_up(failed, "failed", "out of memory", closing=True)

        found = office.scrape(today=office.day)

        assert {"open": 1, "done": 1, "failed": 1, "skipped": 0, "lost": 0} == {
            name.split()[1]: value for name, value in found.items() if name.startswith("batch_shards")
        }
        assert (3, 1) == (found["batch_stocks scored"], found["batch_stocks skipped"])

    def test_a_database_that_is_away_makes_no_list_and_no_holiday(
        self, office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Yesterday's list stays yesterday's and the next session becomes due, as if the database were there."""
        office.finish("today")
        registry = CollectorRegistry()
        now = morning(office.day)
        watch = LedgerWatch(office.database, BatchMetrics(registry), lambda: now)
        asyncio.run(watch.refresh())
        read = values(registry)
        calendar = load_calendar(office.database)
        monkeypatch.setattr(watch, "_database", Database.at(tmp_path))

        told = {}
        for ahead in range(1, 8):
            day = office.day + timedelta(days=ahead)
            now = morning(day)
            asyncio.run(watch.refresh())
            told[day] = values(registry)

        assert morning(office.day).timestamp() == read["batch_ledger_read_timestamp_seconds"]
        assert began(office.day) == read["batch_done_date_timestamp_seconds"]
        assert {calendar.is_session(day) for day in told} == {True, False}
        for day, found in told.items():
            due = began(calendar.session_before(day + timedelta(days=1)))
            assert {**read, "batch_due_date_timestamp_seconds": due} == found

    def test_a_database_that_never_answered_is_known_by_the_time_of_the_reading(
        self, office: Office, tmp_path: Path
    ) -> None:
        """No calendar either, so nothing is due; and nothing is raised: the task that asks must live."""
        registry = CollectorRegistry()
        watch = LedgerWatch(Database.at(tmp_path), BatchMetrics(registry), lambda: morning(office.day))

        asyncio.run(watch.refresh())

        assert {0.0} == set(values(registry).values())

    def test_the_transformer_shows_them(self, office: Office) -> None:
        """At /metrics, beside its own."""
        office.finish("today")

        async def work(at: Desk) -> None:
            while "batch_shards done" not in values(at.metrics):  # noqa: ASYNC110  # as a scrape sees it
                await asyncio.sleep(0.005)

            text = (await at.client.get("/metrics")).text

            assert 'batch_shards{state="done"} 1.0' in text
            assert office.now == values(at.metrics)["batch_run_last_success_timestamp_seconds"]

        office.desk(work)


DEAD_MAN = (
    "batch_due_date_timestamp_seconds",
    "batch_done_date_timestamp_seconds",
    "batch_run_last_success_timestamp_seconds",
)
