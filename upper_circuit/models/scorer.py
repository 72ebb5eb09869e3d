"""
The one place that asks XGBoost.

A score must not depend on who asks: rows go in as float32 in one memory order and margins come out per row, the same
to the last bit alone, among a thousand, or with other threads (tested). `import xgboost` takes half a second or more,
so it happens when the first model is loaded and not before. This is no gate: `verification` comes first, because
XGBoost kills the process at the first row when trees are malformed.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from upper_circuit.errors import BadInput, ModelRejected
from upper_circuit.models.manifest import MODEL_FILE, MadeWith, Manifest
from upper_circuit.models.version import ModelVersion

Matrix = npt.NDArray[np.float32]


def made_with() -> MadeWith:
    """What computes scores in this process."""
    import xgboost  # noqa: PLC0415

    return MadeWith(xgboost=xgboost.__version__, numpy=np.__version__, machine=platform.machine())


@dataclass(frozen=True, slots=True)
class Scores:
    """Of n rows: calibrated probability and raw margin (log-odds before calibration), float32 [n] each."""

    probability: Matrix
    margin: Matrix


class Forest:
    """Trees in memory, without calibration: what training scores with before there is a manifest.

    Safe to use from several threads at once.
    """

    def __init__(self, booster: Any, feature_names: Sequence[str]) -> None:
        self._booster = booster
        self._columns = len(feature_names)

    @classmethod
    def load(cls, booster: bytes, *, feature_names: Sequence[str], threads: int = 1) -> Forest:
        """The forest in the bytes of a model.ubj that is known to be sound."""
        import xgboost  # noqa: PLC0415

        loaded = xgboost.Booster({"nthread": threads})
        loaded.load_model(bytearray(booster))
        return cls(loaded, feature_names)

    def margins(self, matrix: Matrix) -> Matrix:
        """Log-odds [n] of rows [n, features]: float32, C-ordered, NaN = missing, else finite."""
        self._require_rows(matrix)
        if not len(matrix):
            return np.empty(0, np.float32)
        margins: Matrix = self._booster.inplace_predict(
            matrix, predict_type="margin", validate_features=False
        )
        return margins

    def contributions(self, matrix: Matrix) -> Matrix:
        """SHAP values [n, features + 1] of rows [n, features], in log-odds, the base last; a row sums to its margin.

        The sum is of float32 and agrees to about 1e-5, not to the bit.
        """
        import xgboost  # noqa: PLC0415

        self._require_rows(matrix)
        if not len(matrix):
            return np.empty((0, self._columns + 1), np.float32)
        rows = xgboost.DMatrix(matrix, nthread=1)
        contributions: Matrix = self._booster.predict(rows, pred_contribs=True, validate_features=False)
        return contributions

    def _require_rows(self, matrix: Matrix) -> None:
        if matrix.dtype != np.float32 or matrix.ndim != 2 or matrix.shape[1] != self._columns:
            raise BadInput(f"rows are {matrix.dtype} {matrix.shape}, float32 (n, {self._columns}) is needed")
        if not matrix.flags.c_contiguous:
            raise BadInput("rows must lie one after another in memory (C order)")
        if np.isinf(matrix).any():
            raise BadInput("rows hold an infinite value; missing ones are NaN")


class Scorer:
    """A published model that answers. Safe to use from several threads at once."""

    def __init__(self, manifest: Manifest, forest: Forest) -> None:
        self.manifest = manifest
        self._forest = forest

    @classmethod
    def load(cls, folder: Path, *, manifest: Manifest | None = None, threads: int = 1) -> Scorer:
        """The model of a folder that passed verification.

        `manifest` is the one verification gave: the bytes must still be those it speaks of, so that nothing can come
        between proof and use. Without it the folder's own is taken.
        """
        facts = Manifest.read(folder) if manifest is None else manifest
        booster = (folder / MODEL_FILE).read_bytes()
        if hashlib.sha256(booster).hexdigest() != facts.sha256:
            reason = f"{folder / MODEL_FILE} is not the file its manifest speaks of"
            raise ModelRejected(str(facts.version), "sha256", reason)
        return cls(facts, Forest.load(booster, feature_names=facts.feature_names, threads=threads))

    @property
    def version(self) -> ModelVersion:
        """Which model answers."""
        return self.manifest.version

    def score(self, matrix: Matrix) -> Scores:
        """Scores of rows [n, 25]: float32, C-ordered, columns as `manifest.feature_names`, NaN = missing."""
        margin = self._forest.margins(matrix)
        return Scores(self.manifest.calibration.probability(margin), margin)

    def contributions(self, matrix: Matrix) -> Matrix:
        """SHAP values [n, 26] of rows [n, 25], in log-odds, the base last; a row sums to its margin."""
        return self._forest.contributions(matrix)
