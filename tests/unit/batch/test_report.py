"""The report's layout, to the character, against the users' own example."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from batch.predictions import Prediction, SkippedStock
from batch.report import BatchReport, _duration, _each
from tests.factories.batch import prediction

GOLDEN = Path(__file__).with_name("golden_report.txt")


def report(**facts: object) -> BatchReport:
    """The run of the users' example: 10,856 scored, 144 skipped, 423 locks (127 high, 189 medium, 107 low)."""
    locks = [("HIGH", 0.88, 126), ("MEDIUM", 0.62, 189), ("LOW", 0.52, 107)]
    predictions = [prediction("532978", "TATAMOTORS", "TATA MOTORS LTD", 0.89)]
    number = 500_000
    for confidence, probability, count in [*locks, ("HIGH", 0.04, 10_856 - 423)]:
        for _ in range(count):
            number += 1
            predictions.append(
                prediction(
                    str(number),
                    f"S{number}",
                    "A COMPANY WITH A RATHER LONG NAME LTD",
                    probability,
                    confidence,
                )
            )
    example = BatchReport(
        run_id="2025-11-14-1",
        run_date=date(2025, 11, 14),
        as_of=date(2025, 11, 13),
        model_type="XGBoost",
        model_version="1.2.0",
        f1=0.7213,
        predictions=tuple(predictions),
        skipped=tuple(SkippedStock(str(n), None, None, "PRICE_MISSING", "") for n in range(144)),
        notes=(),
        duration=503.0,
        feature_seconds=372.0,
        model_seconds=108.0,
        write_seconds=23.0,
        database="predictions.db",
        csv_path=Path("data/predictions/predictions_2025-11-14.csv"),
        skipped_path=Path("data/predictions/skipped_stocks_2025-11-14.csv"),
        report_path=Path("data/predictions/report_2025-11-14.txt"),
    )
    return replace(example, **facts)  # type: ignore[arg-type]


def test_the_report_is_the_users_example_to_the_character() -> None:
    """The golden file is the example of the users' order, its dots replaced by ranks 2 to 20, by hand."""
    text = report().text

    assert GOLDEN.read_text(encoding="utf-8") == text


def test_without_a_test_period_there_is_no_f1() -> None:
    """A model that was not tested has no F1 to print."""
    text = report(f1=None).text

    assert "Model: XGBoost v1.2.0 (F1: n/a)\n" in text


def test_marks_stand_under_the_head() -> None:
    """What a run went on in spite of is read before any number."""
    text = report(notes=("stale prices: old", "tables not loaded: quarterly_results")).text

    assert (
        "Duration: 8m 23s\nWarning: stale prices: old\nWarning: tables not loaded: quarterly_results\n\nSUMMARY:\n"
    ) in text


def test_a_morning_without_stocks_still_has_a_report() -> None:
    """Nothing scored, nothing skipped: zeros, no division by zero, no ranks."""
    text = report(predictions=(), skipped=(), duration=0.0).text

    assert (
        "- Total Stocks Processed: 0\n- Stocks Skipped: 0 (0.0%)\n- Predicted Upper Circuit: 0 (0.0%)\n"
        in text
    )
    assert "-|------------\n\nPERFORMANCE:\n" in text
    assert "- Throughput: 0.0 stocks/second\n" in text


def test_a_stock_without_symbol_or_name_keeps_the_columns() -> None:
    """BSE-only stocks have no NSE symbol; a dash holds its place."""
    text = report(predictions=(prediction("543210", None, None, 0.7),)).text

    assert "\n1    | 543210   | -          | -                   | 0.70        | HIGH\n" in text


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, "0ms"),
        (0.0004, "0ms"),
        (0.3404, "340ms"),
        (0.9994, "999ms"),
        (0.9996, "1s"),
        (23.4, "23s"),
        (59.6, "1m 0s"),
        (503.0, "8m 23s"),
        (3_723.0, "1h 2m 3s"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float, told: str) -> None:
    """Milliseconds below a second, else whole seconds, minutes and hours, carried where they round up."""
    assert told == _duration(seconds)


@pytest.mark.parametrize(
    ("seconds", "stocks", "told"),
    [
        (372.0, 10_856, "34ms/stock"),
        (108.0, 10_856, "10ms/stock"),
        (1.2, 1_000, "1ms/stock"),
        (2.0, 11_000, "0.18ms/stock"),
        (1.0, 0, "0ms/stock"),
    ],
)
def test_a_stocks_share_of_time_keeps_two_digits_when_small(seconds: float, stocks: int, told: str) -> None:
    """Milliseconds a stock; a fast run must not read 0ms."""
    assert told == _each(seconds, stocks)


def test_counts_by_confidence_are_of_predicted_locks_only() -> None:
    """A stock that surely does not lock is of high confidence too, and does not count."""
    lines = report().text.splitlines()

    assert {
        "- High Confidence: 127 (1.2%)",
        "- Medium Confidence: 189 (1.7%)",
        "- Low Confidence: 107 (1.0%)",
    } <= set(lines)


def test_a_sure_lock_is_a_lock_of_high_confidence() -> None:
    """What is worth a message: label 1 and HIGH, both."""
    sure, calm, unsure = (
        prediction("1", probability=0.9),
        prediction("2", probability=0.1),
        prediction("3", probability=0.6),
    )

    assert [True, False, False] == [p.is_sure_lock for p in (sure, calm, unsure)]
    assert isinstance(sure, Prediction)
