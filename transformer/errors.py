"""
From errors to HTTP, in one place.

A trading system decides by status and code what to do next: correct the request, wait, or ring somebody up. So every
refusal of the domain gets both here and nowhere else, in the two forms that callers know: the API's object, and the
protocol's `{"error": text}` under /v2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from upper_circuit.errors import (
    BadAnswer,
    BadInput,
    DatabaseAway,
    DataNotYetAvailable,
    DataUnavailable,
    FeaturesUnavailable,
    FingerprintMismatch,
    ModelLoading,
    ModelUnavailable,
    NotASession,
    PricesStale,
    TableMissing,
    UnknownStock,
    UpperCircuitError,
)

INTERNAL = "something went wrong inside; the log has it under this correlation id"
"""All that a caller learns of a defect."""


@dataclass(eq=False)
class Refused(BadInput):
    """A request that HTTP itself has a word for, before its content is looked at."""

    status: HTTPStatus
    code: str
    reason: str
    retry_after: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class SymbolMismatch(BadInput):
    """The NSE symbol sent is not that of the BSE code sent: one of them is a mistake, and nobody knows which."""

    bse_code: str
    given: str
    symbol: str | None
    belongs_to: str | None

    def __str__(self) -> str:
        own = f"has the NSE symbol {self.symbol}" if self.symbol else "has no NSE symbol"
        other = f", {self.given} is {self.belongs_to}" if self.belongs_to else ""
        return f"stock {self.bse_code} {own}, {self.given} was given{other}"


@dataclass(eq=False)
class NothingRecorded(BadInput):
    """No morning run has written what was asked for."""

    what: str

    def __str__(self) -> str:
        return f"{self.what}; `python -m batch --date YYYY-MM-DD` makes the list of a morning"


@dataclass(eq=False)
class PredictorAway(ModelUnavailable):
    """No replica of the predictor could be reached, or each said that it cannot answer now."""

    because: str
    retry_after: int = 1
    """Seconds."""

    def __str__(self) -> str:
        return f"the predictor cannot answer now: {self.because}"


class PredictorLate(UpperCircuitError):
    """The predictor did not answer before the deadline."""

    def __str__(self) -> str:
        return "the predictor did not answer in time"


class FeaturesRefused(BadAnswer):
    """The predictor has a model that was trained on other features than this program makes."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as a caller reads it."""

    status: int
    code: str
    message: str
    bse_code: str | None = None
    reason: str | None = None
    """Why a stock has no features: the skip reason of the morning run."""
    retry_after: int | None = None
    """Seconds; None: asking again will not help, or nobody knows when."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further ones that HTTP wants with the status."""

    def body(self, correlation_id: str) -> dict[str, Any]:
        """The API's error object."""
        told = {
            "error": self.code,
            "message": self.message,
            "bse_code": self.bse_code,
            "timestamp": datetime.now(UTC),
            "correlation_id": correlation_id,
        }
        return told if self.reason is None else {**told, "reason": self.reason}


_CODES: tuple[tuple[type[UpperCircuitError], int, str], ...] = (
    (SymbolMismatch, 400, "SYMBOL_MISMATCH"),
    (NotASession, 400, "NOT_A_SESSION"),
    (UnknownStock, 404, "STOCK_NOT_FOUND"),
    (NothingRecorded, 404, "NOTHING_RECORDED"),
    (FeaturesUnavailable, 422, "FEATURES_UNAVAILABLE"),
    (BadInput, 400, "INVALID_REQUEST"),
    (DataNotYetAvailable, 422, "DATA_NOT_YET_AVAILABLE"),
    (PricesStale, 422, "PRICES_STALE"),
    (TableMissing, 422, "TABLE_MISSING"),
    (DatabaseAway, 503, "DATABASE_UNAVAILABLE"),
    (DataUnavailable, 422, "DATA_UNAVAILABLE"),
    (FingerprintMismatch, 502, "PREDICTOR_DISAGREES"),
    (FeaturesRefused, 502, "PREDICTOR_DISAGREES"),
    (BadAnswer, 502, "PREDICTOR_BAD_ANSWER"),
    (ModelLoading, 503, "MODEL_LOADING"),
    (PredictorAway, 503, "PREDICTOR_UNAVAILABLE"),
    (ModelUnavailable, 503, "MODEL_UNAVAILABLE"),
    (PredictorLate, 504, "PREDICTOR_TIMEOUT"),
)
"""The first class that an error is one of decides."""

CODES = tuple(dict.fromkeys(code for _, _, code in _CODES))


def refusal(error: UpperCircuitError, bse_code: str | None = None) -> Refusal:
    """What a caller reads of an error; `bse_code` is the stock that was asked for, where one was."""
    stock = getattr(error, "bse_code", None) or bse_code
    if isinstance(error, Refused):
        return Refusal(
            error.status,
            error.code,
            error.reason,
            bse_code=stock,
            retry_after=error.retry_after,
            headers=error.headers,
        )
    for kind, status, code in _CODES:
        if isinstance(error, kind):
            return Refusal(
                status,
                code,
                str(error),
                bse_code=stock,
                reason=error.reason if isinstance(error, FeaturesUnavailable) else None,
                retry_after=_retry_after(error, status),
            )
    return internal(stock)


def internal(bse_code: str | None = None) -> Refusal:
    """What a caller reads of a defect: nothing of the inside."""
    return Refusal(500, "INTERNAL_ERROR", INTERNAL, bse_code=bse_code)


def _retry_after(error: UpperCircuitError, status: int) -> int | None:
    found = getattr(error, "retry_after", None)
    if isinstance(found, int):
        return found
    return 5 if status == HTTPStatus.SERVICE_UNAVAILABLE else None
