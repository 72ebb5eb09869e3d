"""The API and the morning run are one computation: the same stocks, the same numbers, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from batch.predictor import BatchPredictor
from tests.factories.online import Pair, question, transformer
from upper_circuit.market.database import Database
from upper_circuit.market.schema import daily_predictions, skipped_stocks
from upper_circuit.oip import contract


@dataclass(frozen=True)
class Morning:
    """What the batch wrote, and a transformer over the same database."""

    rows: dict[str, tuple[float, int, str, str]]
    """Probability, label, confidence, version by code."""
    skipped: dict[str, str]
    pair: Pair


@pytest.fixture(scope="module")
def morning(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Morning]:
    """The newest morning, run by the batch over a copy of the market."""
    folder = tmp_path_factory.mktemp("morning")
    market = pair.online.market.copied(folder / "db")
    BatchPredictor(pair.online.models, folder / "db", folder / "out").predict_all_stocks(pair.online.run_date)
    database = Database.at(folder / "db")
    with database.reading("predictions") as connection:
        table = daily_predictions.c
        found = connection.execute(
            sa.select(
                table.bse_code,
                table.probability,
                table.predicted_label,
                table.confidence,
                table.model_version,
            )
        )
        rows = {row[0]: (row[1], row[2], row[3], row[4]) for row in found}
        skipped = {
            row[0]: row[1]
            for row in connection.execute(sa.select(skipped_stocks.c.bse_code, skipped_stocks.c.reason))
        }
    database.dispose()
    online = replace(pair.online, market=market)
    with transformer(online, folder, pair.predictor.url) as api:
        api.wait_for("/api/v1/health", within=150)
        yield Morning(rows, skipped, Pair(online, api, pair.predictor))


def test_batches_of_the_api_equal_the_run(morning: Morning) -> None:
    """All 520 stocks, with label, confidence and version."""
    found: dict[str, tuple[Any, ...]] = {}
    codes = list(morning.rows)
    for first in range(0, len(codes), 100):
        asked = [question(morning.pair.online, code) for code in codes[first : first + 100]]
        for told in morning.pair.post("/api/v1/batch_predict", asked).json():
            found[told["bse_code"]] = (
                told["probability"], told["predicted_label"], told["confidence"], told["model_version"],
            )  # fmt: skip

    assert len(found) >= 500
    assert morning.rows == found


def test_single_questions_equal_the_run(morning: Morning) -> None:
    """A row has the same bits alone as among hundreds."""
    for code in list(morning.rows)[::40]:
        assert morning.rows[code][0] == morning.pair.ask(code).json()["probability"]


@pytest.mark.parametrize("dates", ["one", "each"])
def test_inference_equals_the_run(morning: Morning, dates: str) -> None:
    """Over the Open Inference Protocol, all in one request; FP32 is what was stored, before it was widened."""
    codes = list(morning.rows)
    days = [str(morning.pair.online.run_date)] * (1 if dates == "one" else len(codes))
    document = {
        "inputs": [
            {"name": "bse_code", "datatype": "BYTES", "shape": [len(codes)], "data": codes},
            {"name": "prediction_date", "datatype": "BYTES", "shape": [len(days)], "data": days},
        ]
    }

    outputs = morning.pair.post(contract.INFER_PATH, document).json()["outputs"]

    found = {output["name"]: output["data"] for output in outputs}
    assert [np.float32(morning.rows[code][0]) for code in codes] == [
        np.float32(p) for p in found["probability"]
    ]
    assert [morning.rows[code][1] for code in codes] == found["label"]
    assert [morning.rows[code][2] for code in codes] == found["confidence"]


def test_what_the_run_skips_is_refused_with_its_reason(morning: Morning) -> None:
    """The same stocks, in the same words."""
    assert morning.skipped

    refusals = {code: morning.pair.ask(code) for code in morning.skipped}

    assert {code: (422, reason) for code, reason in morning.skipped.items()} == {
        code: (response.status_code, response.json()["reason"]) for code, response in refusals.items()
    }


def test_the_recorded_list_is_that_of_the_run(morning: Morning) -> None:
    """Ranked by probability, whole."""
    told = morning.pair.api.get("/api/v1/predictions?top=1000").json()

    assert (str(morning.pair.online.run_date), len(morning.rows)) == (
        told["prediction_date"],
        told["recorded"],
    )
    listed = [(each["bse_code"], each["probability"]) for each in told["predictions"]]
    assert {code: row[0] for code, row in morning.rows.items()} == dict(listed)
    assert sorted((p for _, p in listed), reverse=True) == [p for _, p in listed]
