"""
Questions to the database that block, from a program that must not.

A database that says nothing holds whoever asks it for minutes. Here the caller is told after PATIENCE, the threads that
hang are few and of nobody else's use, and where all of them hang nobody waits for a place among them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from transformer.mornings import PATIENCE
from upper_circuit.errors import DatabaseAway

MOST_ASKING = 4
"""Threads for routes: half of the connections that `Database` makes, so that some are left for mornings and ledger."""

P = ParamSpec("P")
T = TypeVar("T")


class DatabaseThreads:
    """A few threads; belongs to one event loop."""

    def __init__(self, most: int = MOST_ASKING, *, patience: float = PATIENCE) -> None:
        self._threads = ThreadPoolExecutor(most, "database")
        self._most = most
        self._patience = patience
        self._hanging: set[Future[Any]] = set()

    async def ask(self, question: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """What a blocking question gives; raises what it does, and DatabaseAway where it gives nothing in time.

        Nobody stops a thread: a question that was begun goes on, so a writer that is told this may have written.
        """
        if len(self._hanging) >= self._most:
            raise DatabaseAway(f"the database gives nothing; {self._most} questions wait for it already")
        asked = self._threads.submit(question, *given, **named)
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.wrap_future(asked)
        except TimeoutError:
            if asked.running():
                self._hanging.add(asked)
                asked.add_done_callback(self._hanging.discard)
            raise DatabaseAway(f"the database gave nothing in {self._patience:g} s") from None

    def stop(self) -> None:
        """Let go of the threads; what they do is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
