"""
Log lines for machines: one JSON object each, with the ids of the run or request they belong to.

Code logs through the standard library (`log.info("run.planned", extra={"stocks": 11000})`: a constant event, facts
as fields), so that a library user hears nothing unasked and importing a module stays cheap; a program calls
`configure` once. Fields that carry secrets by their name, and passwords inside URLs, never reach a line.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

_IDS: ContextVar[dict[str, Any] | None] = ContextVar("ids", default=None)
_SECRET_NAME = re.compile(r"password|secret|token|authorization|webhook", re.IGNORECASE)
_SECRET_IN_URL = re.compile(r"(?<=://)[^/@:\s]*:[^\s\"']+(?=@)|(?<=[?&])(?:ssl)?password=[^&\s\"']+")
_HIDDEN = "***"


@contextmanager
def bound(**ids: Any) -> Iterator[None]:
    """Put these ids on every line logged inside, also from functions called and tasks started there."""
    token = _IDS.set({**(_IDS.get() or {}), **ids})
    try:
        yield
    finally:
        _IDS.reset(token)


def bind(**ids: Any) -> None:
    """Put these ids on every line logged from here on in this task, and in tasks started from it."""
    _IDS.set({**(_IDS.get() or {}), **ids})


def configure(level: str = "INFO", *, stream: TextIO | None = None) -> None:
    """Send every line of this process as JSON to a stream (stderr by default), from a level on."""
    import structlog  # noqa: PLC0415  # a tenth of a second that library users do not pay

    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ExtraAdder(),
            _add_ids,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _stack_without_locals(),
            without_secrets,
            structlog.processors.JSONRenderer(default=str),
        ],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


def _stack_without_locals() -> Any:
    """Frames with file, line and function. What stood in their variables is anybody's: headers, tokens, a password."""
    from structlog.processors import ExceptionRenderer  # noqa: PLC0415
    from structlog.tracebacks import ExceptionDictTransformer  # noqa: PLC0415

    return ExceptionRenderer(ExceptionDictTransformer(show_locals=False))


def _add_ids(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {**(_IDS.get() or {}), **event}


def without_secrets(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The same event with secrets struck out, at any depth."""
    return {name: _without_secrets(name, value) for name, value in event.items()}


def _without_secrets(name: str, value: Any) -> Any:
    if _SECRET_NAME.search(name):
        return _HIDDEN
    if isinstance(value, str):
        return _SECRET_IN_URL.sub(_HIDDEN, value)
    if isinstance(value, dict):
        return {inner: _without_secrets(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets("", item) for item in value]
    return value
