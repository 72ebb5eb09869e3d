"""Lists that morning runs have written, and the metrics of others."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest

from tests.factories.batch import LittleMarket
from tests.factories.transformers import Desk, at_a_desk
from transformer.errors import NothingRecorded
from transformer.recorded import recorded_list
from transformer.scrape import exposition
from upper_circuit.errors import DatabaseAway
from upper_circuit.market.bands import NO_FIXED_BAND
from upper_circuit.market.database import Database
from upper_circuit.market.migrations import upgrade
from upper_circuit.market.schema import daily_predictions, prediction_details, runs

DAY = date(2024, 11, 14)


def row(
    code: str, probability: float, version: str = "1.0.0", day: date = DAY, hour: int = 1
) -> dict[str, Any]:
    """A recorded prediction."""
    return {
        "bse_code": code,
        "prediction_date": day,
        "predicted_label": int(probability >= 0.5),
        "probability": probability,
        "confidence": "HIGH",
        "model_version": version,
        "model_type": "XGBoost",
        "prediction_timestamp": datetime(2024, 11, day.day, hour),  # noqa: DTZ001  # as the database gives it
    }


@pytest.fixture
def recorded(tmp_path: Path) -> Database:
    """Two versions of one morning, and an older morning."""
    database = Database.at(tmp_path)
    upgrade(database)
    rows = [
        row("500003", 0.25),
        row("500001", 0.75),
        row("500002", 0.75),
        row("500004", 0.75),
        row("500005", 0.1),
    ]
    others = [row("500001", 0.5, "1.1.0", hour=2), row("500009", 0.9, day=date(2024, 11, 13))]
    margins = {"500001": 1.0, "500002": 2.0, "500004": 1.0}
    with database.writing("predictions") as connection:
        connection.execute(daily_predictions.insert(), rows + others)
        connection.execute(
            prediction_details.insert(),
            [
                {"bse_code": code, "prediction_date": DAY, "model_version": "1.0.0", "raw_margin": margin,
                 "filled": "{}", "notes": json.dumps([NO_FIXED_BAND] if code == "500002" else [])}
                for code, margin in margins.items()
            ],
        )  # fmt: skip
    return database


def ran(
    database: Database, version: str, *, finished_at: int, state: str = "done", reason: str | None = None
) -> None:
    """A run in the ledger."""
    with database.writing("predictions") as connection:
        connection.execute(
            runs.insert().values(
                run_id=f"run-{finished_at}", run_date=DAY, state=state, model_version=version, shards=1,
                started_at=0, finished_at=finished_at, reason=reason,
            )
        )  # fmt: skip


def codes(database: Database, day: date | None = DAY, *, top: int = 100, least: float = 0.0) -> list[str]:
    """The codes of a list, in its order."""
    found = recorded_list(database, day, top=top, min_probability=least)
    return [each["bse_code"] for each in found.predictions]


def test_a_list_has_a_total_order(recorded: Database) -> None:
    """Probability, raw margin, code."""
    ran(recorded, "1.0.0", finished_at=1)

    assert ["500002", "500001", "500004", "500003", "500005"] == codes(recorded)


def test_it_can_be_cut(recorded: Database) -> None:
    """From the top, or at a probability; how many there were is told."""
    ran(recorded, "1.0.0", finished_at=1, reason="stale prices: ...")

    found = recorded_list(recorded, DAY, top=2, min_probability=0.25)

    assert ["500002", "500001"] == [each["bse_code"] for each in found.predictions]
    assert (5, "1.0.0", "XGBoost", "stale prices: ...") == (
        found.recorded, found.model_version, found.model_type, found.notes,
    )  # fmt: skip
    assert ["500002", "500001", "500004", "500003"] == codes(recorded, least=0.25)


def test_the_last_run_that_was_done_counts(recorded: Database) -> None:
    """Not one that failed after it; and where the ledger has none, the newest row."""
    assert ["500001"] == codes(recorded)

    ran(recorded, "1.0.0", finished_at=1)
    ran(recorded, "1.1.0", finished_at=2, state="failed")
    assert 5 == len(codes(recorded))

    ran(recorded, "1.1.0", finished_at=3)
    assert ["500001"] == codes(recorded)


def test_without_a_date_it_is_the_newest(recorded: Database) -> None:
    """An older one only by its date."""
    ran(recorded, "1.0.0", finished_at=1)

    assert "500002" == codes(recorded, None)[0]
    assert ["500009"] == codes(recorded, date(2024, 11, 13))


def test_what_nobody_recorded_is_not_made_up(recorded: Database, tmp_path: Path) -> None:
    """With the command that would record it."""
    with pytest.raises(NothingRecorded, match="no predictions of 2024-11-12; `python -m batch"):
        recorded_list(recorded, date(2024, 11, 12), top=1, min_probability=0)

    empty = Database.at(tmp_path / "empty")
    (tmp_path / "empty").mkdir()
    upgrade(empty)
    with pytest.raises(NothingRecorded, match="at all"):
        recorded_list(empty, None, top=1, min_probability=0)


def test_a_database_that_is_away_says_so(tmp_path: Path) -> None:
    """It is not the list's fault."""
    with pytest.raises(DatabaseAway, match="OperationalError"):
        recorded_list(Database.at(tmp_path / "nowhere"), None, top=1, min_probability=0)


def test_it_is_served(little: LittleMarket, recorded: Database) -> None:
    """Times in UTC with a Z, and all that openapi.yaml promises."""
    ran(recorded, "1.0.0", finished_at=1)

    async def work(at: Desk) -> None:
        at.transformer.database.dispose()
        object.__setattr__(at.transformer.database, "predictions", recorded.predictions)

        response = await at.client.get("/api/v1/predictions?top=1&date=2024-11-14&min_probability=0.5")

        told = response.json()
        assert 200 == response.status_code
        assert {
            "prediction_date": "2024-11-14",
            "model_version": "1.0.0",
            "model_type": "XGBoost",
            "notes": None,
            "recorded": 5,
            "predictions": [
                {
                    "bse_code": "500002",
                    "nse_symbol": None,
                    "company_name": None,
                    "predicted_label": 1,
                    "probability": 0.75,
                    "confidence": "HIGH",
                    "prediction_timestamp": "2024-11-14T01:00:00Z",
                    "has_fixed_band": False,
                }
            ],
        } == told

    at_a_desk(little.folder, work)


class TestScrape:
    """Metrics of the predictor's models beside our own."""

    def text(self, seconds: float) -> bytes:
        """A predictor's scrape."""
        registry = CollectorRegistry()
        Gauge("model_info", "About it.", ["version"], registry=registry).labels("1.0.0").set(1)
        Gauge("other_info", "Not ours to tell.", registry=registry).set(1)
        Histogram("model_load_time_seconds", "Loads.", registry=registry).observe(seconds)
        return generate_latest(registry)

    def test_replicas_are_told_apart(self) -> None:
        """One family, a label for each."""
        own = CollectorRegistry()
        Gauge("own", "Ours.", registry=own).set(7)

        text = exposition(own, [("http://a", self.text(1.0)), ("http://b", self.text(2.0))]).decode()

        assert "own 7.0" in text
        assert 'model_info{replica="http://a",version="1.0.0"} 1.0' in text
        assert 'model_load_time_seconds_sum{replica="http://b"} 2.0' in text
        assert 1 == text.count("# TYPE model_load_time_seconds histogram")
        assert "other_info" not in text

    def test_what_is_told_is_what_was_scraped_last(self) -> None:
        """Scrapes that did not change are not read again; ours are always new."""
        own = CollectorRegistry()
        counter = Gauge("own", "Ours.", registry=own)
        first, second = [("http://a", self.text(1.0))], [("http://a", self.text(2.0))]

        told = []
        for number, scrapes in enumerate((first, list(first), second)):
            counter.set(number)
            told.append(exposition(own, scrapes).decode())

        sums = [f'model_load_time_seconds_sum{{replica="http://a"}} {seconds}' for seconds in (1.0, 1.0, 2.0)]
        assert all(each in text for each, text in zip(sums, told, strict=True))
        assert all(f"own {number}.0" in text for number, text in enumerate(told))

    def test_nonsense_hides_nothing(self) -> None:
        """A replica that is another server altogether."""
        own = CollectorRegistry()
        Gauge("own", "Ours.", registry=own).set(7)

        text = exposition(own, [("http://a", b"<html>{"), ("http://b", self.text(2.0))]).decode()

        assert "own 7.0" in text
        assert 'replica="http://b"' in text
