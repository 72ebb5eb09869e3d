"""
Who a request belongs to, on its way through both programs and all their log lines.

A correlation id is for people (`X-Correlation-ID`), a trace for tracing systems (W3C `traceparent`). Either may come in
or is made here, both go to the predictor and back out. What comes in is not to be believed: text that could break a
header or a log line is replaced, and the request goes on.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass, replace

from upper_circuit.telemetry.correlation import correlation_id, hexadecimal

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Correlation:
    """The ids of one request.

    Guaranteed: `id` is 1 to 128 letters, digits and `._:-`; the others are hexadecimal of 32, 16 and 2 digits.
    """

    id: str
    trace_id: str
    span_id: str
    flags: str = "01"

    @classmethod
    def of(cls, given: str | None, traceparent: str | None) -> Correlation:
        """From the two headers as they came."""
        found = None if traceparent is None else _TRACEPARENT.fullmatch(traceparent)
        if found:
            name = found[1] if given is None else correlation_id(given)
            return cls(name, found[1], hexadecimal(16), found[2])
        name = correlation_id(given)
        return cls(name, name if given is None or _is_trace(name) else hexadecimal(32), hexadecimal(16))

    @property
    def traceparent(self) -> str:
        """The W3C header."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    def child(self) -> Correlation:
        """The same request, one step further on."""
        return replace(self, span_id=hexadecimal(16))


_current: ContextVar[Correlation | None] = ContextVar("correlation", default=None)


def set_current(correlation: Correlation) -> None:
    """What everything below in this task, and tasks started there, belongs to."""
    _current.set(correlation)


def current() -> Correlation:
    """What this task belongs to; outside of a request a new one, as for a call from Python."""
    return _current.get() or Correlation.of(None, None)


def _is_trace(name: str) -> bool:
    return len(name) == 32 and not name.strip("0123456789abcdef") and name.strip("0") != ""
