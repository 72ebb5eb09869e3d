"""What people are told: alarms, gaps, and what a figure is worth."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.factories.models import manifest
from tests.factories.training import rows
from upper_circuit.models.manifest import Metrics
from upper_circuit.models.scorer import Scores
from upper_circuit.training.evaluate import Evaluation, evaluate
from upper_circuit.training.page import page
from upper_circuit.training.report import summary, write_report, write_whole
from upper_circuit.training.train import PeriodRows, Trained


def period(**changes: object) -> PeriodRows:
    """A period of two mornings."""
    facts = {
        "first": date(2025, 7, 1),
        "last": date(2025, 7, 2),
        "until": date(2025, 7, 9),
        "mornings": 2,
        "rows": 4,
        "locks": 2,
        "left_out": {"NO_FIXED_BAND": 1_205, "LOW_PRICE": 0},
        "missing_tables": {},
    }
    return PeriodRows(**{**facts, **changes})


def evaluation(*probability: float) -> Evaluation:
    """Of four rows, the first and the third of which locked."""
    values = np.array(probability, np.float32)
    return evaluate(rows([1, 0, 1, 0]), Scores(values, values))


def trained(found: Evaluation, *, tested: bool = True, **changes: object) -> Trained:
    """A training judged by these figures, on the test period or, without one, on the calibration period."""
    name = "test" if tested else "calibrate"
    facts = {
        "manifest": manifest(metrics={name: found.metrics}),
        "folder": Path("models/XGBoost/1.0.0"),
        "split_by_default": False,
        "periods": {name: period()},
        "evaluations": {name: found},
        "gain": {"natr_14": 0.75, "rsi_14": 0.25},
        "seconds": 12.3,
    }
    return Trained(**{**facts, **changes})


def test_a_figure_that_is_too_good_is_called_a_leak():
    """The alarm stands in the short report, where the person who promotes must see it."""
    text = summary(trained(evaluation(0.9, 0.2, 0.8, 0.1)))

    assert "ALARM: PR-AUC 1.000 on series EQ is above 0.5: likely a leak" in text
    assert "ALARM: F1 1.000 on series EQ is above 0.6: likely a leak" in text


def test_figures_stand_beside_their_base_rate_to_a_digit():
    """Two locks in four rows: base rate 0.5; the score puts both first."""
    [line] = [
        line for line in summary(trained(evaluation(0.9, 0.2, 0.8, 0.1))).splitlines() if "series EQ " in line
    ][:1]

    assert [
        "series",
        "EQ",
        "4",
        "2",
        "0.5000",
        "1.000",
        "1.000",
        "2.0",
        "0.500",
        "0.500",
        "1.00",
    ] == line.split()[:11]


@pytest.mark.parametrize(
    ("found", "tested", "expected"),
    [
        (evaluation(0.9, 0.2, 0.4, 0.1), True, "F1: 0.67"),
        (evaluation(0.4, 0.2, 0.4, 0.1), True, "F1: 0.00"),
        (evaluation(0.9, 0.2, 0.4, 0.1), False, "F1: n/a (no test period)"),
    ],
)
def test_f1_is_that_of_the_test_period_or_not_available(found, tested, expected):
    """F1 of rows that the forest has seen is no F1."""
    assert expected in summary(trained(found, tested=tested)).splitlines()


def test_f1_of_a_period_without_locks_or_namings_is_not_available():
    """0 / 0 is no figure, though there was a test."""
    nothing = evaluate(rows([0, 0]), Scores(np.array([0.1, 0.2], np.float32), np.array([1, 2], np.float32)))

    assert "F1: n/a (nothing locked, and nothing was said to)" in summary(trained(nothing)).splitlines()


def test_tables_that_were_not_loaded_are_named_with_their_mornings():
    """Mornings of all periods are added up; a model without results must not pass for one with them."""
    periods = {
        "calibrate": period(missing_tables={"quarterly_results": 7}),
        "test": period(missing_tables={"quarterly_results": 2, "announcement_scores": 1}),
    }

    text = summary(trained(evaluation(0.9, 0.2, 0.4, 0.1), periods=periods))

    assert (
        "WARNING: announcement_scores held nothing known on 1 run dates; its features are missing there"
        in text
    )
    assert (
        "WARNING: quarterly_results held nothing known on 9 run dates; its features are missing there" in text
    )


def test_the_page_counts_what_gave_no_row():
    """Reasons without a row are not listed."""
    text = page(trained(evaluation(0.9, 0.2, 0.4, 0.1)), {"picture.png": "A picture"})

    assert "| test | no fixed band (derivatives) | 1,205 |" in text
    assert "close below Rs 5" not in text
    assert text.endswith("![A picture](picture.png)\n")


def test_nothing_left_out_needs_no_table():
    """An empty table says nothing."""
    text = page(trained(evaluation(0.9, 0.2, 0.4, 0.1), periods={"test": period(left_out={})}), {})

    assert "gave no row" not in text


def test_a_universe_without_rows_is_drawn_as_nothing(tmp_path: Path):
    """A market without series EQ still gets its pictures, and n/a in its table."""
    only_be = evaluate(
        rows([1, 0], series=["BE", "BE"]),
        Scores(np.array([0.9, 0.1], np.float32), np.array([2, 1], np.float32)),
    )

    paths = write_report(trained(only_be), tmp_path)

    assert [True, True, True] == [path.stat().st_size > 500 for path in paths]
    assert Metrics(rows=0, positives=0) == only_be.metrics["EQ"]
    assert "| series EQ | 0 | 0 | n/a |" in paths[2].read_text(encoding="utf-8")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path):
    """Where the name is taken by a folder nothing is left behind, not even a file under another name."""
    (tmp_path / "report.md").mkdir()

    with pytest.raises(OSError, match=r"report\.md"):
        write_whole(tmp_path / "report.md", b"text")

    assert [tmp_path / "report.md"] == list(tmp_path.iterdir())
