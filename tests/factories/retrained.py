"""A model that was made from another one as a retraining would: nearly the same ranking, other numbers."""

from __future__ import annotations

import hashlib
from pathlib import Path

from upper_circuit.models.calibration import Platt
from upper_circuit.models.golden import make_rows
from upper_circuit.models.manifest import MODEL_FILE
from upper_circuit.models.registry import Registry
from upper_circuit.models.scorer import Forest, made_with
from upper_circuit.models.version import ModelVersion


def retrained(root: Path, of: str, version: str) -> Path:
    """Publish, in the registry that has `of`, its forest without the last tree and with steeper calibration."""
    import xgboost

    registry = Registry(root)
    before = ModelVersion.parse(of)
    old = registry.manifest(before)
    booster = xgboost.Booster()
    booster.load_model(bytearray((registry.folder(before) / MODEL_FILE).read_bytes()))
    model = bytes(booster[: old.trees - 1].save_raw("ubj"))
    forest = Forest.load(model, feature_names=old.feature_names)
    calibration = Platt(slope=old.calibration.slope * 1.02, intercept=old.calibration.intercept)
    changes = {
        "version": ModelVersion.parse(version),
        "sha256": hashlib.sha256(model).hexdigest(),
        "size_bytes": len(model),
        "trees": old.trees - 1,
        "calibration": calibration,
        "made_with": made_with(),
        "golden": make_rows(forest, calibration, old.golden_matrix()),
    }
    return registry.publish(model, old.model_copy(update=changes))
