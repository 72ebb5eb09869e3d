"""Scores do not depend on batch size, threads or neighbours, and wrong rows are refused."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xgboost

from tests.factories.models import CALIBRATION, NAMES, booster, manifest, rows, write_model
from upper_circuit.errors import BadInput, ModelRejected
from upper_circuit.models.manifest import MODEL_FILE
from upper_circuit.models.scorer import Forest, Scorer
from upper_circuit.models.version import ModelVersion


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 200 trees, deep enough for every path of the library's kernels."""
    return write_model(tmp_path_factory.mktemp("scorer") / "1.0.0", booster(trees=200, max_depth=6))


@pytest.fixture(scope="module")
def scorer(folder: Path) -> Scorer:
    """It, loaded with one thread."""
    return Scorer.load(folder)


def test_margins_are_those_of_the_library(folder: Path, scorer: Scorer) -> None:
    """The booster asked the slow way (DMatrix) says the same, and the probability is the manifest's calibration of it."""
    matrix = rows(500, seed=3)
    model = xgboost.Booster()
    model.load_model(folder / MODEL_FILE)

    expected = model.predict(xgboost.DMatrix(matrix), output_margin=True, validate_features=False)
    found = scorer.score(matrix)

    assert expected.tobytes() == found.margin.tobytes()
    assert CALIBRATION.probability(expected).tobytes() == found.probability.tobytes()
    assert ["float32", "float32"] == [found.margin.dtype.name, found.probability.dtype.name]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_row_alone_scores_as_among_a_thousand(folder: Path, scorer: Scorer, threads: int) -> None:
    """Batches of 1 and 7 (the first rows), 64 and 1,000 on one and two threads: the same bits for every row."""
    matrix = rows(1_000, seed=4)
    other = Scorer.load(folder, threads=threads)

    whole = scorer.score(matrix)

    for size, upto in ((1, 20), (7, 70), (64, 1_000), (1_000, 1_000)):
        parts = [other.score(matrix[at : at + size]) for at in range(0, upto, size)]
        margins = np.concatenate([part.margin for part in parts])
        probabilities = np.concatenate([part.probability for part in parts])
        assert whole.margin[:upto].tobytes() == margins.tobytes()
        assert whole.probability[:upto].tobytes() == probabilities.tobytes()


@pytest.mark.parametrize("threads", [1, 2])
def test_contributions_of_a_row_alone_are_those_among_many(
    folder: Path, scorer: Scorer, threads: int
) -> None:
    """SHAP values too: the same bits in any batch."""
    matrix = rows(40, seed=5)
    other = Scorer.load(folder, threads=threads)

    whole = scorer.contributions(matrix)

    alone = np.concatenate([other.contributions(matrix[at : at + 1]) for at in range(40)])
    assert whole.tobytes() == alone.tobytes()


def test_contributions_sum_to_the_margin(scorer: Scorer) -> None:
    """25 features and the base: 26 log-odds a row that sum to the raw margin."""
    matrix = rows(40, seed=6)

    found = scorer.contributions(matrix)

    assert (40, 26) == found.shape
    assert np.allclose(scorer.score(matrix).margin, found.sum(axis=1), atol=1e-4)


def test_many_threads_may_ask_at_once(scorer: Scorer) -> None:
    """Requests of a server share one scorer."""
    matrix = rows(300, seed=7)
    whole = scorer.score(matrix).margin

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda at: scorer.score(matrix[at : at + 3]).margin, range(0, 300, 3)))

    assert whole.tobytes() == np.concatenate(parts).tobytes()


def test_no_rows_give_no_scores(scorer: Scorer) -> None:
    """An empty shard is no error."""
    nothing = np.empty((0, 25), np.float32)

    assert (0,) == scorer.score(nothing).probability.shape
    assert (0, 26) == scorer.contributions(nothing).shape


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        (rows(3).astype(np.float64), r"rows are float64 \(3, 25\), float32 \(n, 25\) is needed"),
        (np.ascontiguousarray(rows(3)[:, :24]), r"rows are float32 \(3, 24\)"),
        (rows(1)[0], r"rows are float32 \(25,\)"),
        (np.asfortranarray(rows(3)), "C order"),
        (rows(6)[::2], "C order"),
        (np.full((1, 25), np.inf, np.float32), "infinite"),
    ],
)
def test_rows_of_another_form_are_refused(scorer: Scorer, matrix: np.ndarray, reason: str) -> None:
    """The library would score them, with other numbers than the caller means."""
    with pytest.raises(BadInput, match=reason):
        scorer.score(matrix)
    with pytest.raises(BadInput, match=reason):
        scorer.contributions(matrix)


def test_a_scorer_says_which_model_it_is(folder: Path, scorer: Scorer) -> None:
    """Version and manifest are those of the folder."""
    assert ModelVersion(1, 0, 0) == scorer.version
    assert (folder / MODEL_FILE).stat().st_size == scorer.manifest.size_bytes


def test_a_file_that_changed_after_its_proof_is_not_loaded(tmp_path: Path) -> None:
    """The bytes must be those of the manifest that was proven, also when somebody has changed both files since."""
    proven = manifest()
    folder = write_model(tmp_path / "1.0.0", booster(trees=7))

    with pytest.raises(ModelRejected, match="is not the file its manifest speaks of"):
        Scorer.load(folder, manifest=proven)


def test_a_forest_needs_no_manifest() -> None:
    """Training asks for margins before there is a calibration."""
    forest = Forest.load(booster(), feature_names=NAMES)

    assert (10,) == forest.margins(rows(10)).shape


def test_the_library_is_imported_with_the_first_model_only() -> None:
    """`import xgboost` takes longer than everything else at a program's start."""
    script = "import sys, upper_circuit.models.scorer, upper_circuit.models.verification; print('xgboost' in sys.modules)"

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "False\n" == ended.stdout
