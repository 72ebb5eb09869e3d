"""One limit in the memory of several processes: the laws that hold in one of them. Several are an integration test."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from transformer.limits import InMemory
from transformer.shared_limits import InSharedMemory

requests = st.lists(
    st.tuples(st.floats(0, 0.4) | st.floats(0, 3), st.sampled_from(["10.0.0.1", "10.0.0.2", "::1"])),
    max_size=150,
)
"""Seconds since the request before, and who asks."""


class Clock:
    """Time as a test says it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def decisions(limit: InMemory | InSharedMemory, clock: Clock, asked: list[tuple[float, str]]) -> list[bool]:
    """What it says to each request."""

    async def main() -> list[bool]:
        found = []
        for seconds, address in asked:
            clock.now += seconds
            found.append(await limit.allows(address))
        return found

    return asyncio.run(main())


@given(st.integers(1, 20), requests)
def test_one_process_alone_notices_no_difference(most: int, asked: list[tuple[float, str]]) -> None:
    """Every request is allowed or refused as by the limiter that counts for itself."""
    own, shared = Clock(), Clock()

    alone = decisions(InMemory(most, clock=own), own, asked)

    assert alone == decisions(InSharedMemory(most, clock=shared), shared, asked)


@given(st.integers(1, 20), requests)
def test_no_second_has_more_than_the_most(most: int, asked: list[tuple[float, str]]) -> None:
    """Whoever asks, however unevenly; a second is one of the clock."""
    clock = Clock()
    allowed = decisions(InSharedMemory(most, clock=clock), clock, asked)

    now, counts = 1000.0, Counter[tuple[str, int]]()
    for (seconds, address), is_allowed in zip(asked, allowed, strict=True):
        now += seconds
        counts[address, int(now)] += is_allowed

    assert all(count <= most for count in counts.values())


def test_after_a_long_silence_nothing_is_left_of_the_past() -> None:
    """Also where the table's second of then has the same place as that of now."""
    clock = Clock()
    limit = InSharedMemory(2, clock=clock)

    assert [True, True, False] == decisions(limit, clock, [(0.9, "a"), (0, "a"), (0, "a")])
    assert [True, True, False] == decisions(limit, clock, [(1000, "a"), (0, "a"), (0, "a")])


def test_two_addresses_share_a_count_only_where_they_share_both_places() -> None:
    """One place is shared by every 65,536th pair, both by every 4,000 millionth."""
    limit = InSharedMemory(1, clock=Clock())
    addresses = [f"10.0.{number // 256}.{number % 256}" for number in range(2_000)]

    async def main() -> list[bool]:
        return [await limit.allows(address) for address in addresses]

    assert [True] * 2_000 == asyncio.run(main())
