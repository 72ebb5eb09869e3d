"""The batch from Python: steps by hand give what the whole morning gives, and shards give what one process gives."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.interruption import Interrupted, Stop
from batch.ledger import Ledger, NoSuchShard
from batch.morning import Choices, Morning, Part
from batch.predictor import BatchPredictor
from batch.publishing import ListIncomplete
from batch.report import BatchReport
from batch.running import run
from batch.scoring import predict, skipped
from batch.shard import Shard
from tests.factories import batch as factory
from tests.factories.batch import LittleMarket, asked
from upper_circuit.errors import BadInput, ModelNotFound, NotASession, PricesStale, SchemaOutdated
from upper_circuit.features import CrossSection, FeatureMatrix, RawFeatures, Tolerance, fill, raw
from upper_circuit.market.database import Database
from upper_circuit.market.market import Market
from upper_circuit.market.master import Master
from upper_circuit.models import golden
from upper_circuit.models.scorer import Scorer

STOCKS = 30
QUIET = Choices(progress=False)


@pytest.fixture(scope="module")
def little(tmp_path_factory: pytest.TempPathFactory) -> LittleMarket:
    """A market of 30 stocks with a registry beside its databases."""
    folder = tmp_path_factory.mktemp("little")
    made = factory.market(folder / "db", stocks=STOCKS, sessions=130)
    factory.registry(folder / "models")
    return made


@pytest.fixture
def folder(little: LittleMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that nobody else uses; its model is proven elsewhere, which saves a process a run."""
    monkeypatch.setattr(golden, "require", lambda *_given, **_limits: None)
    return Path(shutil.copytree(little.folder.parent, tmp_path / "copy"))


def predictor(folder: Path, choices: Choices = QUIET, stop: Stop | None = None) -> BatchPredictor:
    """The batch on a folder."""
    return BatchPredictor(folder / "models", folder / "db", folder / "out", choices=choices, stop=stop)


def test_the_steps_by_hand_give_the_table_and_file_of_the_whole_morning(
    folder: Path, little: LittleMarket
) -> None:
    """Active stocks, features, predictions, saved: what a person does in a notebook is what the program does."""
    whole = predictor(folder).predict_all_stocks(little.run_date)
    table, file = factory.predictions(folder / "db"), whole.csv_path.read_bytes()
    by_hand = predictor(folder)

    stocks = by_hand.fetch_active_stocks()
    features = by_hand.extract_features_parallel(stocks, str(little.run_date))
    predictions = by_hand.predict_batch(features)
    rows = by_hand.save_predictions(predictions, little.run_date, folder / "hand")

    assert (STOCKS, STOCKS) == rows
    assert table == factory.predictions(folder / "db")
    assert file == (folder / "hand" / whole.csv_path.name).read_bytes()
    assert whole.report_path.read_text() == by_hand.generate_report(whole)


def test_active_stocks_come_by_market_capitalisation(folder: Path) -> None:
    """The largest company first, the code where two are equal, and one without a figure last."""
    factory.change_market(
        folder / "db",
        "UPDATE master_stock_list SET market_cap_cr = 5000 WHERE bse_code IN ('500009', '500007')",
        "UPDATE master_stock_list SET market_cap_cr = NULL WHERE bse_code = '500001'",
        "UPDATE master_stock_list SET status = 'DELISTED' WHERE bse_code = '500002'",
    )

    codes = [stock.bse_code for stock in predictor(folder).fetch_active_stocks()]

    assert STOCKS - 1 == len(codes)
    assert ["500007", "500009"] == codes[:2]
    assert "500001" == codes[-1]


def test_stocks_with_results_due_can_be_asked_for(folder: Path, little: LittleMarket) -> None:
    """The same rule as of the run that is told to keep only those: here, two announced board meetings."""
    factory.change_market(
        folder / "db",
        "INSERT INTO earnings_calendar VALUES ('500007', '2023-07-20', 1688000000, 'Financial Results')",
        "INSERT INTO earnings_calendar VALUES ('500009', '2023-08-02', 1688000000, 'Financial Results')",
    )
    choices = Choices(progress=False, upcoming_earnings=True)
    report = predictor(folder, choices).predict_all_stocks(little.run_date)

    due = predictor(folder).fetch_active_stocks(results_due_after=little.run_date)

    assert ["500007", "500009"] == sorted(stock.bse_code for stock in due)
    assert {stock.bse_code for stock in due} == {p.bse_code for p in report.predictions}


def test_the_predictions_may_be_asked_into_a_file_of_any_name(folder: Path, little: LittleMarket) -> None:
    """An output path that ends in .csv is the file itself."""
    report = predictor(folder).predict_all_stocks(little.run_date, folder / "here" / "list.csv")

    assert folder / "here" / "list.csv" == report.csv_path
    assert {"list.csv", report.skipped_path.name, report.report_path.name} == {
        path.name for path in (folder / "here").iterdir()
    }


@pytest.mark.parametrize(("shards", "active"), [(2, STOCKS), (3, STOCKS), (3, 2)])
def test_shards_of_any_number_give_the_table_and_file_of_one_process(
    folder: Path, little: LittleMarket, shards: int, active: int
) -> None:
    """The pods of one run, one after the other: each scores its own, if it has any, and the last one publishes."""
    factory.change_market(
        folder / "db",
        f"UPDATE master_stock_list SET status = 'OTHER' WHERE bse_code > '{500_000 + active}'",  # noqa: S608
    )
    whole = predictor(folder).predict_all_stocks(little.run_date)
    table, file = factory.predictions(folder / "db"), whole.csv_path.read_bytes()

    reports = [run_part(folder, little, Part("job", shards, shard)) for shard in range(shards)]

    assert [None] * (shards - 1) == reports[:-1]
    assert isinstance(reports[-1], BatchReport)
    assert table == factory.predictions(folder / "db")
    assert file == reports[-1].csv_path.read_bytes()


def run_part(folder: Path, little: LittleMarket, part: Part) -> BatchReport | None:
    """One pod of a run, in this process."""
    database = Database.at(folder / "db")
    morning = Morning(
        location=folder / "db",
        database=database,
        registry=folder / "models",
        run_date=little.run_date,
        output=folder / "pods",
        choices=QUIET,
        ledger=Ledger(database, worker=f"pod-{part.shard}"),
        stop=Stop(),
    )
    try:
        return run(morning, part)
    finally:
        database.dispose()


def test_a_pod_that_comes_twice_changes_nothing(folder: Path, little: LittleMarket) -> None:
    """A shard that is done is left alone; a run that is done is not published again."""
    run_part(folder, little, Part("job", 2, 0))
    run_part(folder, little, Part("job", 2, 1))
    ids = asked(folder / "db", "SELECT prediction_id FROM daily_predictions")

    again = run_part(folder, little, Part("job", 2, 1))

    assert again is None
    assert ids == asked(folder / "db", "SELECT prediction_id FROM daily_predictions")


def test_a_pod_whose_index_the_run_does_not_have_is_hopeless(folder: Path, little: LittleMarket) -> None:
    """The number of shards is the run's; a pod of another number must not try again."""
    run_part(folder, little, Part("job", 2, 0))

    with pytest.raises(NoSuchShard):
        run_part(folder, little, Part("job", 3, 2))


def test_rows_of_a_shard_that_failed_are_not_those_of_an_earlier_run(
    folder: Path, little: LittleMarket
) -> None:
    """What an earlier run said about the lost shard's stocks is not this run's answer."""
    predictor(folder).predict_all_stocks(little.run_date)
    run_part(folder, little, Part("job", 2, 0))
    ledger = Ledger(Database.at(folder / "db"), worker="sweeper")
    attempt = ledger.take("job", 1)
    assert attempt is not None
    ledger.give_up(attempt, "failed", "poisoned", closing=True)

    report = run_part(folder, little, Part("job", 2, 0))

    assert report is not None
    assert STOCKS // 2 == len(report.predictions) == len(factory.predictions(folder / "db"))
    assert [("failed", "shard 1 failed")] == asked(
        folder / "db", "SELECT state, reason FROM runs WHERE run_id = 'job'"
    )


def test_the_last_failure_of_a_shard_publishes_what_the_others_did(
    folder: Path, little: LittleMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody comes after it: the report is there at once, says what is missing and why, and comes with the error."""

    def fail(_shard: Shard) -> None:
        raise OSError("disk is gone")

    run_part(folder, little, Part("job", 2, 0))
    with monkeypatch.context() as broken:
        broken.setattr(Shard, "score", fail)
        with pytest.raises(OSError, match="disk is gone"):
            run_part(folder, little, Part("job", 2, 1, retried=True, in_cluster=True))
        retried = asked(folder / "db", "SELECT state FROM runs")
        with pytest.raises(ListIncomplete, match="disk is gone") as caught:
            run_part(folder, little, Part("job", 2, 1, in_cluster=True))

    [(state, report)] = asked(folder / "db", "SELECT state, report FROM runs")
    assert [("running",)] == retried
    assert "failed" == state
    assert (
        "Warning: the list is incomplete: 15 of 30 stocks are missing\n"
        "Warning: shard 1 of 2 is missing (15 stocks), failed: OSError: disk is gone\n"
    ) in report
    assert report == caught.value.report.text
    assert isinstance(caught.value.because, OSError)


def test_a_morning_of_which_nothing_was_scored_ends_with_its_own_error_alone(
    folder: Path, little: LittleMarket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One process, one shard: there is no list without it, and to have none to publish is no second failure."""

    def fail(_shard: Shard) -> None:
        raise OSError("disk is gone")

    monkeypatch.setattr(Shard, "score", fail)

    with pytest.raises(OSError, match="disk is gone"):
        predictor(folder).predict_all_stocks(little.run_date)

    assert [("failed", "OSError: disk is gone")] == asked(folder / "db", "SELECT state, reason FROM runs")
    assert [] == caplog.records


def test_a_stop_that_was_asked_for_ends_the_run(folder: Path, little: LittleMarket) -> None:
    """From Python as by a signal."""
    stop = Stop()
    stop.request("enough")

    with pytest.raises(Interrupted, match="enough"):
        predictor(folder, stop=stop).predict_all_stocks(little.run_date)

    assert [] == factory.predictions(folder / "db")


@pytest.mark.parametrize(
    ("day", "error"),
    [("2023-07-02", NotASession), ("2023-07-05", PricesStale), ("14.11.2025", BadInput)],
    ids=["no session", "stale", "no date"],
)
def test_a_day_that_cannot_be_scored_is_refused_at_every_step(
    folder: Path, day: str, error: type[Exception]
) -> None:
    """Looking at features is no way around the rules of the whole morning."""
    batch = predictor(folder)

    with pytest.raises(error):
        batch.predict_all_stocks(day)
    with pytest.raises(error):
        batch.extract_features_parallel(["500001"], day)


def test_marks_of_features_stand_on_what_is_saved_from_them(folder: Path) -> None:
    """By hand as in the whole morning, stale prices are told with every row."""
    batch = predictor(folder, Choices(progress=False, tolerance=Tolerance(allow_stale=True)))

    features = batch.extract_features_parallel(["500001"], "2023-07-05")
    batch.save_predictions(batch.predict_batch(features), "2023-07-05")

    [(notes,)] = asked(folder / "db", "SELECT notes FROM prediction_details")
    assert "stale prices: 0.0%" in notes


def test_a_stock_without_fixed_band_is_scored_and_said_to_have_none(
    folder: Path, little: LittleMarket
) -> None:
    """A stock with derivatives cannot lock at a limit it does not have; its row says so."""
    factory.change_market(
        folder / "db",
        "INSERT INTO price_bands VALUES ('500004', '2023-06-01', NULL, NULL), ('500005', '2023-06-01', 20, NULL)",
    )

    predictor(folder).predict_all_stocks(little.run_date)

    assert [("500004", '["no fixed band"]'), ("500005", "[]")] == asked(
        folder / "db",
        "SELECT bse_code, notes FROM prediction_details WHERE bse_code IN ('500004', '500005') ORDER BY 1",
    )


def test_a_folder_without_databases_or_models_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    """Nothing is created by asking."""
    with pytest.raises(SchemaOutdated):
        BatchPredictor(folder / "models", tmp_path / "none").predict_all_stocks("2023-07-03")
    with pytest.raises(ModelNotFound):
        BatchPredictor(tmp_path / "none", folder / "db").predict_all_stocks("2023-07-03")

    assert not (tmp_path / "none").exists()


@pytest.fixture(scope="module")
def morning(little: LittleMarket) -> tuple[RawFeatures, CrossSection, Master, Scorer, FeatureMatrix]:
    """Raw features of the market, its cross-section, the master list, the model, and the finished rows."""
    database = little.database
    rows = raw(Market.load(database, run_date=little.run_date).as_of(little.run_date))
    master = Master.load(database)
    cross = CrossSection.of(rows, master)
    scorer = Scorer.load(little.folder.parent / "models" / "XGBoost" / "1.0.0")
    database.dispose()
    return rows, cross, master, scorer, fill(rows, cross, master, rows.codes)


@settings(max_examples=60)
@given(chosen=st.sets(st.integers(0, STOCKS - 1), min_size=1))
def test_any_part_of_the_market_is_scored_as_in_the_whole(
    morning: tuple[RawFeatures, CrossSection, Master, Scorer, FeatureMatrix], chosen: set[int]
) -> None:
    """Sharding, in any way: a stock's probability and margin have the same bits alone and among all."""
    rows, cross, master, scorer, matrix = morning
    whole = {p.bse_code: p for p in predict(scorer, matrix, master)}
    codes = [rows.codes[at] for at in sorted(chosen)]

    part = predict(scorer, fill(rows, cross, master, codes), master)

    assert [whole[code] for code in codes] == part


def test_skipped_stocks_come_with_their_names(
    morning: tuple[RawFeatures, CrossSection, Master, Scorer, FeatureMatrix],
) -> None:
    """By code, with what the master list knows of them, which may be nothing."""
    rows, cross, master, _, _ = morning

    [stock] = skipped(fill(rows, cross, master, ["999999", "500001"]), master)

    assert ("999999", None, None, "PRICE_MISSING") == (
        stock.bse_code,
        stock.nse_symbol,
        stock.company_name,
        stock.reason,
    )
