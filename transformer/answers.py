"""
What is answered, as frozen values: the same to REST, to the Open Inference Protocol and to a caller in Python.

`document` is the form for JSON. What was not asked for is absent there, not null: answers are short, and a null would
say that something is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Contributions:
    """Why a score is what it is: SHAP values in log-odds, by feature.

    With `base_value` they sum to `raw_margin`, the score before calibration (to about 1e-5: they are float32).
    """

    values: dict[str, float]
    base_value: float
    raw_margin: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to one question."""

    bse_code: str
    nse_symbol: str | None
    prediction_date: date
    predicted_label: int
    probability: float
    confidence: str
    model_version: str
    prediction_timestamp: datetime
    as_of: date
    """The last session whose prices were used."""
    filled_features: tuple[str, ...]
    """Features that the stock lacks, filled with a median."""
    features: dict[str, float | None] | None = None
    """None where not asked for; a value is None where nobody in the market has the feature."""
    contributions: Contributions | None = None
    requested_model_version: str | None = None
    """The version that should have answered, where another one did."""
    fallback_because: str | None = None
    call_id: str | None = None
    """Correlation id of the call to the predictor, by which its log has it; not part of the document."""

    def document(self) -> dict[str, Any]:
        """For JSON."""
        told: dict[str, Any] = {
            "bse_code": self.bse_code,
            "nse_symbol": self.nse_symbol,
            "prediction_date": self.prediction_date,
            "predicted_label": self.predicted_label,
            "probability": self.probability,
            "confidence": self.confidence,
            "model_version": self.model_version,
            "prediction_timestamp": self.prediction_timestamp,
            "as_of": self.as_of,
            "filled_features": self.filled_features,
        }
        if self.features is not None:
            told["features"] = self.features
        if self.contributions is not None:
            told["shap_values"] = self.contributions.values
            told["shap_base_value"] = self.contributions.base_value
            told["raw_margin"] = self.contributions.raw_margin
        if self.fallback_because is not None:
            told["requested_model_version"] = self.requested_model_version
            told["fallback_because"] = self.fallback_because
        return told


@dataclass(frozen=True, slots=True)
class Features:
    """A stock's final values as of a morning, in the catalog's order."""

    bse_code: str
    prediction_date: date
    as_of: date
    values: dict[str, float | None]
    filled: dict[str, str]
    """Feature -> industry, sector or market: whose median stands in."""


@dataclass(frozen=True, slots=True)
class Why:
    """A stock's score taken apart, or why it has none; exactly one of `prediction` and `skip_reason` is None."""

    bse_code: str
    nse_symbol: str | None
    company_name: str | None
    prediction_date: date
    as_of: date
    prediction: Prediction | None
    filled: dict[str, str]
    skip_reason: str | None = None
    skip_detail: str | None = None

    def document(self) -> dict[str, Any]:
        """For JSON."""
        head: dict[str, Any] = {
            "bse_code": self.bse_code,
            "nse_symbol": self.nse_symbol,
            "company_name": self.company_name,
            "prediction_date": self.prediction_date,
            "as_of": self.as_of,
        }
        if self.prediction is None:
            return {**head, "skipped": {"reason": self.skip_reason, "detail": self.skip_detail}}
        return {**head, **self.prediction.document(), "filled_from": self.filled}


@dataclass(frozen=True, slots=True)
class Health:
    """How the pair is."""

    status: str
    """healthy, or unhealthy: no model is loaded, or the database cannot be asked."""
    timestamp: datetime
    model_loaded: bool
    model_version: str | None
    model_type: str | None
    uptime_seconds: float
    requests_processed: int
    """Requests to the API and to inference, since the start; probes and metrics do not count."""
    avg_latency_ms: float
    error_rate: float
    """Share (0 to 1) of them that ended with a status of 500 or above."""
    data_as_of: date | None
    """The newest session with prices."""
    problems: tuple[str, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems
