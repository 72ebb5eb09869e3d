"""Two models side by side, drift and the steps of a rollout, through the transformer's own app and as a pair."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.rollout.gathering import morning_of, spreads_of
from tests.factories.batch import LittleMarket
from tests.factories.descriptions import answer_schema, read, validate
from tests.factories.online import Pair
from tests.factories.transformers import Desk, at_a_desk
from transformer.comparison import compared, mornings_of_both
from transformer.errors import NothingRecorded
from transformer.rollout_steps import Step, add, newest
from upper_circuit.errors import DatabaseAway
from upper_circuit.features import FEATURE_NAMES
from upper_circuit.market.database import Database
from upper_circuit.market.migrations import upgrade
from upper_circuit.market.schema import daily_predictions, outcomes, prediction_details

DAY = date(2024, 11, 14)
STEP = {
    "who": "asha",
    "action": "start",
    "from": "a 1.0.0 100",
    "to": "a 1.0.0 90, b 1.1.0 10",
    "why": "newer",
}
TOKEN = "a-token-for-tests"  # noqa: S105


def prediction(code: str, version: str, probability: float, day: date = DAY) -> dict[str, Any]:
    """A recorded row."""
    return {
        "bse_code": code,
        "prediction_date": day,
        "predicted_label": 0,
        "probability": probability,
        "model_version": version,
        "model_type": "XGBoost",
        "prediction_timestamp": datetime(2024, 11, 14, 1, 31),  # noqa: DTZ001  # as the database gives it
    }


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Two versions of one morning, the canary without one stock; an older morning of both and one of the first alone."""
    database = (
        Database.at(tmp_path)
        if request.param == "sqlite"
        else Database.at(request.getfixturevalue("postgres").migrated())
    )
    upgrade(database)
    rows = [
        prediction(code, "1.0.0", 0.1 * number) for number, code in enumerate(("500001", "500002", "500003"))
    ]
    rows += [prediction(code, "1.1.0", 0.2 * number) for number, code in enumerate(("500001", "500002"))]
    rows += [prediction("500001", version, 0.5, DAY - timedelta(days=1)) for version in ("1.0.0", "1.1.0")]
    rows += [prediction("500001", "1.0.0", 0.5, DAY - timedelta(days=2))]
    with database.writing("predictions") as connection:
        connection.execute(daily_predictions.insert(), rows)
        connection.execute(
            prediction_details.insert().values(
                bse_code="500002",
                prediction_date=DAY,
                model_version="1.1.0",
                raw_margin=-1.5,
                filled="{}",
                notes="[]",
            )
        )
        connection.execute(
            outcomes.insert(),
            [
                {"bse_code": "500001", "prediction_date": DAY, "label": 1, "filled_at": 0},
                {"bse_code": "500002", "prediction_date": DAY, "label": None, "filled_at": 0},
            ],
        )
    yield database
    database.dispose()


def test_mornings_are_those_of_both_models(recorded: Database) -> None:
    """Newest first; a morning that only one of them scored is none."""
    assert [DAY, DAY - timedelta(days=1)] == mornings_of_both(recorded, "1.0.0", "1.1.0", 10)
    assert [DAY] == mornings_of_both(recorded, "1.0.0", "1.1.0", 1)
    assert [] == mornings_of_both(recorded, "1.0.0", "9.9.9", 10)


def test_rows_of_both_models_lie_side_by_side(recorded: Database) -> None:
    """Stock by stock, with what happened; a stock that the canary did not score is counted."""
    found = compared(recorded, DAY, "1.0.0", "1.1.0")

    assert (["500001", "500002"], 1) == (found.bse_codes, found.missed)
    assert ([0.0, 0.1], [0.0, 0.2]) == (found.stable, found.canary)
    assert ([None, None], [None, -1.5], [1, None]) == (found.stable_margin, found.canary_margin, found.labels)


def test_the_judge_reads_what_the_api_writes(recorded: Database) -> None:
    """Labels are left out where a model was trained on that morning: it may have learned them by heart."""
    told = {**compared(recorded, DAY, "1.0.0", "1.1.0").document(), "prediction_date": str(DAY)}

    honest, trained_on = (morning_of(told, with_labels=each) for each in (True, False))

    assert ([1.0], 1) == (honest.labels[~np.isnan(honest.labels)].tolist(), honest.missed)
    assert np.isnan(trained_on.labels).all()


def test_a_model_that_recorded_nothing_is_named(recorded: Database) -> None:
    """With the date."""
    with pytest.raises(NothingRecorded, match=r"2024-11-14 by model 9\.9\.9"):
        compared(recorded, DAY, "1.0.0", "9.9.9")


def test_steps_are_added_and_read_newest_first(recorded: Database) -> None:
    """Numbers rise, texts stay as they were given."""
    first = add(recorded, Step.of(STEP), datetime(2024, 11, 14, 9, 0).astimezone())
    add(recorded, Step.of({**STEP, "action": "promote"}), datetime(2024, 11, 14, 9, 5).astimezone())

    steps = newest(recorded, 5)

    assert ["promote", "start"] == [each["action"] for each in steps]
    assert first == steps[1]
    assert STEP == {name: steps[1][name] for name in STEP}


def test_a_database_that_is_away_is_told(tmp_path: Path) -> None:
    """Not as an empty answer."""
    nowhere = Database.at(tmp_path / "nowhere")

    for ask in (
        lambda: mornings_of_both(nowhere, "1.0.0", "1.1.0", 1),
        lambda: compared(nowhere, DAY, "1.0.0", "1.1.0"),
        lambda: newest(nowhere, 1),
    ):
        with pytest.raises(DatabaseAway):
            ask()


@pytest.mark.parametrize(
    ("document", "token", "status"),
    [
        (STEP, TOKEN, 201),
        (STEP, "another", 401),
        ({**STEP, "action": "delete"}, TOKEN, 400),
        ({**STEP, "why": "x" * 501}, TOKEN, 400),
        ({**STEP, "extra": ""}, TOKEN, 400),
        ([], TOKEN, 400),
    ],
    ids=["right", "wrong token", "unknown action", "too long", "unknown field", "a list"],
)
def test_a_step_is_written_by_whoever_has_the_token(
    tmp_path: Path, document: Any, token: str, status: int
) -> None:
    """And by nobody else; what is answered is described."""
    upgrade(Database.at(tmp_path))
    described = read("openapi.yaml")

    async def work(at: Desk) -> None:
        headers = {"authorization": f"Bearer {token}"}
        answer = await at.client.post("/api/v1/rollout", json=document, headers=headers)

        assert status == answer.status_code
        validate(described, answer_schema(described, "post", "/api/v1/rollout", status), answer.json())

    unready(tmp_path, work, admin_token=TOKEN)


def test_history_may_be_read_without_a_token(little: LittleMarket) -> None:
    """It is empty here, and described."""

    async def work(at: Desk) -> None:
        assert {"steps": []} == (await at.client.get("/api/v1/rollout/steps")).json()
        off = await at.client.post("/api/v1/rollout", json=STEP)
        assert (403, "ADMIN_OFF") == (off.status_code, off.json()["error"])

    at_a_desk(little.folder, work)


def test_a_slot_tells_how_far_the_market_is_from_its_training(pair: Pair) -> None:
    """Every feature of every stock that has one, in the bins of the model that answers."""
    told = pair.api.get("/api/v1/drift").json()

    spreads = spreads_of(told, told["model_version"])

    assert list(FEATURE_NAMES) == [each.name for each in spreads if each.name != "probability"]
    assert all(sum(each.now) == pytest.approx(1) for each in spreads)
    assert () == spreads_of(told, "9.9.9")


def unready(folder: Path, work: Any, **settings: Any) -> None:
    """Run a piece of work at a desk whose market is empty."""
    from tests.factories.transformers import desk

    async def main() -> None:
        async with desk(folder, **settings) as found:
            await work(found)

    asyncio.run(main())
