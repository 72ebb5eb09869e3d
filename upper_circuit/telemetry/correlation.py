"""
One id for a request on its way through both programs and all their log lines.

It comes from outside, so it is not to be believed: text that could break a log line or a header is replaced by an id
made here, and the request goes on. Ids are told apart by chance and guard nothing, so they come from the ordinary
generator: asking the system for each costs as much as finding a stock's features.
"""

from __future__ import annotations

import random
import re

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_NO_TRACE = "0" * 32


def correlation_id(given: str | None, traceparent: str | None = None) -> str:
    """The id given (X-Correlation-ID), else the trace id of a W3C traceparent, else a new one of 32 hex digits."""
    if given is not None and _ID.fullmatch(given):
        return given
    trace = _TRACEPARENT.fullmatch(traceparent) if traceparent is not None else None
    return trace[1] if trace and trace[1] != _NO_TRACE else hexadecimal(32)


def correlation_ids(given: str | None) -> list[str]:
    """Those of a list with commas; empty where one of them could break a line."""
    found = given.split(",") if given else []
    return found if all(_ID.fullmatch(each) for each in found) else []


def hexadecimal(digits: int) -> str:
    """So many random hex digits; processes that were forked go on differently."""
    return f"{random.getrandbits(4 * digits):0{digits}x}"
