"""From files to a published version, on a synthetic market, with the real database, forest and registry."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cli import model_report as model_report_command
from cli.__main__ import app
from tests.factories import batch as factory
from tests.reference.inputs import read_history
from tests.reference.label import labels_of
from tests.reference.locked import with_flags
from upper_circuit.errors import BadInput, DataUnavailable
from upper_circuit.features import FEATURE_NAMES, FINGERPRINT, raw
from upper_circuit.market.bands import Bands
from upper_circuit.market.database import Database
from upper_circuit.market.days import IST, moment_of
from upper_circuit.market.loading import import_history
from upper_circuit.market.market import Market
from upper_circuit.market.migrations import upgrade
from upper_circuit.market.synthetic import generate
from upper_circuit.models.manifest import MODEL_FILE
from upper_circuit.models.registry import Registry
from upper_circuit.models.scorer import Scorer
from upper_circuit.training.label import Labeller
from upper_circuit.training.report import summary, write_report
from upper_circuit.training.train import Trained, train

LAST = date(2025, 12, 30)
NOW = datetime(2026, 1, 1, tzinfo=IST)
FIT_UNTIL, CALIBRATE_UNTIL, TEST_UNTIL = date(2025, 9, 19), date(2025, 11, 7), date(2025, 12, 29)


def silent(*_: object) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Eighty stocks over 450 sessions, imported."""
    folder = tmp_path_factory.mktemp("market")
    generate(folder / "history", seed=7, stocks=80, sessions=450, until=LAST)
    found = Database.at(folder / "db")
    upgrade(found)
    import_history(found, folder / "history", now=moment_of(NOW))
    yield found
    found.dispose()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """An empty registry that the module's trainings fill."""
    return Registry(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def trained(database: Database, registry: Registry) -> Trained:
    """The first training: periods chosen from the data."""
    return train(database, registry, now=NOW, progress=silent)


def test_a_training_publishes_a_sound_version_that_nobody_uses_yet(trained: Trained, registry: Registry):
    """It passes the registry's gate for the features of this program, and `latest` means nothing new."""
    proven = registry.verify(trained.manifest.version, fingerprint=FINGERPRINT)

    assert "1.0.0" == str(proven.version)
    assert trained.manifest == proven
    assert FEATURE_NAMES == proven.feature_names
    assert registry.promoted() is None


def test_the_manifest_tells_periods_and_figures_of_every_universe(trained: Trained):
    """Whoever has only the model knows what it was fitted, calibrated and tested on, and how well it did."""
    window, metrics = trained.manifest.window, trained.manifest.metrics

    assert trained.split_by_default
    assert (5, 5, LAST) == (window.horizon, window.embargo, window.test_until)
    assert ["fit", "calibrate", "test"] == list(metrics)
    assert {"all", "EQ", "fresh", "EQ fresh"} == set(metrics["test"])
    assert trained.periods["test"].rows == metrics["test"]["all"].rows
    assert trained.manifest.f1 == metrics["test"]["all"].f1


def test_a_forest_that_learned_ranks_the_test_period(trained: Trained):
    """On a market with runs of locks in it, the test period is ranked far better than by chance, and calibrated."""
    found = trained.manifest.metrics["test"]["all"]

    assert found.roc_auc > 0.75
    assert found.pr_auc > 2 * found.base_rate
    assert found.brier < found.brier_base_rate


def test_the_same_market_gives_the_same_model_byte_for_byte(
    database: Database, registry: Registry, trained: Trained
):
    """Another day, another number of threads: the next version differs in its name and its date alone."""
    later = datetime(2026, 2, 1, tzinfo=UTC)

    again = train(database, registry, now=later, progress=silent, threads=2)

    assert (trained.folder / MODEL_FILE).read_bytes() == (again.folder / MODEL_FILE).read_bytes()
    assert "1.1.0" == str(again.manifest.version)
    same = {"version": trained.manifest.version, "created_at": trained.manifest.created_at}
    assert trained.manifest == again.manifest.model_copy(update=same)


def test_the_published_model_scores_a_morning(database: Database, trained: Trained):
    """What was trained on rows of the past answers for raw rows of another day, also with gaps."""
    scorer = Scorer.load(trained.folder)
    features = raw(Market.load(database).as_of(LAST)).values.astype(np.float32)

    found = scorer.score(np.ascontiguousarray(features))

    assert (len(features),) == found.probability.shape
    assert ((found.probability > 0) & (found.probability < 1)).all()


def test_the_report_is_a_page_and_two_pictures(trained: Trained, tmp_path: Path):
    """The page names every period, the pictures are PNG, and writing again gives the same bytes."""
    paths = write_report(trained, tmp_path / "report")
    first = [path.read_bytes() for path in paths]

    again = [path.read_bytes() for path in write_report(trained, tmp_path / "report")]

    assert ["reliability.png", "precision_at_k.png", "training_report.md"] == [path.name for path in paths]
    assert [b"\x89PNG", b"\x89PNG"] == [content[:4] for content in first[:2]]
    assert first == again
    page = first[2].decode()
    assert all(
        heading in page
        for heading in ("### Fit", "### Calibrate", "### Test", "no fixed band", "upper_circuit_count_60")
    )


def test_the_short_report_says_how_the_periods_were_chosen(trained: Trained):
    """Nobody should take dates for his own that the program chose."""
    text = summary(trained)

    assert "periods chosen from the data: the newest 15 % test, the 15 % before calibrate" in text
    assert f"F1: {trained.manifest.f1:.2f}" in text


def test_without_a_test_period_the_command_prints_f1_na(database: Database, tmp_path: Path):
    """Figures of the calibration period are shown and called what they are; the next command is named."""
    registry, reports = tmp_path / "models", tmp_path / "reports"
    options = ["--fit-until", str(FIT_UNTIL), "--calibrate-until", str(CALIBRATE_UNTIL)]
    places = ["--database", database.location, "--registry", str(registry), "--reports", str(reports)]

    result = CliRunner().invoke(app, ["train", *options, *places])

    assert 0 == result.exit_code, result.output
    assert "F1: n/a (no test period)" in result.output
    assert "which the forest has seen: no test period was given" in result.output
    assert f"next: upper-circuit models promote 1.0.0 --registry {registry}" in result.output
    assert {"reliability.png", "precision_at_k.png", "training_report.md"} == {
        path.name for path in (reports / "1.0.0").iterdir()
    }
    assert Registry(registry).manifest(Registry(registry).versions()[0]).f1 is None


def test_too_few_locks_are_refused_and_nothing_is_published(database: Database, tmp_path: Path):
    """Ten mornings of eighty stocks hold fewer locks than a forest needs."""
    registry = Registry(tmp_path / "models")

    with pytest.raises(DataUnavailable) as refusal:
        train(
            database,
            registry,
            now=NOW,
            progress=silent,
            fit_from=date(2025, 8, 11),
            fit_until=FIT_UNTIL,
            calibrate_until=CALIBRATE_UNTIL,
        )

    assert "rows with a lock" in str(refusal.value)
    assert "100 are needed" in str(refusal.value)
    assert () == registry.versions()


def test_a_market_with_damaged_prices_is_refused(tmp_path: Path):
    """A model that never saw a stock must not come out of a row of bytes that broke."""
    factory.market(tmp_path / "db", stocks=3, sessions=80)
    factory.change_market(
        tmp_path / "db", "UPDATE packed_prices SET payload = x'00' WHERE bse_code = '500002'"
    )

    with pytest.raises(DataUnavailable, match=r"500002 \(.* 1 bytes.*run `upper-circuit repack`"):
        train(Database.at(tmp_path / "db"), Registry(tmp_path / "models"), now=NOW, progress=silent)


@pytest.mark.parametrize(
    "dates", [{"fit_until": FIT_UNTIL}, {"calibrate_until": FIT_UNTIL}, {"test_until": LAST}]
)
def test_half_a_split_is_refused(database: Database, tmp_path: Path, dates):
    """One date without the other would leave the program to guess."""
    with pytest.raises(BadInput, match="fit-until and calibrate-until belong together"):
        train(database, Registry(tmp_path), now=NOW, progress=silent, **dates)


def test_a_database_without_prices_is_refused_in_a_sentence(tmp_path: Path):
    """A newcomer trains before importing."""
    empty = Database.at(tmp_path / "db")
    upgrade(empty)

    with pytest.raises(DataUnavailable, match="0 sessions are on file"):
        train(empty, Registry(tmp_path / "models"), now=NOW, progress=silent)

    empty.dispose()


def test_the_model_report_names_missed_gates_and_exits_1(database: Database, tmp_path: Path, monkeypatch):
    """A synthetic market is not what the gates were made for: its list of EQ names is too short for 20 locks a day."""
    for name, day in (
        ("FIT_UNTIL", FIT_UNTIL),
        ("CALIBRATE_UNTIL", CALIBRATE_UNTIL),
        ("TEST_UNTIL", TEST_UNTIL),
    ):
        monkeypatch.setattr(model_report_command, name, day)
    out = tmp_path / "model-report.md"

    result = CliRunner().invoke(app, ["model-report", "--database", database.location, "--out", str(out)])

    assert 1 == result.exit_code
    assert "MISSED: precision of the daily top 20" in result.output
    page = out.read_text(encoding="utf-8")
    assert "| precision of the daily top 20 |" in page
    assert "**no**" in page
    assert (
        f"upper-circuit train --fit-until {FIT_UNTIL} --calibrate-until {CALIBRATE_UNTIL} --test-until {TEST_UNTIL}"
        in page
    )


def test_the_model_report_asks_for_a_history(monkeypatch, tmp_path: Path):
    """Without a folder and without a database there is nothing to report on."""
    monkeypatch.delenv("MARKET_DATA", raising=False)

    result = CliRunner().invoke(app, ["model-report", "--out", str(tmp_path / "out.md")])

    assert 2 == result.exit_code
    assert "name a history folder with --history or MARKET_DATA" in " ".join(result.output.split())


@pytest.mark.market_data
def test_labels_of_real_stocks_are_those_of_the_reference(market_data: Path, tmp_path: Path):
    """220 real stocks, among them changes of series, splits and suspensions, on five mornings."""
    folder = market_data / "mini"
    database = Database.at(tmp_path / "db")
    upgrade(database)
    import_history(database, folder, now=moment_of(NOW))
    market = Market.load(database)
    labeller = Labeller.of(market, Bands.load(database, market.codes))
    history = read_history(folder)
    bars = with_flags(history.prices, history.factors)
    mornings = [
        date(2024, 1, 20),
        date(2024, 6, 10),
        date(2025, 4, 15),
        date(2025, 12, 17),
        date(2025, 12, 26),
    ]

    found = {day: labeller.label(raw(market.as_of(day))).values for day in mornings}

    counted = 0
    for day, values in found.items():
        expected = labels_of(history, bars, day).reindex(market.codes).to_numpy()
        assert np.array_equal(expected.astype(np.float32), values, equal_nan=True)
        counted += int(np.nansum(expected))
    assert counted > 0
    database.dispose()
