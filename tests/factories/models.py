"""Real small models with true manifests: boosters are trained by XGBoost itself."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from upper_circuit.models.bins import Bins
from upper_circuit.models.calibration import Platt
from upper_circuit.models.golden import make_rows
from upper_circuit.models.manifest import (
    MANIFEST_FILE,
    MODEL_FILE,
    Manifest,
    Metrics,
    TrainingBins,
    TrainingWindow,
)
from upper_circuit.models.scorer import Forest, made_with
from upper_circuit.models.version import ModelVersion

NAMES = tuple(f"feature_{number}" for number in range(25))
FINGERPRINT = "0f" * 16
CALIBRATION = Platt(slope=0.9, intercept=-0.25)


def rows(count: int = 400, seed: int = 0) -> npt.NDArray[np.float32]:
    """Features [count, 25] with one value in ten missing."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, 25)).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    return matrix


@cache
def booster(trees: int = 6, columns: int = 25, names: bool = True, **params: str | float) -> bytes:
    """The bytes of a small forest that learned something."""
    import xgboost

    matrix = rows()[:, :columns]
    answers = (np.nan_to_num(matrix[:, 0]) + np.nan_to_num(matrix[:, 1]) ** 2 > 1).astype(np.float32)
    data = xgboost.DMatrix(matrix, answers, feature_names=list(NAMES[:columns]) if names else None)
    settings = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1, "seed": 0, **params}
    return bytes(xgboost.train(settings, data, trees).save_raw("ubj"))


def manifest(model: bytes | None = None, **changes: Any) -> Manifest:
    """The true manifest of a booster, but for the changes named."""
    model = booster() if model is None else model
    forest = Forest.load(model, feature_names=NAMES)
    matrix = rows(200, seed=1)
    answers = CALIBRATION.probability(forest.margins(matrix))
    facts: dict[str, Any] = {
        "version": ModelVersion(1, 0, 0),
        "created_at": datetime(2025, 7, 1, 12, 30, tzinfo=UTC),
        "sha256": hashlib.sha256(model).hexdigest(),
        "size_bytes": len(model),
        "trees": len(document(model)["learner"]["gradient_booster"]["model"]["trees"]),
        "feature_fingerprint": FINGERPRINT,
        "feature_names": NAMES,
        "window": TrainingWindow(
            fit_from=date(2022, 1, 3),
            fit_until=date(2024, 12, 31),
            calibrate_until=date(2025, 6, 30),
            test_until=date(2025, 12, 17),
            horizon=5,
            embargo=5,
        ),
        "params": {"max_depth": 3, "eta": 0.3, "tree_method": "hist"},
        "calibration": CALIBRATION,
        "made_with": made_with(),
        "metrics": {"test": {"all": Metrics(rows=1000, positives=46, base_rate=0.046, f1=0.45, pr_auc=0.41)}},
        "bins": TrainingBins(
            features={name: Bins.of(matrix[:, at]) for at, name in enumerate(NAMES)},
            probability=Bins.of(answers),
        ),
        "golden": make_rows(forest, CALIBRATION, matrix),
    }
    return Manifest(**{**facts, **changes})


def write_model(folder: Path, model: bytes | None = None, facts: Manifest | None = None) -> Path:
    """A model's folder with a booster and a manifest, whether they fit or not."""
    model = booster() if model is None else model
    folder.mkdir(parents=True)
    (folder / MODEL_FILE).write_bytes(model)
    (folder / MANIFEST_FILE).write_text((facts or manifest(model)).to_yaml(), encoding="utf-8")
    return folder


def signed(facts: Manifest, model: bytes) -> Manifest:
    """The manifest of another model with hash and size made to fit these bytes: what a forger would write."""
    return facts.model_copy(update={"sha256": hashlib.sha256(model).hexdigest(), "size_bytes": len(model)})


def document(model: bytes) -> dict[str, Any]:
    """A booster as XGBoost's own JSON."""
    import xgboost

    loaded = xgboost.Booster()
    loaded.load_model(bytearray(model))
    found: dict[str, Any] = json.loads(bytes(loaded.save_raw("json")))
    return found
