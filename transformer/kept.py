"""
An answer that many ask for and that may be a little old.

Health and metrics are open to everybody and not limited, and each of them asks the predictor: a flood of callers must
end here, also while the first answer is on its way or does not come.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """What `ask` answered last, for some seconds. Belongs to one event loop."""

    def __init__(
        self,
        ask: Callable[[], Coroutine[Any, Any, T]],
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._clock = clock
        self._answer: tuple[float, T] | None = None
        self._asking: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The answer; who comes while it is asked for waits for the same one. Raises what `ask` does, and keeps no error."""
        if self._answer is not None and self._clock() - self._answer[0] < self._seconds:
            return self._answer[1]
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(self._came)
        # One caller who gives up must not take the answer from the others.
        return await asyncio.shield(self._asking)

    def forget(self) -> None:
        """Ask again, whatever is known; an answer that is on its way is an old one too."""
        self._answer = self._asking = None

    def _came(self, task: asyncio.Task[T]) -> None:
        failed = task.cancelled() or task.exception() is not None
        if task is not self._asking:
            return
        self._asking = None
        if not failed:
            self._answer = self._clock(), task.result()
