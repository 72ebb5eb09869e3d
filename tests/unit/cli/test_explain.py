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
from cli.__main__ import app, main
from tests.factories import batch as factory
from tests.factories.batch import LittleMarket
from upper_circuit.errors import DataUnavailable, ModelNotFound, NotASession, UnknownStock
from upper_circuit.features import FEATURE_NAMES
from upper_circuit.market.database import Database
from upper_circuit.market.schema import price_bands

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


def test_a_stock_without_a_fixed_band_is_said_to_have_none(desk: Desk, tmp_path: Path) -> None:
    """It is scored like any other, and has no limit at which it could lock."""
    best = desk.morning.predictions[0].bse_code
    little = desk.little.copied(tmp_path / "db")
    writable = Database.at(little.folder)
    with writable.writing("market") as connection:
        connection.execute(
            price_bands.insert().values(bse_code=best, effective_date=little.run_date, band=None)
        )

    words = ["--date", str(little.run_date), "--registry", str(desk.folder / "models")]
    told = CliRunner().invoke(app, ["explain", best, "--database", str(little.folder), *words])

    assert "no fixed band: it trades under a dynamic one" in told.output
    assert "no fixed band" not in "".join(desk.explains(best))


def test_what_cannot_be_explained_is_refused_by_name(desk: Desk) -> None:
    """A stock that nobody knows, a model that is not there, a day without trade."""
    with pytest.raises(UnknownStock, match="999999"):
        desk.explains("999999")
    with pytest.raises(ModelNotFound, match=r"7\.0\.0"):
        desk.explains(desk.morning.predictions[0].bse_code, "--model-version", "7.0.0")
    with pytest.raises(NotASession):
        desk.explains(desk.morning.predictions[0].bse_code, "--date", "2023-07-09")


STALE_DATE = "2023-07-06"
"""A session; the one before it, like two others, is not loaded."""
MARK = "Warning: stale prices: 0.0% of the stocks traded lately have a bar of 2023-07-05"


def test_prices_of_an_older_day_are_refused_as_the_run_refuses_them(desk: Desk, tmp_path: Path) -> None:
    """With the session that is missing and the option that goes on; no file is begun."""
    refused = r"PRICES_STALE: 0\.0% .* have a bar of 2023-07-05, .*, or go on with --allow-stale$"

    with pytest.raises(DataUnavailable, match=refused):
        desk.types("features", "--out", str(tmp_path / "features.csv"), "--date", STALE_DATE)
    with pytest.raises(DataUnavailable, match=refused):
        desk.explains(desk.morning.predictions[0].bse_code, "--date", STALE_DATE)

    assert [] == list(tmp_path.iterdir())


def test_the_refusal_is_one_line_and_exit_code_1(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script must not take the sentence for a file."""
    words = ["features", "--out", str(tmp_path / "features.csv"), "--date", STALE_DATE]
    monkeypatch.setattr("sys.argv", ["upper-circuit", *words, "--database", str(desk.little.folder)])

    with pytest.raises(SystemExit) as ended:
        main()

    assert 1 == ended.value.code
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("upper-circuit: PRICES_STALE: ")


def test_what_is_made_of_older_prices_says_so(desk: Desk, tmp_path: Path) -> None:
    """The as-of date is the newest session that is loaded, and every row has the mark."""
    out = tmp_path / "features.csv"
    as_of = desk.little.sessions[desk.little.sessions.index(desk.little.run_date) - 1]

    told = desk.types("features", "--out", str(out), "--date", STALE_DATE, "--allow-stale")
    explained = desk.explains(desk.morning.predictions[0].bse_code, "--date", STALE_DATE, "--allow-stale")

    with out.open(encoding="utf-8", newline="") as file:
        marked = {row["notes"] for row in csv.DictReader(file)}
    assert f" as of {as_of}, " in told[0]
    assert f"run date {STALE_DATE}, as of {as_of}, status ACTIVE" == explained[1]
    assert (MARK, MARK) == (told[1], explained[2])
    assert {MARK.removeprefix("Warning: ")} == marked


def test_a_table_that_is_not_loaded_is_refused_as_the_run_refuses_it(desk: Desk, tmp_path: Path) -> None:
    """Or its features are left empty, and the output says so."""
    own = desk.little.copied(tmp_path / "db")
    factory.change_market(own.folder, "DELETE FROM announcement_scores")
    out, elsewhere = tmp_path / "features.csv", ["--database", str(own.folder)]
    code = desk.morning.predictions[0].bse_code
    refused = "table announcement_scores .*; load it, or go on with --allow-missing-tables$"

    with pytest.raises(DataUnavailable, match=refused):
        desk.types("features", "--out", str(out), *elsewhere)
    with pytest.raises(DataUnavailable, match=refused):
        desk.explains(code, *elsewhere)
    told = desk.types("features", "--out", str(out), *elsewhere, "--allow-missing-tables")
    explained = desk.explains(code, *elsewhere, "--allow-missing-tables")

    assert "Warning: tables not loaded: announcement_scores" == told[1] == explained[2]
    with out.open(encoding="utf-8", newline="") as file:
        assert {("", "tables not loaded: announcement_scores")} == {
            (row["news_sentiment_20"], row["notes"]) for row in csv.DictReader(file)
        }
