"""
The manifest: everything a model must say about itself before it may answer.

A booster's file holds trees and nothing else: not which formulas made its features, not how margins become
probabilities, not what it should answer. Without these a wrong feature order scores happily. The file is
`manifest.yaml`, because stock XGBoost servers take every `.json` in a folder for a second model.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PlainSerializer,
    PlainValidator,
    PositiveInt,
    ValidationError,
    model_validator,
)

from upper_circuit.errors import BadInput, ModelRejected
from upper_circuit.models import plain_yaml
from upper_circuit.models.bins import Bins
from upper_circuit.models.calibration import Platt
from upper_circuit.models.version import ModelVersion

MANIFEST_FILE = "manifest.yaml"
MODEL_FILE = "model.ubj"
MODEL_TYPE: Literal["XGBoost"] = "XGBoost"
SCHEMA_VERSION: Literal[1] = 1
LARGEST = 1 << 20
"""Bytes a manifest may have; real ones have about 30,000."""

_LARGEST_SINGLE = float(np.finfo(np.float32).max)

Period = Literal["fit", "calibrate", "test"]
Universe = Literal["all", "EQ", "fresh", "EQ fresh"]


def _version(value: object) -> ModelVersion:
    if isinstance(value, ModelVersion):
        return value
    try:
        return ModelVersion.parse(str(value))
    except BadInput as error:
        raise ValueError(str(error)) from error


def _single(value: float) -> float:
    if not abs(value) <= _LARGEST_SINGLE or float(np.float32(value)) != value:
        raise ValueError("no finite float32")
    return value


Version = Annotated[ModelVersion, PlainValidator(_version), PlainSerializer(str)]
Single = Annotated[float, AfterValidator(_single)]
"""A float that is a float32 to the last bit."""
Share = Annotated[float, Field(ge=0, le=1)]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TrainingWindow(_Facts):
    """Run dates, first and last included: fitted, then calibrated, then (if there was data left) tested on."""

    fit_from: date
    fit_until: date
    calibrate_until: date
    test_until: date | None = None
    horizon: PositiveInt
    """N of the label: own bars looked ahead."""
    embargo: NonNegativeInt
    """Sessions left out between two periods."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        last = self.test_until or date.max
        if not self.fit_from < self.fit_until < self.calibrate_until < last:
            raise ValueError("fit_from < fit_until < calibrate_until < test_until must hold")
        return self


class Metrics(_Facts):
    """How good scores were in one period and universe; None where it is not defined (no locks, no row >= 0.5)."""

    rows: NonNegativeInt
    positives: NonNegativeInt
    base_rate: Share | None = None
    roc_auc: Share | None = None
    pr_auc: Share | None = None
    f1: Share | None = None
    """At probability >= 0.5, as are precision and recall."""
    precision: Share | None = None
    recall: Share | None = None
    precision_at_20: Share | None = None
    """Of each day's 20 highest scores, the mean over days."""
    precision_at_50: Share | None = None
    brier: Share | None = None
    brier_base_rate: Share | None = None
    """Brier score of always forecasting the base rate."""


class GoldenRow(_Facts):
    """One row of features with the answer the model gave when it was made; None = missing."""

    values: tuple[Single | None, ...]
    margin: Single
    probability: Single


class MadeWith(_Facts):
    """What computed the golden answers: where these agree, answers must agree to the last bit."""

    xgboost: str
    numpy: str
    machine: str
    """Architecture, such as x86_64: logarithms of two of them may differ in the last bit."""

    def __str__(self) -> str:
        return f"xgboost {self.xgboost}, numpy {self.numpy} on {self.machine}"


class TrainingBins(_Facts):
    """The spread of every feature and of the probabilities, over the rows the model was fitted on."""

    features: dict[str, Bins]
    probability: Bins


class Manifest(_Facts):
    """A model's facts, frozen.

    Guaranteed: golden rows and training bins cover exactly `feature_names`; every float is finite.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    model_type: Literal["XGBoost"] = MODEL_TYPE
    version: Version
    created_at: AwareDatetime
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: PositiveInt
    trees: PositiveInt
    feature_fingerprint: Annotated[str, Field(min_length=1)]
    feature_names: Annotated[tuple[str, ...], Field(min_length=1)]
    window: TrainingWindow
    params: dict[str, bool | int | float | str | None]
    calibration: Platt
    made_with: MadeWith
    metrics: dict[Period, dict[Universe, Metrics]]
    bins: TrainingBins
    golden: Annotated[tuple[GoldenRow, ...], Field(min_length=1, max_length=256)]

    @model_validator(mode="after")
    def _about_one_set_of_features(self) -> Self:
        if len(set(self.feature_names)) != len(self.feature_names):
            raise ValueError("feature_names has a name twice")
        if set(self.bins.features) != set(self.feature_names):
            raise ValueError("bins.features must hold exactly feature_names")
        for number, row in enumerate(self.golden):
            if len(row.values) != len(self.feature_names):
                raise ValueError(
                    f"golden[{number}] has {len(row.values)} values for {len(self.feature_names)} features"
                )
        return self

    @property
    def f1(self) -> float | None:
        """F1 at 0.5 over all series of the test period; None without a test period."""
        tested = self.metrics.get("test", {}).get("all")
        return tested.f1 if tested else None

    def golden_matrix(self) -> npt.NDArray[np.float32]:
        """The golden rows [n, features], missing as NaN."""
        return np.array(
            [[np.nan if value is None else value for value in row.values] for row in self.golden], np.float32
        )

    def to_yaml(self) -> str:
        """The text of manifest.yaml; `Manifest.parse` of it gives an equal manifest."""
        return plain_yaml.dump(self.model_dump(mode="python"))

    @classmethod
    def parse(cls, text: str, *, version: str) -> Manifest:
        """The manifest a text holds; `version` names the model in the ModelRejected that a broken one raises."""
        try:
            document = plain_yaml.load(text)
        except plain_yaml.NotPlainError as error:
            raise ModelRejected(version, "manifest", f"{MANIFEST_FILE}: {error}") from error
        found = document.get("schema_version")
        if found != SCHEMA_VERSION:
            reason = f"{MANIFEST_FILE}: schema_version is {found!r}, this program reads {SCHEMA_VERSION}"
            raise ModelRejected(version, "manifest", reason)
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise ModelRejected(version, "manifest", f"{MANIFEST_FILE}: {_first_faults(error)}") from error

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of a model's folder; ModelRejected when it is absent, too large or broken."""
        version, path = folder.name, folder / MANIFEST_FILE
        try:
            if path.stat().st_size > LARGEST:
                raise ModelRejected(version, "manifest", f"{path} has more than {LARGEST:,} bytes")
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ModelRejected(version, "manifest", f"{path} cannot be read: {error}") from error
        return cls.parse(text, version=version)


def _first_faults(error: ValidationError, most: int = 3) -> str:
    faults = error.errors(include_url=False, include_context=False)
    told = [f"{_where(fault['loc'])}{fault['msg']}{_given(fault['input'])}" for fault in faults[:most]]
    more = len(faults) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _where(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc) + ": " if loc else ""


def _given(value: Any) -> str:
    return (
        f" (found {value!r:.60})" if isinstance(value, (str, int, float, datetime, date, type(None))) else ""
    )
