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
        self._seen: dict[tuple[Any, ...], tuple[float, float]] = {}
        """When each was asked on first and last."""
        self._looked = 0.0

    def is_over(self, peer: tuple[Any, ...] | None, now: float) -> bool:
        """Whether the answer that is about to be sent is the connection's last; `now` in seconds of any clock."""
        if not self._most or peer is None:
            return False
        if now - self._looked > _FORGOTTEN:
            self._forget(now)
        began, _ = self._seen.get(peer, (now, now))
        if now - began < self._most:
            self._seen[peer] = began, now
            return False
        del self._seen[peer]
        return True

    def _forget(self, now: float) -> None:
        self._looked = now
        self._seen = {peer: seen for peer, seen in self._seen.items() if now - seen[1] < _FORGOTTEN}
