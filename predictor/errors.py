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


@dataclass(frozen=True, slots=True)
class Refusal:
    """What goes out instead of an answer.

    Not the error itself: whoever keeps an exception keeps every frame it came through, with the body and all that was
    read from it, until the garbage collector finds the circle (measured: 350 MB after a hundred bad requests).
    """

    status: HTTPStatus
    retry_after: int | None
    """Seconds; None: repeating it will not help."""
    because: str
    """For the log."""

    @property
    def told(self) -> str:
        """What the caller reads: the reason, unless the fault is ours."""
        return INTERNAL if self.status is HTTPStatus.INTERNAL_SERVER_ERROR else self.because

    @classmethod
    def of(cls, error: UpperCircuitError) -> Refusal:
        """What an error means to a caller."""
        status, retry_after = _status_of(error)
        return cls(status, retry_after, str(error))


DEFECT = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, None, INTERNAL)


def _status_of(error: UpperCircuitError) -> tuple[HTTPStatus, int | None]:
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
