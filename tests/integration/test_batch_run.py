"""The morning as a person or a scheduler meets it: `python -m batch`, its exit codes, its table and its files."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.factories import batch as factory
from tests.factories.batch import changed, listings
from tests.factories.batch_processes import ROOT, BatchProcesses
from tests.factories.market import weekdays

STOCKS = 250
SESSIONS = 130
YOUNG, SILENT, GONE, UNKNOWN = "500002", "500003", "500004", "500005"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A market of 250 stocks, of which one is young, one silent, one delisted and one without bars; and its day."""
    folder = tmp_path_factory.mktemp("made")
    days = weekdays(SESSIONS, factory.LISTED)
    stocks = listings(STOCKS, days)
    stocks[YOUNG] = changed(stocks[YOUNG], bars=stocks[YOUNG].bars[-59:])
    stocks[SILENT] = changed(stocks[SILENT], bars=stocks[SILENT].bars[:-10])
    stocks[GONE] = changed(stocks[GONE], status="DELISTED")
    stocks[UNKNOWN] = changed(stocks[UNKNOWN], bars=stocks[UNKNOWN].bars[:0])
    little = factory.write(folder / "db", stocks, days)
    factory.registry(folder / "models")
    return folder, str(little.run_date)


@pytest.fixture
def folder(made: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of it that nobody else uses."""
    return Path(shutil.copytree(made[0], tmp_path / "copy"))


@pytest.fixture
def day(made: tuple[Path, str]) -> str:
    """The session after its newest bars."""
    return made[1]


@pytest.fixture(scope="module")
def clean(
    made: tuple[Path, str], processes: BatchProcesses, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder after one run."""
    folder = Path(shutil.copytree(made[0], tmp_path_factory.mktemp("clean") / "copy"))
    assert 0 == processes.run(folder, "--date", made[1])
    return folder


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    """A CSV file of a run."""
    with (folder / "out" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def execute(path: Path, *statements: str) -> None:
    """Change a database past our own code."""
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_every_active_stock_is_either_scored_or_skipped_with_a_reason(clean: Path, day: str) -> None:
    """Table, skipped_stocks and both files tell the same of every stock; a delisted one is told of nowhere."""
    scored = {row["bse_code"] for row in rows(clean, f"predictions_{day}.csv")}
    skipped = {row["bse_code"]: row["reason"] for row in rows(clean, f"skipped_stocks_{day}.csv")}

    in_table = {row[0] for row in factory.predictions(clean / "db")}
    in_skipped = dict(factory.asked(clean / "db", "SELECT bse_code, reason FROM skipped_stocks"))

    assert {YOUNG: "SHORT_HISTORY", SILENT: "PRICE_MISSING", UNKNOWN: "PRICE_MISSING"} == skipped
    assert STOCKS - 4 == len(scored)
    assert scored == in_table
    assert skipped == in_skipped
    assert GONE not in scored | set(skipped)


def test_the_file_has_the_users_columns_and_the_tables_numbers_in_order_of_rank(
    clean: Path, day: str
) -> None:
    """predictions_{date}.csv: seven columns, probability descending, to the last digit what the table holds."""
    file = rows(clean, f"predictions_{day}.csv")
    table = {row[0]: row for row in factory.predictions(clean / "db")}

    header = ["bse_code", "nse_symbol", "company_name", "probability", "label", "confidence", "market_cap_cr"]
    assert header == list(file[0])
    probabilities = [float(row["probability"]) for row in file]
    assert sorted(probabilities, reverse=True) == probabilities
    assert [table[row["bse_code"]][5] for row in file] == probabilities
    assert [str(table[row["bse_code"]][4]) for row in file] == [row["label"] for row in file]
    assert [float(int(row["bse_code"]) % 97 * 10) for row in file] == [
        float(row["market_cap_cr"]) for row in file
    ]


def test_details_say_what_was_filled(clean: Path) -> None:
    """A stock without results takes its industry's medians, and its row says so."""
    [(filled, notes)] = factory.asked(
        clean / "db", "SELECT filled, notes FROM prediction_details WHERE bse_code = '500001'"
    )

    assert "industry" == json.loads(filled)["revenue_growth_yoy"]
    assert [] == json.loads(notes)


def test_a_day_run_again_replaces_its_rows(
    processes: BatchProcesses, folder: Path, clean: Path, day: str
) -> None:
    """The second run of a day leaves one row a stock, with the second run's answers."""
    processes.run(folder, "--date", day)
    execute(
        folder / "db" / "predictions.db",
        "UPDATE daily_predictions SET probability = 0.5, predicted_label = 1",
    )

    code = processes.run(folder, "--date", day)

    assert 0 == code
    assert factory.predictions(clean / "db") == factory.predictions(folder / "db")


def test_a_stock_that_cannot_be_scored_any_more_loses_the_days_row(
    processes: BatchProcesses, folder: Path, day: str
) -> None:
    """A corrected list or file may take a stock out: its former answer of the day goes, the others stay."""
    processes.run(folder, "--date", day)
    before = {row[0]: row for row in factory.predictions(folder / "db")}
    factory.change_market(
        folder / "db",
        "UPDATE master_stock_list SET status = 'SUSPENDED' WHERE bse_code = '500010'",
        "DELETE FROM packed_prices WHERE bse_code = '500011'",
    )

    processes.run(folder, "--date", day)

    after = {row[0] for row in factory.predictions(folder / "db")}
    assert {"500010", "500011"} == set(before) - after
    assert [("500011",)] == factory.asked(
        folder / "db", "SELECT bse_code FROM skipped_stocks WHERE bse_code IN ('500010', '500011')"
    )


def test_another_models_rows_of_the_day_stay(processes: BatchProcesses, folder: Path, day: str) -> None:
    """Rows belong to a date and a model version; two versions stand side by side."""
    shutil.rmtree(folder / "models")
    factory.registry(folder / "models", "1.0.0", "1.1.0")

    codes = [
        processes.run(folder, "--date", day, "--model-version", version) for version in ("1.0.0", "latest")
    ]

    assert [0, 0] == codes
    assert [("1.0.0", STOCKS - 4), ("1.1.0", STOCKS - 4)] == factory.asked(
        folder / "db", "SELECT model_version, count(*) FROM daily_predictions GROUP BY 1 ORDER BY 1"
    )


@pytest.mark.parametrize("workers", ["2", "3", "4"])
def test_the_number_of_workers_changes_no_bit(
    processes: BatchProcesses, folder: Path, clean: Path, day: str, workers: str
) -> None:
    """Who computes a block does not matter: equal tables, files equal byte for byte."""
    code = processes.run(folder, "--date", day, "--workers", workers)

    assert 0 == code
    assert factory.predictions(clean / "db") == factory.predictions(folder / "db")
    names = [f"predictions_{day}.csv", f"skipped_stocks_{day}.csv"]
    assert [(clean / "out" / name).read_bytes() for name in names] == [
        (folder / "out" / name).read_bytes() for name in names
    ]


def test_a_day_without_trade_ends_green_with_one_line_and_is_recorded(
    processes: BatchProcesses, folder: Path
) -> None:
    """A holiday is no failure: exit 0, the next session named, a skipped run in the ledger."""
    code = processes.run(folder, "--date", "2023-07-02")

    assert 0 == code
    assert "skipped: no session, next is 2023-07-03\n" == processes.said(folder)
    assert [("skipped", "2023-07-02 is no session, next is 2023-07-03")] == factory.asked(
        folder / "db", "SELECT state, reason FROM runs"
    )


def test_prices_of_an_older_day_stop_the_run_by_name(processes: BatchProcesses, folder: Path) -> None:
    """The session before the date is missing: exit 1, PRICES_STALE, the missing day, and not one row."""
    code = processes.run(folder, "--date", "2023-07-05")

    assert 1 == code
    assert "PRICES_STALE: 0.0% of the stocks that traded lately have a bar of 2023-07-04" in processes.said(
        folder
    )
    assert [] == factory.predictions(folder / "db")
    assert [("failed",)] == factory.asked(folder / "db", "SELECT state FROM runs")


def test_a_half_loaded_session_is_stale_too(processes: BatchProcesses, folder: Path, day: str) -> None:
    """Fewer than nine of ten stocks with a bar of the session before: a file was cut short."""
    days = weekdays(SESSIONS, factory.LISTED)
    stocks = listings(40, days)
    for code in list(stocks)[:5]:
        stocks[code] = changed(stocks[code], bars=stocks[code].bars[:-1])
    factory.write(folder / "db", stocks, days)

    code = processes.run(folder, "--date", day)

    assert 1 == code
    assert "PRICES_STALE: 87.5% of the stocks that traded lately have a bar of 2023-06-30" in processes.said(
        folder
    )


def test_a_run_told_to_go_on_with_stale_prices_marks_every_output(
    processes: BatchProcesses, folder: Path
) -> None:
    """Nobody may take yesterday's list for today's: file, report, every row and the ledger say what it is made of."""
    code = processes.run(folder, "--date", "2023-07-05", "--allow-stale")

    mark = "stale prices: 0.0% of the stocks traded lately have a bar of 2023-07-04"
    assert 0 == code
    assert {mark} == {row["notes"] for row in rows(folder, "predictions_2023-07-05.csv")}
    assert {mark} == {row["notes"] for row in rows(folder, "skipped_stocks_2023-07-05.csv")}
    assert f"\nWarning: {mark}\n" in (folder / "out" / "report_2023-07-05.txt").read_text()
    assert [(json.dumps([mark]),)] == factory.asked(
        folder / "db", "SELECT DISTINCT notes FROM prediction_details"
    )
    assert [("done", mark)] == factory.asked(folder / "db", "SELECT state, reason FROM runs")


def test_a_whole_table_missing_stops_the_run_unless_told_to_go_on(
    processes: BatchProcesses, folder: Path, day: str
) -> None:
    """Without results nine features are a guess for everybody: named and refused, or made without and marked."""
    factory.change_market(folder / "db", "DELETE FROM quarterly_results")

    refused = processes.run(folder, "--date", day)
    told = processes.said(folder)
    made = processes.run(folder, "--date", day, "--allow-missing-tables")

    assert (1, 0) == (refused, made)
    assert "table quarterly_results holds nothing" in told
    assert {"tables not loaded: quarterly_results"} == {
        row["notes"] for row in rows(folder, f"predictions_{day}.csv")
    }


def test_a_damaged_packed_row_costs_its_own_stock_only(
    processes: BatchProcesses, folder: Path, clean: Path, day: str
) -> None:
    """Bytes that are no bars: that stock is skipped by name, the others of its block are scored."""
    factory.change_market(
        folder / "db", "UPDATE packed_prices SET payload = substr(payload, 1, 101) WHERE bse_code = '500020'"
    )

    code = processes.run(folder, "--date", day)

    assert 0 == code
    [(reason, detail)] = factory.asked(
        folder / "db", "SELECT reason, detail FROM skipped_stocks WHERE bse_code = '500020'"
    )
    assert "PRICE_MISSING" == reason
    assert "packed prices cannot be read" in detail
    assert {row[0] for row in factory.predictions(clean / "db")} - {"500020"} == {
        row[0] for row in factory.predictions(folder / "db")
    }


def test_only_stocks_with_results_due_are_kept_when_asked_for(
    processes: BatchProcesses, folder: Path, day: str
) -> None:
    """A notice published before 07:00 for a board meeting within 30 days keeps a stock; one in two months does not."""
    execute(
        folder / "db" / "market.db", "DELETE FROM quarterly_results WHERE bse_code IN ('500007', '500008')"
    )
    factory.change_market(
        folder / "db",
        "INSERT INTO earnings_calendar VALUES ('500007', '2023-07-20', 1688000000, 'Financial Results')",
        "INSERT INTO earnings_calendar VALUES ('500008', '2023-09-20', 1688000000, 'Financial Results')",
    )

    processes.run(folder, "--date", day, "--upcoming-earnings")

    kept = {row[0] for row in factory.predictions(folder / "db")}
    assert "500007" in kept
    assert "500008" not in kept


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["--date", "yesterday"], {}, "invalid fromisoformat value: 'yesterday'"),
        ([], {}, "the following arguments are required: --date"),
        (["--date", "2023-07-03", "--workers", "0"], {}, "BATCH_WORKERS=0 is not allowed"),
        (["--date", "2023-07-03"], {"LOG_LEVEL": "loud"}, "LOG_LEVEL='loud' is not allowed"),
        (["--date", "2023-07-03", "--model-version", "9.9.9"], {}, "model XGBoost 9.9.9 is not in"),
        (["--date", "2023-07-03"], {"MODEL_REGISTRY_PATH": "nowhere"}, "no version is promoted"),
        (["--date", "2023-07-03"], {"FEATURE_DBS_PATH": "nowhere"}, "database schema is not there"),
    ],
    ids=["date", "usage", "workers", "setting", "version", "registry", "database"],
)
def test_what_can_never_succeed_says_so_in_one_line(
    processes: BatchProcesses, folder: Path, arguments: list[str], environment: dict[str, str], told: str
) -> None:
    """Usage, settings, model and schema are nobody's fault but the caller's: exit 43, the reason on stderr."""
    code = processes.run(folder, *arguments, **environment)

    assert 43 == code
    [line] = processes.said(folder).splitlines()
    assert told in line


def test_the_program_prints_the_report_it_wrote_and_where(folder: Path, clean: Path, day: str) -> None:
    """A fresh process with a model that is proven first: the report on stdout, a bar and JSON lines on stderr."""
    ended = batch(folder, "--date", day)

    assert 0 == ended.returncode
    written = (folder / "out" / f"report_{day}.txt").read_text()
    places = [folder / "out" / f"{name}_{day}.{kind}" for name, kind in
              (("predictions", "csv"), ("skipped_stocks", "csv"), ("report", "txt"))]  # fmt: skip
    assert written + "".join(f"{place}\n" for place in places) == ended.stdout
    assert "100%" in ended.stderr
    events = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]
    assert ["shard.finished", "run.finished"] == [event["event"] for event in events]
    assert {(day, STOCKS - 4)} == {(event["run_date"], event["scored"]) for event in events}
    assert factory.predictions(clean / "db") == factory.predictions(folder / "db")


def test_a_model_that_is_not_sound_scores_nobody(processes: BatchProcesses, folder: Path, day: str) -> None:
    """One byte of the model changed: refused before it may answer, exit 43, the run failed in the ledger."""
    model = folder / "models" / "XGBoost" / "1.0.0" / "model.ubj"
    model.chmod(0o644)
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)

    code = processes.run(folder, "--date", day)

    assert 43 == code
    assert "model 1.0.0 failed verification (sha256)" in processes.said(folder)
    assert [] == factory.predictions(folder / "db")
    assert [("failed",)] == factory.asked(folder / "db", "SELECT state FROM runs")


def batch(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh `python -m batch` on a folder."""
    known: dict[str, Any] = {
        "FEATURE_DBS_PATH": str(folder / "db"),
        "MODEL_REGISTRY_PATH": str(folder / "models"),
        "OUTPUT_DIR": str(folder / "out"),
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        [sys.executable, "-m", "batch", *arguments],
        env={**os.environ, **known, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
