"""
Growing the forest, so that the same rows give the same bytes.

A model that cannot be made again cannot be explained or repaired. So the parameters stand here, the seed is fixed, and
nothing else decides: with these settings XGBoost's histograms give equal bytes for any number of threads (tested).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from upper_circuit.errors import DataUnavailable
from upper_circuit.features import FEATURE_NAMES
from upper_circuit.training.dataset import Dataset

PARAMS: Mapping[str, int | float | str] = MappingProxyType(
    {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "max_depth": 6,
        "eta": 0.05,
        "min_child_weight": 50.0,  # about a thousand rows at the base rate: a leaf is no anecdote
        "subsample": 0.8,
        "colsample_bytree": 0.5,
        "reg_lambda": 1.0,
        "max_bin": 256,
        "eval_metric": "logloss",
        "seed": 7,
    }
)
"""Chosen on the calibration period of real history (docs/adr): around these values every figure is flat."""
MOST_TREES = 400
PATIENCE = 30
"""Trees without a better loss on the calibration period before growing stops."""
FEWEST_LOCKS = {"fit": 100, "calibrate": 30}
"""Rows with label 1 below which a forest, or a calibration, learns the names of single stocks."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """The bytes of a booster, cut after its best tree."""

    booster: bytes
    trees: int
    loss: float
    """Log loss on the calibration period, before calibration."""
    gain: dict[str, float]
    """Share of the loss that splits on a feature took away, by name, greatest first; unused features are left out."""


def require_locks(name: str, rows: Dataset) -> None:
    """Raise DataUnavailable where a period has too few locks to learn from."""
    if rows.locks < FEWEST_LOCKS[name]:
        raise DataUnavailable(
            f"the {name} period has {rows.locks} rows with a lock among {len(rows):,}, {FEWEST_LOCKS[name]} are "
            "needed; load a longer history or more stocks"
        )


def grow(
    fit: Dataset,
    calibrate: Dataset,
    *,
    threads: int = 1,
    most_trees: int = MOST_TREES,
    progress: Callable[[int, int], None],
) -> Fitted:
    """A forest fitted on one period, with as many trees as the next period likes best.

    Args:
        fit: rows to learn from.
        calibrate: rows that decide the number of trees, and nothing else.
        threads: of the CPU; they never change a byte.
        most_trees: the limit.
        progress: told trees grown, and the limit.
    """
    import xgboost  # noqa: PLC0415  # half a second that a refusal before this should not cost

    class Told(xgboost.callback.TrainingCallback):  # type: ignore[misc]  # xgboost has no types
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
            progress(epoch + 1, most_trees)
            return False

    rows = xgboost.QuantileDMatrix(fit.values, fit.label, nthread=threads, max_bin=PARAMS["max_bin"])
    judged = xgboost.QuantileDMatrix(calibrate.values, calibrate.label, ref=rows, nthread=threads)
    booster = xgboost.train(
        {**PARAMS, "nthread": threads},
        rows,
        most_trees,
        evals=[(judged, "calibrate")],
        early_stopping_rounds=PATIENCE,
        verbose_eval=False,
        callbacks=[Told()],
    )
    trees = booster.best_iteration + 1
    best = booster[:trees]
    return Fitted(bytes(best.save_raw("ubj")), trees, float(booster.best_score), _gain(best))


def _gain(booster: Any) -> dict[str, float]:
    gain = {
        FEATURE_NAMES[int(name[1:])]: value
        for name, value in booster.get_score(importance_type="total_gain").items()
    }
    whole = sum(gain.values())
    return {name: value / whole for name, value in sorted(gain.items(), key=lambda item: -item[1])}
