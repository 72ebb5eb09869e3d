"""
From errors to HTTP, in one place.

The protocol's error object is `{"error": text}`. Whose fault it was decides the status, and what a caller may do about
it the Retry-After: nobody else in this program knows a status code.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from upper_circuit.errors import (
    BadInput,
    FingerprintMismatch,
    ModelLoading,
    ModelUnavailable,
    UpperCircuitError,
)

INTERNAL = "internal error"
"""All that a caller learns of a defect; the log has the rest."""


@dataclass(eq=False)
class Refused(BadInput):
    """A request that HTTP itself has a word for, before its content is looked at."""

    status: HTTPStatus
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class Busy(UpperCircuitError):
    """More requests wait than this process should keep in memory."""

    waiting: int

    def __str__(self) -> str:
        return f"{self.waiting} requests are waiting, retry in 1s"


def status_of(error: UpperCircuitError) -> tuple[HTTPStatus, int | None]:
    """Status and the seconds of Retry-After (None: repeating it will not help)."""
    match error:
        case Refused():
            return error.status, None
        case BadInput() | FingerprintMismatch():
            return HTTPStatus.BAD_REQUEST, None
        case ModelLoading():
            return HTTPStatus.SERVICE_UNAVAILABLE, error.retry_after
        case Busy():
            return HTTPStatus.SERVICE_UNAVAILABLE, 1
        case ModelUnavailable():
            return HTTPStatus.SERVICE_UNAVAILABLE, 30
        case _:
            return HTTPStatus.INTERNAL_SERVER_ERROR, None


def told(error: UpperCircuitError) -> str:
    """What the caller reads: the error's sentence, unless the fault is ours."""
    return INTERNAL if status_of(error)[0] is HTTPStatus.INTERNAL_SERVER_ERROR else str(error)
