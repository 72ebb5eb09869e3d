"""
How long a caller's connection lasts.

The release's one name in a cluster leads a connection to a pod when it is opened and never again: a client that keeps it
open would go on asking a slot long after a promotion or a rollback. So an answer on a connection that has been open for
some seconds says that it is the last one there, and the client's next connection goes where the release points now.
"""

from __future__ import annotations

from typing import Any

_FORGOTTEN = 130.0
"""Seconds after which a connection that nobody asked on has been closed for long."""


class Connections:
    """When each open connection was first asked on, by the peer's address and port; 0 seconds: none ever ends here."""

    def __init__(self, most_seconds: float) -> None:
        self._most = most_seconds
        self._began: dict[tuple[Any, ...], float] = {}
        self._looked = 0.0

    def is_over(self, peer: tuple[Any, ...] | None, now: float) -> bool:
        """Whether the answer that is about to be sent is the connection's last; `now` in seconds of any clock."""
        if not self._most or peer is None:
            return False
        if now - self._looked > _FORGOTTEN:
            self._forget(now)
        if now - self._began.setdefault(peer, now) < self._most:
            return False
        del self._began[peer]
        return True

    def _forget(self, now: float) -> None:
        self._looked = now
        kept = {peer: began for peer, began in self._began.items() if now - began < _FORGOTTEN}
        self._began = kept
