"""
What goes out, before it is bytes on a socket.

The thin path and FastAPI's routes answer through this one form, or an error would look different by the way it took.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from transformer.correlation import current
from transformer.errors import Refusal, internal, refusal
from upper_circuit.errors import UpperCircuitError
from upper_circuit.oip import codec

JSON = b"application/json"
BYTES = b"application/octet-stream"
PROTOCOL = "/v2"
"""Paths below it speak the Open Inference Protocol, also in their errors."""


@dataclass(slots=True)
class Reply:
    """A whole answer."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """For the summary line: rows, version, the error's code."""


def document(told: Any) -> bytes:
    """JSON: dates and times in ISO 8601, times in UTC with a Z."""
    return orjson.dumps(told, option=orjson.OPT_UTC_Z)


def refused(error: UpperCircuitError | None, path: str) -> Reply:
    """The answer that an error is, in the form that callers of a path expect; None is a defect."""
    return told(refusal(error) if error is not None else internal(), path)


def told(found: Refusal, path: str) -> Reply:
    """A refusal as an answer."""
    if path.startswith(PROTOCOL):
        body = codec.encode_error(found.message)
    else:
        body = document(found.body(current().id))
    headers = [(name.encode(), value.encode()) for name, value in found.headers.items()]
    if found.retry_after is not None:
        headers.append((b"retry-after", str(found.retry_after).encode()))
    return Reply(found.status, body, JSON, headers, {"error": found.code})
