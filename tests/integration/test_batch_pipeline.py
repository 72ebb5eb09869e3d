"""Real exchange history to a morning's list: 100 real stocks through import, features, model, table, files and report."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from batch.morning import Choices
from batch.predictor import BatchPredictor
from tests.factories import batch as factory
from tests.factories.online import OnlineMarket, pair
from upper_circuit.errors import NotASession, PricesStale
from upper_circuit.market.database import Database
from upper_circuit.market.days import moment_of
from upper_circuit.market.loading import import_history
from upper_circuit.market.migrations import upgrade
from upper_circuit.market.schema import data_version, master_stock_list

pytestmark = pytest.mark.market_data

RELIANCE = "500325"
MORNINGS = ["2024-11-14", "2025-12-17"]
NOW = moment_of(datetime(2026, 1, 2, 18, 0))  # noqa: DTZ001  # a time without zone is Indian


@dataclass(frozen=True)
class Real:
    """A database of real history in which 100 stocks are active, and the folder it came from."""

    folder: Path
    active: frozenset[str]
    names: dict[str, str]


@pytest.fixture(scope="module")
def real(market_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Real:
    """The history of some 200 stocks; RELIANCE and the first others by code, 100 in all, are left active."""
    folder = tmp_path_factory.mktemp("real")
    database = Database.at(folder / "db")
    upgrade(database)
    import_history(database, market_data / "mini", now=NOW)
    table = master_stock_list
    with database.writing("market") as connection:
        listed = sa.select(table.c.bse_code).where(table.c.status == "ACTIVE").order_by(table.c.bse_code)
        active = {RELIANCE, *connection.scalars(listed)}
        chosen = frozenset([RELIANCE, *sorted(active - {RELIANCE})][:100])
        connection.execute(table.update().where(table.c.bse_code.not_in(chosen)).values(status="OTHER"))
        connection.execute(data_version.update().values(version=data_version.c.version + 1))
    database.dispose()
    factory.registry(folder / "models")
    master = pd.read_csv(market_data / "mini" / "master_stock_list.csv", dtype=str).set_index("bse_code")
    return Real(folder, chosen, master["company_name"].to_dict())


@pytest.fixture
def folder(real: Real, tmp_path: Path) -> Path:
    """A copy that nobody else uses."""
    return Path(shutil.copytree(real.folder, tmp_path / "copy"))


@pytest.mark.parametrize("day", MORNINGS)
def test_a_hundred_real_stocks_become_a_mornings_list(real: Real, folder: Path, day: str) -> None:
    """Each is scored or skipped by name; table, CSV and report agree and carry the companies' own names."""
    predictor = BatchPredictor(
        folder / "models", folder / "db", folder / "out", choices=Choices(progress=False)
    )

    report = predictor.predict_all_stocks(day)

    scored = {p.bse_code: p for p in report.predictions}
    assert real.active == set(scored) | {stock.bse_code for stock in report.skipped}
    assert len(scored) >= 80
    assert {"PRICE_MISSING", "SHORT_HISTORY"} >= {stock.reason for stock in report.skipped}
    assert "RELIANCE" == scored[RELIANCE].nse_symbol
    assert {code: real.names[code] for code in scored} == {code: p.company_name for code, p in scored.items()}
    assert [code for code, *_ in factory.predictions(folder / "db")] == sorted(scored)
    with report.csv_path.open(encoding="utf-8", newline="") as file:
        assert [p.bse_code for p in report.predictions] == [row["bse_code"] for row in csv.DictReader(file)]
    first = report.predictions[0]
    assert (
        f"\n1    | {first.bse_code:<8} | {first.nse_symbol or '-':<10} | " in report.report_path.read_text()
    )


def test_the_first_stock_asked_by_hand_gets_the_number_of_the_list(folder: Path, tmp_path: Path) -> None:
    """RELIANCE for 2024-11-14 from the pair, over plain HTTP, equals the morning's run to the last bit."""
    morning = MORNINGS[0]
    report = BatchPredictor(
        folder / "models", folder / "db", folder / "out", choices=Choices(progress=False)
    ).predict_all_stocks(morning)
    [listed] = [each for each in report.predictions if each.bse_code == RELIANCE]
    real_market = factory.LittleMarket(folder / "db", [], date.fromisoformat(morning))

    with pair(OnlineMarket(real_market, folder / "models"), tmp_path) as started:
        answer = started.ask(RELIANCE, nse_symbol="RELIANCE.NS", include_features=True, include_shap=True)

    told = answer.json()
    assert (200, "RELIANCE", morning, "2024-11-13") == (
        answer.status_code, told["nse_symbol"], told["prediction_date"], told["as_of"],
    )  # fmt: skip
    assert listed.probability == told["probability"]
    assert [25, 25] == [len(told["features"]), len(told["shap_values"])]


def test_a_real_holiday_and_a_real_missing_day_are_told_apart(folder: Path) -> None:
    """Christmas is no session; a session past the archive's end is stale, and the missing day is named."""
    predictor = BatchPredictor(
        folder / "models", folder / "db", folder / "out", choices=Choices(progress=False)
    )

    with pytest.raises(NotASession, match="2025-12-25 is no session, next is 2025-12-26"):
        predictor.predict_all_stocks("2025-12-25")
    with pytest.raises(PricesStale, match=r"PRICES_STALE: 0.0% .* have a bar of 2026-01-09"):
        predictor.predict_all_stocks("2026-01-12")
