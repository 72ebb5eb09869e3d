"""A manifest is read whole or refused with the field that is wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from tests.factories.models import NAMES, manifest
from upper_circuit.errors import ModelRejected
from upper_circuit.models.manifest import LARGEST, MANIFEST_FILE, GoldenRow, Manifest, Metrics, TrainingWindow


@pytest.fixture(scope="module")
def facts() -> Manifest:
    """A true manifest."""
    return manifest()


def test_what_is_written_is_read(facts: Manifest) -> None:
    """The YAML of a manifest gives an equal manifest, golden floats to the last bit."""
    read = Manifest.parse(facts.to_yaml(), version="1.0.0")

    assert facts == read
    assert facts.golden_matrix().tobytes() == read.golden_matrix().tobytes()


def test_the_text_is_for_people_too(facts: Manifest) -> None:
    """Version, dates and calibration stand as one would write them."""
    text = facts.to_yaml()

    assert "\nversion: 1.0.0\n" in text
    assert "fit_from: 2022-01-03" in text
    assert "calibration: {slope: 0.9, intercept: -0.25}" in text


def test_missing_values_of_golden_rows_are_null_and_become_nan(facts: Manifest) -> None:
    """A missing feature is null in YAML and NaN in the matrix; the last golden row has no feature at all."""
    matrix = facts.golden_matrix()

    assert (16, 25) == matrix.shape
    assert np.float32 == matrix.dtype
    assert [None] * 25 == list(facts.golden[-1].values)
    assert np.isnan(matrix[-1]).all()


def test_f1_is_that_of_the_test_period(facts: Manifest) -> None:
    """Over all series; none without a test period."""
    untested = facts.model_copy(
        update={"metrics": {"calibrate": {"all": Metrics(rows=1, positives=0, f1=0.9)}}}
    )

    assert 0.45 == facts.f1
    assert untested.f1 is None


def test_a_manifest_cannot_be_changed(facts: Manifest) -> None:
    """It is frozen."""
    with pytest.raises(ValidationError, match="frozen"):
        facts.trees = 7


@pytest.mark.parametrize(
    ("line", "instead", "reason"),
    [
        ("version: 1.0.0", "version: one", "version: Value error, 'one' is no model version"),
        ("version: 1.0.0", "version: 1.0", "version: Value error, '1.0' is no model version"),
        ("model_type: XGBoost", "model_type: LightGBM", "model_type: Input should be 'XGBoost' (found 'LightGBM')"),
        ("schema_version: 1", "schema_version: 2", "schema_version is 2, this program reads 1"),
        ("schema_version: 1\n", "", "schema_version is None, this program reads 1"),
        ("trees: 6", "trees: 0", "trees: Input should be greater than 0 (found 0)"),
        ("trees: 6", "forest: 6", "trees: Field required; forest: Extra inputs are not permitted (found 6)"),
        ("trees: 6", "trees: 6\ntrees: 6", "key 'trees' stands twice"),
        ("trees: 6", "trees: [6", "while parsing a flow sequence"),
        ("trees: 6", "trees: !!python/name:os.system ''", "tags are not allowed"),
        ("trees: 6", "trees: &six 6\nspare: *six", "aliases are not allowed"),
        ("trees: 6", "trees: 6\n? [a]\n: 1", "a key must be a word"),
        ("trees: 6", "trees: " + "[" * 100_000, "more than 16 levels deep"),
        ("created_at: 2025-07-01 12:30:00+00:00", "created_at: 2025-07-01 12:30:00", "created_at: Input should have timezone"),
        ("created_at: 2025-07-01 12:30:00+00:00", "created_at: 2025-02-31", "day is out of range for month"),
        ("slope: 0.9", "slope: -0.9", "calibration: Value error, slope is -0.9"),
        ("slope: 0.9", "slop: 0.9", "calibration.slop"),
        ("slope: 0.9", "slope: .nan", "calibration.slope: Input should be a finite number"),
        ("fit_until: 2024-12-31", "fit_until: 2026-12-31", "window: Value error, fit_from < fit_until"),
        ("horizon: 5", "horizon: 0", "window.horizon: Input should be greater than 0"),
        ("f1: 0.45", "f1: 45", "metrics.test.all.f1: Input should be less than or equal to 1 (found 45)"),
        ("  test:", "  tset:", "metrics.tset"),
        ("- feature_24", "- feature_23", "feature_names has a name twice"),
        ("- feature_24", "- feature_25", "bins.features must hold exactly feature_names"),
    ],
)  # fmt: skip
def test_a_broken_manifest_is_refused_with_its_field(
    facts: Manifest, line: str, instead: str, reason: str
) -> None:
    """The error names version, file, field and what was found; nothing is guessed or left out."""
    text = facts.to_yaml() if line in facts.to_yaml() else _names_as_lines(facts)
    assert line in text

    with pytest.raises(ModelRejected) as refused:
        Manifest.parse(text.replace(line, instead, 1), version="1.0.0")

    assert ("1.0.0", "manifest") == (refused.value.version, refused.value.check)
    assert refused.value.reason.startswith(MANIFEST_FILE)
    assert reason in refused.value.reason


def _names_as_lines(facts: Manifest) -> str:
    head, tail = facts.to_yaml().split("feature_names:", 1)
    return (
        head + "feature_names:\n" + "".join(f"- {name}\n" for name in NAMES) + tail[tail.index("window:") :]
    )


@pytest.mark.parametrize("text", ["", "just words", "- a\n- list", "1: 2", "\x00", "{", "a: b: c"])
def test_what_is_no_mapping_is_no_manifest(text: str) -> None:
    """Rubbish of any kind is a ModelRejected, not a traceback from inside a parser."""
    with pytest.raises(ModelRejected, match=r"manifest\.yaml"):
        Manifest.parse(text, version="1.0.0")


def test_a_golden_row_of_the_wrong_width_is_refused(facts: Manifest) -> None:
    """24 values cannot prove a model of 25 features."""
    short = facts.golden[0].model_copy(update={"values": facts.golden[0].values[:-1]})

    with pytest.raises(ValidationError, match=r"golden\[0\] has 24 values for 25 features"):
        Manifest(**{**facts.model_dump(), "golden": (short,)})


@pytest.mark.parametrize("value", [0.1, 1e39, float("inf"), float("nan")])
def test_golden_values_are_float32_to_the_last_bit(value: float) -> None:
    """A value that float32 cannot hold would be another value when it is scored."""
    with pytest.raises(ValidationError, match=r"no finite float32|finite number"):
        GoldenRow(values=(value,), margin=0, probability=0.5)


def test_a_window_may_end_without_a_test_period() -> None:
    """Training up to the newest data leaves nothing to test on, and says so by None."""
    window = TrainingWindow(
        fit_from=date(2022, 1, 3),
        fit_until=date(2024, 12, 31),
        calibrate_until=date(2025, 6, 30),
        horizon=5,
        embargo=5,
    )

    assert window.test_until is None


def test_a_folder_without_a_manifest_says_so(tmp_path: Path) -> None:
    """The error names the path."""
    with pytest.raises(ModelRejected, match=r"manifest\.yaml cannot be read"):
        Manifest.read(tmp_path)


def test_a_manifest_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 do not pass as a UnicodeDecodeError."""
    (tmp_path / MANIFEST_FILE).write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ModelRejected, match="cannot be read"):
        Manifest.read(tmp_path)


def test_a_manifest_of_many_megabytes_is_not_read(tmp_path: Path) -> None:
    """Its size is looked at first."""
    with (tmp_path / MANIFEST_FILE).open("wb") as file:
        file.truncate(LARGEST + 1)

    with pytest.raises(ModelRejected, match="has more than 1,048,576 bytes"):
        Manifest.read(tmp_path)


def test_many_faults_are_told_in_short(facts: Manifest) -> None:
    """Three faults are spelt out, the rest is counted."""
    text = "\n".join(
        line
        for line in facts.to_yaml().splitlines()
        if not line.startswith(("trees", "sha", "size", "calib"))
    )

    with pytest.raises(
        ModelRejected, match=r"Field required; .*Field required; .*Field required; and 1 more"
    ):
        Manifest.parse(text, version="1.0.0")
