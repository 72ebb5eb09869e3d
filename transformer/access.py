"""
One line a request.

The same JSON as every other line of the program, made by hand because the general way costs as much as the answer
itself (structlog and logging: 60 us; this: 3). Lines of one turn of the event loop leave in one write, in pieces that
a pipe takes whole, so that two programs may share a stderr.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson

_PIPE = 4096
"""Bytes that a pipe takes in one piece."""


class AccessLog:
    """Summary lines, from a level on: INFO for what was answered, WARNING for what failed through our fault."""

    def __init__(self, level: str, stream: BinaryIO | None = None) -> None:
        self._level: int = logging.getLevelNamesMapping()[level]
        self.stream = sys.stderr.buffer if stream is None else stream
        self._lines: list[bytes] = []

    def write(self, facts: Mapping[str, Any], *, status: int) -> None:
        """Note a request; it is written at the end of this turn of the event loop."""
        is_ours = status >= 500
        if self._level > (logging.WARNING if is_ours else logging.INFO):
            return
        level = "warning" if is_ours else "info"
        line = {"event": "request", "level": level, "timestamp": datetime.now(UTC), "status": status, **facts}
        if not self._lines:
            asyncio.get_running_loop().call_soon(self.flush)
        self._lines.append(orjson.dumps(line, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE))

    def flush(self) -> None:
        """Write what was noted."""
        lines, self._lines = self._lines, []
        piece = b""
        for line in lines:
            if piece and len(piece) + len(line) > _PIPE:
                self._write(piece)
                piece = b""
            piece += line
        self._write(piece)

    def _write(self, piece: bytes) -> None:
        if piece:
            self.stream.write(piece)
            self.stream.flush()
