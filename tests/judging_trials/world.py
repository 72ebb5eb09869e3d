"""
Mornings whose truth is known, and models that learned from others like them.

Made to be as awkward as the market where it matters to a judge: locks are rare, a stock's features and so its score
change slowly from one morning to the next, labels of neighbouring mornings look at the same bars, and all stocks share
a mood that no model sees. The forests are grown by XGBoost and calibrated by the product's own code.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from upper_circuit.models import calibration
from upper_circuit.models.bins import Bins
from upper_circuit.models.scorer import Forest

COLUMNS = 25
NAMES = tuple(f"feature_{number}" for number in range(COLUMNS))
HORIZON = 5
_STAYS = 0.95
"""Correlation of a feature with itself a morning later."""
_MISSING = 0.05


@dataclass(frozen=True, slots=True)
class World:
    """Mornings [m] of stocks [n]."""

    features: npt.NDArray[np.float32]
    """[m, n, 25], NaN = missing."""
    truth: npt.NDArray[np.float64]
    """[m, n] log-odds of a lock within the horizon, as far as anything that can be known tells."""
    labels: npt.NDArray[np.float64]
    """[m, n]"""


@dataclass(frozen=True, slots=True)
class Model:
    """A forest with its calibration, and how everything was spread when it was trained."""

    forest: Forest
    calibration: calibration.Platt
    features: tuple[Bins, ...]
    probability: Bins

    def log_odds(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Calibrated log-odds [m, n] of features [m, n, 25]."""
        mornings, stocks, columns = features.shape
        margins = self.forest.margins(np.ascontiguousarray(features.reshape(-1, columns)))
        found = self.calibration.slope * margins.astype(np.float64) + self.calibration.intercept
        return found.reshape(mornings, stocks)


def world(seed: int, *, mornings: int, stocks: int) -> World:
    """Some mornings; another seed gives others under the same law."""
    rng = np.random.default_rng(seed)
    days = mornings + HORIZON - 1
    values = np.empty((days, stocks, COLUMNS))
    values[0] = rng.normal(size=(stocks, COLUMNS))
    moods = np.empty(days)
    moods[0] = rng.normal(scale=0.25)
    for day in range(1, days):
        fresh = np.sqrt(1 - _STAYS**2)
        values[day] = _STAYS * values[day - 1] + fresh * rng.normal(size=(stocks, COLUMNS))
        moods[day] = _STAYS * moods[day - 1] + fresh * rng.normal(scale=0.25)
    known = -6.2 + 1.2 * values[..., 0] + 0.8 * np.abs(values[..., 1]) + 0.5 * values[..., 2] * values[..., 3]
    hazard = 1 / (1 + np.exp(-(known + moods[:, None])))
    locked = rng.random(hazard.shape) < hazard
    labels = np.stack([locked[day : day + HORIZON].any(axis=0) for day in range(mornings)])
    within = 1 - (1 - 1 / (1 + np.exp(-known[:mornings]))) ** HORIZON
    features = values[:mornings].astype(np.float32)
    features[rng.random(features.shape) < _MISSING] = np.nan
    return World(features, np.log(within / (1 - within)), labels.astype(np.float64))


@cache
def model(seed: int) -> Model:
    """A small model, trained and calibrated on mornings of its own."""
    import xgboost

    fitted, held = (world(seed + part, mornings=40, stocks=1_500) for part in (0, 1))
    rows, answers = fitted.features.reshape(-1, COLUMNS), fitted.labels.ravel()
    settings = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.1, "nthread": 1, "seed": seed}
    booster = xgboost.train(
        {**settings, "min_child_weight": 20}, xgboost.DMatrix(rows, answers, feature_names=list(NAMES)), 100
    )
    forest = Forest.load(bytes(booster.save_raw("ubj")), feature_names=NAMES)
    margins = forest.margins(np.ascontiguousarray(held.features.reshape(-1, COLUMNS)))
    scaling = calibration.fit(margins, held.labels.ravel())
    return Model(
        forest,
        scaling,
        tuple(Bins.of(rows[:, column]) for column in range(COLUMNS)),
        Bins.of(scaling.probability(forest.margins(np.ascontiguousarray(rows)))),
    )
