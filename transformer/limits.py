"""
How often one client may ask.

In memory the limit is counted here, because the well-known library starts a thread every 10 ms that looks at every
address there is (measured: 5 us a request beside the threads, against 0.6): a flood from many addresses must not be
what keeps a core busy. Counts shared over Redis are the library's; while Redis is away each process counts its own,
since a limiter must never be the reason why nobody gets an answer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from pydantic import SecretStr

_AWAY = 5.0
"""Seconds for which a Redis that failed is not asked."""
_CONNECTIONS = 8

log = logging.getLogger(__name__)


class Limiter(Protocol):
    """Who may ask now."""

    async def allows(self, address: str) -> bool:
        """Count a request of an address; False when it is one too many."""

    async def stop(self) -> None:
        """Let go of what it holds."""


class InMemory:
    """At most `most` requests in any second, by a window that slides: the last second's count fades out."""

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._second = 0
        self._now: dict[str, int] = {}
        self._before: dict[str, int] = {}

    async def allows(self, address: str) -> bool:
        """Count a request of an address; False when it is one too many, and then it does not count."""
        time_now = self._clock()
        second = int(time_now)
        if second != self._second:
            self._before = self._now if second == self._second + 1 else {}
            self._now = {}
            self._second = second
        count = self._now.get(address, 0)
        if count + self._before.get(address, 0) * (1 - (time_now - second)) + 1 > self._most:
            return False
        self._now[address] = count + 1
        return True

    async def stop(self) -> None:
        """It holds nothing."""


class InRedis:
    """The same limit for all processes that share a Redis; costs 130 us a request. Belongs to one event loop."""

    def __init__(self, most: int, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        from limits import RateLimitItemPerSecond  # noqa: PLC0415  # only where a Redis is configured
        from limits.aio.storage import RedisStorage  # noqa: PLC0415
        from limits.aio.strategies import SlidingWindowCounterRateLimiter  # noqa: PLC0415
        from limits.errors import StorageError  # noqa: PLC0415
        from redis.asyncio import BlockingConnectionPool  # noqa: PLC0415

        # Without a pool that makes callers wait, a burst of 300 requests would open 300 connections.
        self._pool = BlockingConnectionPool.from_url(
            url, max_connections=_CONNECTIONS, timeout=1.0, socket_timeout=0.5, socket_connect_timeout=0.5
        )
        storage = RedisStorage(
            f"async+{url}",
            implementation="redispy",
            wrap_exceptions=True,
            connection_pool=self._pool,  # type: ignore[arg-type]  # handed on to redis, which knows it
        )
        self._rate = RateLimitItemPerSecond(most)
        self._shared = SlidingWindowCounterRateLimiter(storage)
        self._away = StorageError
        self._own = InMemory(most, clock=clock)
        self._clock = clock
        self._ask_again_at = 0.0

    async def allows(self, address: str) -> bool:
        """Count a request of an address; False when it is one too many."""
        if self._clock() < self._ask_again_at:
            return await self._own.allows(address)
        try:
            return await self._shared.hit(self._rate, "api", address)
        except self._away as error:
            if self._clock() >= self._ask_again_at:  # the first of those who waited says it
                log.warning("rate_limit.redis_away", extra={"because": str(error)})
            self._ask_again_at = self._clock() + _AWAY
            return await self._own.allows(address)

    async def stop(self) -> None:
        """Close the connections."""
        await self._pool.disconnect()


def limiter(most: int, redis_url: SecretStr | None) -> Limiter | None:
    """The limiter that the settings ask for; None: no limit."""
    if most == 0:
        return None
    return InMemory(most) if redis_url is None else InRedis(most, redis_url.get_secret_value())
