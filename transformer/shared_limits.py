"""
How often one client may ask, counted by all processes of a machine together.

Every process that counts by itself lets a client have as many times its limit as there are processes. So the counts lie
in memory that is shared by those forked from one parent: a table of a fixed size, in which an address has two places
and its count is the smaller of the two. Nothing is locked: processes that count at the same instant may lose a count,
and one that is killed can leave nobody waiting.
"""

from __future__ import annotations

import mmap
import time
import zlib
from collections.abc import Callable

import numpy as np

_PLACES = 1 << 16
_SECONDS = 2


class InSharedMemory:
    """At most `most` requests in any second, by the sliding window of `limits.InMemory`; make it before forking.

    With tens of thousands of addresses a second an address may share both its places and get less than its due.
    """

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock  # the machine's, the same in all processes
        size = _SECONDS * 2 * _PLACES
        self._counts = np.frombuffer(mmap.mmap(-1, 4 * size), np.int32).reshape(_SECONDS, 2, _PLACES)
        self._second = np.frombuffer(mmap.mmap(-1, 8 * _SECONDS), np.int64)
        self._second[:] = -1

    async def allows(self, address: str) -> bool:
        """Count a request of an address; False when it is one too many, and then it does not count."""
        time_now = self._clock()
        second = int(time_now)
        this, before = second % _SECONDS, (second - 1) % _SECONDS
        if self._second[this] != second:
            self._counts[this] = 0
            self._second[this] = second
        one, two = divmod(zlib.crc32(address.encode()), _PLACES)
        count = self._least(this, one, two)
        faded = self._least(before, one, two) if self._second[before] == second - 1 else 0
        if count + faded * (1 - (time_now - second)) + 1 > self._most:
            return False
        self._counts[this, 0, one] += 1
        self._counts[this, 1, two] += 1
        return True

    async def stop(self) -> None:
        """Nothing to let go of: the memory ends with the last process."""

    def _least(self, second: int, one: int, two: int) -> int:
        return min(int(self._counts[second, 0, one]), int(self._counts[second, 1, two]))
