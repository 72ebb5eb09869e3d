"""
Which predictor a call goes to.

A keep-alive connection to a Service's one address sticks to one pod, however many there are. So the addresses of all
replicas are known here, and a call goes to the one with the fewest calls under way; one that just failed is asked last,
and asked again as soon as its penalty is over: nothing has to notice that it came back.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

PENALTY = 1.0
"""Seconds for which a replica that failed is asked only if there is no other."""
PREDICTOR_PORT = 8080


@dataclass(slots=True, eq=False)
class Replica:
    """One process of the predictor."""

    url: str
    in_flight: int = 0
    shunned_until: float = 0.0
    last_picked: int = field(default=0, repr=False)


class Replicas:
    """The replicas there are now. Belongs to one event loop."""

    def __init__(self, urls: Iterable[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._picked = 0
        self._replicas: dict[str, Replica] = {}
        self.become(urls)

    def __iter__(self) -> Iterator[Replica]:
        return iter(tuple(self._replicas.values()))

    def __len__(self) -> int:
        return len(self._replicas)

    def become(self, urls: Iterable[str]) -> None:
        """These and no others; calls under way to one that is gone end as they end."""
        self._replicas = {url: self._replicas.get(url) or Replica(url) for url in urls}

    def pick(self, other_than: Replica | None = None) -> Replica | None:
        """The one with the fewest calls, longest not picked among equals; another one than that named if there is."""
        now = self._clock()
        choice = min(
            self._replicas.values(),
            key=lambda r: (r is other_than, r.shunned_until > now, r.in_flight, r.last_picked),
            default=None,
        )
        if choice is not None:
            self._picked += 1
            choice.last_picked = self._picked
        return choice

    def shun(self, replica: Replica) -> None:
        """It failed: for a while, only if there is no other."""
        replica.shunned_until = self._clock() + PENALTY


async def addresses(host: str) -> tuple[str, ...]:
    """URLs of everything a name (also with :port) resolves to, in order; empty where it cannot be resolved now."""
    name, _, port = host.partition(":")
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, int(port or PREDICTOR_PORT), type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(sorted({_url(address[0], address[1]) for *_, address in found}))


def _url(address: object, port: object) -> str:
    return f"http://[{address}]:{port}" if ":" in str(address) else f"http://{address}:{port}"
