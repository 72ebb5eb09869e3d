"""
One request to one pod over a port-forward.

The kubernetes client pumps bytes in a thread of its own, which dies loudly of a connection that the other side cut; the
request has told that already, in one line, so the thread's stack is nothing for people.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

from cli.api import Answer
from cli.raw import SECONDS

_PUMP = "Kubernetes port forward"


def request(
    forward: Any, port: int, method: str, path: str, *, body: bytes | None, headers: Mapping[str, str]
) -> Answer:
    """Ask over an open port-forward, which is closed afterwards; raises OSError or HTTPException without an answer."""
    _keep_pumps_quiet()
    try:
        socket = forward.socket(port)
        socket.settimeout(SECONDS)
        connection = http.client.HTTPConnection("localhost", timeout=SECONDS)
        connection.sock = socket
        connection.request(method, path, body, {**headers, "connection": "close"})
        response = connection.getresponse()
        return Answer(response.status, response.read())
    finally:
        forward.close()


@cache
def _keep_pumps_quiet() -> None:
    loud = threading.excepthook

    def hook(ended: threading.ExceptHookArgs) -> None:
        is_pump = ended.thread is not None and ended.thread.name.startswith(_PUMP)
        if not (is_pump and issubclass(ended.exc_type, OSError)):
            loud(ended)

    threading.excepthook = hook
