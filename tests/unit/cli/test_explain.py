"""`upper-circuit features` and `explain`: what a person sees is what the morning's run got."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from batch.morning import Choices
from batch.predictor import BatchPredictor
from batch.report import BatchReport
from cli.__main__ import app
from tests.factories import batch as factory
from tests.factories.batch import LittleMarket
from upper_circuit.errors import ModelNotFound, NotASession, UnknownStock
from upper_circuit.features import FEATURE_NAMES

OLD = "500099"
"""A stock that has not traded for months."""


@dataclass(frozen=True)
class Desk:
    """A little market with a model, its morning's run, and somebody who types."""

    little: LittleMarket
    morning: BatchReport

    @property
    def folder(self) -> Path:
        """Databases and models."""
        return self.little.folder.parent

    def types(self, *words: str) -> list[str]:
        """What a command prints for the run date; an error comes out as it is."""
        places = ["--database", str(self.little.folder), "--date", str(self.little.run_date)]
        ended = CliRunner().invoke(app, [words[0], *places, *words[1:]])
        if ended.exception:
            raise ended.exception
        return ended.output.splitlines()

    def explains(self, *words: str) -> list[str]:
        """What `explain` prints."""
        return self.types("explain", "--registry", str(self.folder / "models"), *words)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Thirty stocks, one of which is too old."""
    folder = tmp_path_factory.mktemp("desk")
    days = factory.weekdays(130, factory.LISTED)
    old = factory.listings(1, days, seed=3)[str(factory.FIRST_CODE)]
    change = {OLD: factory.changed(old, bars=old.bars[:20])}
    little = factory.market(folder / "db", stocks=30, sessions=130, change=change)
    factory.registry(folder / "models")
    predictor = BatchPredictor(
        folder / "models", folder / "db", folder / "out", choices=Choices(progress=False)
    )
    return Desk(little, predictor.predict_all_stocks(little.run_date))


def test_the_file_of_features_has_the_rows_that_the_run_scored(desk: Desk, tmp_path: Path) -> None:
    """Every value with every digit, and what was filled; a whole file or none."""
    out = tmp_path / "features.csv"

    told = desk.types("features", "--out", str(out))

    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = BatchPredictor(
        desk.folder / "models", desk.little.folder, None, choices=Choices(progress=False)
    ).extract_features_parallel([row["bse_code"] for row in rows], desk.little.run_date)
    found = np.array([[row[name] or "nan" for name in FEATURE_NAMES] for row in rows], dtype=np.float32)
    assert {p.bse_code for p in desk.morning.predictions} == {row["bse_code"] for row in rows}
    np.testing.assert_array_equal(expected.values, found)
    assert [expected.filled(at) for at in range(len(rows))] == [
        dict(each.split(":") for each in row["filled"].split(";") if each) for row in rows
    ]
    assert re.search(rf"^{re.escape(str(out))}: 30 stocks as of .*, 1 skipped$", told[0])
    assert told[1] == f"next: upper-circuit explain {rows[0]['bse_code']} --date {desk.little.run_date}"
    assert [out] == list(tmp_path.iterdir())


def test_an_explanation_adds_up_to_the_probability_of_the_run(desk: Desk) -> None:
    """Base and contributions make the raw margin; 25 features, the strongest first."""
    best = desk.morning.predictions[0]

    told = desk.explains(best.bse_code)

    [model] = [line for line in told if line.startswith("model XGBoost v1.0.0: ")]
    margin, base = (float(each) for each in re.findall(r"[-+]\d+\.\d{4}", model))
    rows = [line.split() for line in told[told.index("") + 2 :]]
    added = [float(row[2]) for row in rows]
    assert f"probability {best.probability:.4f}, {best.confidence} confidence" in model
    assert abs(best.margin - margin) < 1e-4
    assert abs(base + sum(added) - margin) < 26 * 5e-5  # each is rounded to four places
    assert set(FEATURE_NAMES) == {row[0] for row in rows}
    assert sorted(map(abs, added), reverse=True) == [abs(each) for each in added]


def test_an_explanation_of_a_skipped_stock_is_why(desk: Desk) -> None:
    """With the reason of the run's list, and no number."""
    [skipped] = desk.morning.skipped

    told = desk.explains(OLD)

    assert OLD == skipped.bse_code
    assert f"skipped: {skipped.reason} ({skipped.detail})" == told[-1]


def test_what_cannot_be_explained_is_refused_by_name(desk: Desk) -> None:
    """A stock that nobody knows, a model that is not there, a day without trade."""
    with pytest.raises(UnknownStock, match="999999"):
        desk.explains("999999")
    with pytest.raises(ModelNotFound, match=r"7\.0\.0"):
        desk.explains(desk.morning.predictions[0].bse_code, "--model-version", "7.0.0")
    with pytest.raises(NotASession):
        desk.explains(desk.morning.predictions[0].bse_code, "--date", "2023-07-09")
