"""
What training writes down about a model, for those who will have only the model.

The manifest is the one thing that serving, drift checks and people a year later have. Everything in it is computed
here, from the rows the model met, and nothing from memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from upper_circuit.features import FEATURE_NAMES, FINGERPRINT
from upper_circuit.market.days import date_of
from upper_circuit.models.bins import Bins
from upper_circuit.models.calibration import Platt
from upper_circuit.models.golden import make_rows
from upper_circuit.models.manifest import Manifest, Metrics, Period, TrainingBins, TrainingWindow, Universe
from upper_circuit.models.scorer import Forest, Scores, made_with
from upper_circuit.models.version import ModelVersion
from upper_circuit.training.dataset import Dataset
from upper_circuit.training.fit import PARAMS, Fitted
from upper_circuit.training.split import Split


def window(split: Split) -> TrainingWindow:
    """The periods as the manifest names them: by the last day their labels may look at."""
    return TrainingWindow(
        fit_from=split.fit.first,
        fit_until=date_of(split.fit.until),
        calibrate_until=date_of(split.calibrate.until),
        test_until=None if split.test is None else date_of(split.test.until),
        horizon=split.horizon,
        embargo=split.horizon,
    )


def training_bins(fit: Dataset, calibrated: Scores) -> TrainingBins:
    """What later days are compared with: features of the rows fitted on, probabilities of rows not fitted on.

    A forest is surer of rows that it has seen, so the spread of those probabilities would look like drift for ever.
    """
    return TrainingBins(
        features={name: Bins.of(fit.values[:, at]) for at, name in enumerate(FEATURE_NAMES)},
        probability=Bins.of(calibrated.probability),
    )


def manifest(
    *,
    version: ModelVersion,
    now: datetime,
    fitted: Fitted,
    calibration: Platt,
    split: Split,
    rows: Mapping[Period, Dataset],
    scores: Mapping[Period, Scores],
    metrics: Mapping[Period, Mapping[Universe, Metrics]],
) -> Manifest:
    """Everything a model must say about itself. Periods without rows (no test) are left out of the mappings."""
    forest = Forest.load(fitted.booster, feature_names=FEATURE_NAMES)
    return Manifest(
        version=version,
        created_at=now,
        sha256=hashlib.sha256(fitted.booster).hexdigest(),
        size_bytes=len(fitted.booster),
        trees=fitted.trees,
        feature_fingerprint=FINGERPRINT,
        feature_names=FEATURE_NAMES,
        window=window(split),
        params=dict(PARAMS),
        calibration=calibration,
        made_with=made_with(),
        metrics={period: dict(universes) for period, universes in metrics.items()},
        bins=training_bins(rows["fit"], scores["calibrate"]),
        golden=make_rows(forest, calibration, rows["calibrate"].values),
    )
