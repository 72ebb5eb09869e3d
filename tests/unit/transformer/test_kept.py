"""An answer that many ask for: asked for once, shared, and asked for again when it is old."""

from __future__ import annotations

import asyncio

import pytest

from transformer.kept import Kept


class Source:
    """Gives 1, 2, 3, ... each after its gate was opened; or fails."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked = 0
        self.fails = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.kept = Kept(self.ask, 5.0, clock=lambda: self.now)

    async def ask(self) -> int:
        """The next number."""
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        if self.fails:
            raise OSError(f"no {number}")
        return number

    async def crowd(self, count: int) -> list[asyncio.Task[int]]:
        """So many who wait for an answer that does not come yet."""
        self.gate.clear()
        waiting = [asyncio.create_task(self.kept.get()) for _ in range(count)]
        while not self.asked:  # noqa: ASYNC110  # a turn of the loop for each to get in line
            await asyncio.sleep(0)
        return waiting


def test_a_crowd_asks_once() -> None:
    """Those who come while the answer is on its way, and those after them, until it is old."""

    async def main() -> None:
        source = Source()
        waiting = await source.crowd(100)
        source.gate.set()

        assert [1] * 100 == await asyncio.gather(*waiting)
        source.now += 4.9
        assert 1 == await source.kept.get()
        source.now += 0.1
        assert 2 == await source.kept.get()

    asyncio.run(main())


def test_a_failure_is_told_to_all_who_waited_and_not_kept() -> None:
    """A hundred who wait for one that is away wait once, not a hundred times."""

    async def main() -> None:
        source = Source()
        source.fails = True
        waiting = await source.crowd(100)
        source.gate.set()

        assert {"no 1"} == {str(each) for each in await asyncio.gather(*waiting, return_exceptions=True)}
        source.fails = False
        assert 2 == await source.kept.get()

    asyncio.run(main())


def test_who_gives_up_takes_the_answer_from_nobody() -> None:
    """Not even the first, who asked."""

    async def main() -> None:
        source = Source()
        first, second = await source.crowd(2)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        source.gate.set()

        assert 1 == await second

    asyncio.run(main())


def test_an_answer_that_was_on_its_way_when_all_was_forgotten_is_not_kept() -> None:
    """It may be older than what it was forgotten for."""

    async def main() -> None:
        source = Source()
        [before] = await source.crowd(1)
        source.kept.forget()
        after = asyncio.create_task(source.kept.get())
        while source.asked < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
        source.gate.set()

        assert [1, 2] == await asyncio.gather(before, after)
        assert 2 == await source.kept.get()

    asyncio.run(main())
