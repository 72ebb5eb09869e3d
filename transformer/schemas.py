"""
The language of the API for people and generators of clients: what openapi.yaml says.

Requests are checked by `questions` and answers made by `answers`; these models describe both, and tests hold them
together. So a field that is answered and not described, or described and not answered, fails.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from transformer.questions import MOST_ASKED

Code = Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["500325"])]
Share = Annotated[float, Field(ge=0, le=1)]
Band = Literal["LOW", "MEDIUM", "HIGH"]

PREDICTION: dict[str, Any] = {
    "bse_code": "500325",
    "nse_symbol": "RELIANCE",
    "prediction_date": "2024-11-14",
    "predicted_label": 0,
    "probability": 0.0213,
    "confidence": "HIGH",
    "model_version": "1.0.0",
    "prediction_timestamp": "2024-11-14T01:31:12.104512Z",
    "as_of": "2024-11-13",
    "filled_features": [],
}


class Described(BaseModel):
    """No field but these, each with its docstring as description."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class PredictionRequest(Described):
    """One stock on one morning."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        use_attribute_docstrings=True,
        json_schema_extra={"examples": [{"bse_code": "500325", "prediction_date": "2024-11-14"}]},
    )

    bse_code: Code
    """The exchange's code, six digits as a text."""
    nse_symbol: Annotated[
        str | None,
        Field(pattern=r"^[A-Za-z0-9&_-]{1,20}(\.[Nn][Ss])?$", examples=["RELIANCE", "RELIANCE.NS"]),
    ] = None
    """Checked against the code where it is given: 400 when it is another stock's."""
    prediction_date: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", examples=["2024-11-14"])]
    """The morning asked about (Asia/Kolkata), a session of the exchange."""
    include_features: bool = False
    """Answer the 25 features too."""
    include_shap: bool = False
    """Answer what each feature adds to the score."""


class BatchRequest(RootModel[list[PredictionRequest]]):
    """Questions that are answered together, by one model."""

    root: Annotated[list[PredictionRequest], Field(min_length=1, max_length=MOST_ASKED)]


class Prediction(Described):
    """The answer to one question."""

    model_config = ConfigDict(
        extra="forbid", use_attribute_docstrings=True, json_schema_extra={"examples": [PREDICTION]}
    )

    bse_code: Code
    nse_symbol: str | None
    prediction_date: date
    predicted_label: Literal[0, 1]
    """1: the stock is expected to lock at its upper circuit within the model's horizon (probability 0.5 or more)."""
    probability: Share
    """Calibrated."""
    confidence: Band
    """LOW from 0.45 to 0.55, else HIGH from 0.7 on or up to 0.3, else MEDIUM."""
    model_version: str
    """The version that answered."""
    prediction_timestamp: datetime
    as_of: date
    """The last session whose prices were used."""
    filled_features: list[str]
    """Features the stock lacks, filled with a median of its industry, its sector or the market."""
    features: dict[str, float | None] | None = None
    """The 25 features; absent unless asked for."""
    shap_values: dict[str, float] | None = None
    """What each of the 25 features adds to the score, in log-odds; absent unless asked for."""
    shap_base_value: float | None = None
    """With the sum of `shap_values` it makes `raw_margin`."""
    raw_margin: float | None = None
    """The score before calibration, in log-odds."""
    requested_model_version: str | None = None
    """Only where another version answered than should have."""
    fallback_because: str | None = None
    """Why it did not."""


class Error(Described):
    """Every refusal."""

    error: Annotated[str, Field(examples=["STOCK_NOT_FOUND"])]
    """A constant by which programs tell errors apart."""
    message: str
    """A sentence for people."""
    bse_code: str | None
    """The stock asked for, where there was one."""
    timestamp: datetime
    correlation_id: str
    """By which the logs have it."""
    reason: str | None = None
    """Only for FEATURES_UNAVAILABLE: PRICE_MISSING, SHORT_HISTORY, TOO_MANY_MISSING or NOT_ACTIVE."""


class BatchAnswer(RootModel[list[Prediction | Error]]):
    """In the order asked: an answer, or the error in its place."""


class Health(Described):
    """How transformer and predictor are."""

    status: Literal["healthy", "unhealthy"]
    timestamp: datetime
    model_loaded: bool
    model_version: str | None
    model_type: str | None
    uptime_seconds: float
    requests_processed: int
    """Since the start; probes and scrapes do not count."""
    avg_latency_ms: float
    error_rate: Share
    """Share of them that ended with a status of 500 or above."""
    data_as_of: date | None
    """The newest session with prices."""
    problems: list[str]
    """What makes it unhealthy."""


class Model(BaseModel):
    """What a version says of itself; one whose manifest cannot be read has only `version` and `error`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    version: str
    promoted: bool | None = None
    """Whether it is what `latest` means."""
    error: str | None = None


class Models(Described):
    """The registry as the predictor sees it; at most five minutes old."""

    model_type: str | None
    model_version: str | None
    """The version that answers; null before the first is loaded."""
    requested_version: str | None
    fallback_because: str | None
    models: list[Model]


class ReplicaReload(Described):
    """What became of one replica."""

    replica: str
    result: Literal["swapped", "unchanged", "failed"]
    model_version: str | None = None
    previous_version: str | None = None
    requested_version: str | None = None
    fallback_because: str | None = None
    because: str | None = None
    """Why it failed."""


class Reload(Described):
    """What became of every replica."""

    replicas: list[ReplicaReload]


class ReloadError(Error):
    """At least one replica did not reload; those that did stay with the new version."""

    replicas: list[ReplicaReload] | None = None


class RecordedPrediction(Described):
    """One row of a morning's list."""

    bse_code: Code
    nse_symbol: str | None
    company_name: str | None
    predicted_label: Literal[0, 1]
    probability: Share
    confidence: Band | None
    prediction_timestamp: datetime | None
    has_fixed_band: bool
    """False for a stock with derivatives: it is scored, and cannot lock at a limit it does not have."""


class RecordedList(Described):
    """A morning's list as its run recorded it, by probability, raw margin, code."""

    prediction_date: date
    model_version: str
    model_type: str | None
    notes: str | None
    """What the run was marked with: stale prices, tables not loaded."""
    recorded: int
    """Predictions of that morning, before `top` and `min_probability` cut."""
    predictions: list[RecordedPrediction]


class Skipped(Described):
    """Why a stock has no score."""

    reason: str
    detail: str


class Why(Prediction):
    """A score taken apart; a stock without one has `skipped` instead of all that belongs to a score."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    company_name: str | None
    filled_from: dict[str, str] = {}
    """Feature -> industry, sector or market: whose median stands in."""


class WhyNot(Described):
    """Why a stock has no score on that morning."""

    bse_code: Code
    nse_symbol: str | None
    company_name: str | None
    prediction_date: date
    as_of: date
    skipped: Skipped


class Ready(Described):
    """Whether questions are taken."""

    ready: Literal[True]


class Live(Described):
    """Whether the process works."""

    live: Literal[True]
