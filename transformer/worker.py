"""
One of the processes that Gunicorn keeps: the whole program as it runs alone, on a socket that others listen on too.

Gunicorn's own workers, and uvicorn's for Gunicorn, close whatever is open when they have answered enough; a request
that is on its way then is lost. This one says that it leaves, lets nobody new in, answers those who are in once more
and asks them to come back, and ends when nobody is left.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import uvloop
from gunicorn.workers.base import Worker
from prometheus_client import CollectorRegistry, Metric, values
from prometheus_client.multiprocess import MultiProcessCollector

from transformer.app import build
from transformer.known import Known
from transformer.limits import Limiter
from transformer.mornings import Morning
from transformer.settings import TransformerSettings

GRACE = 30
"""Seconds that requests under way and silent connections get at the end."""
_SIGN_OF_LIFE = 0.2
"""Seconds between signs of life; also how late a process notices that it has answered enough."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What a process has from the parent that forked it."""

    settings: TransformerSettings
    description: dict[str, Any]
    """Of the API: it takes most of the time of a start."""
    limiter: Limiter | None
    """One that counts for all processes; None where each has its own way to count."""
    newest: Callable[[], tuple[Known, Morning] | None]
    """The newest morning as the parent read it before the fork; None where it could not."""


class SummedRegistry(CollectorRegistry):
    """Takes the metrics of this process and shows those of all."""

    def collect(self) -> Iterable[Metric]:
        """The sums over all processes, ended ones too."""
        found: Iterable[Metric] = MultiProcessCollector(None).collect()  # type: ignore[no-untyped-call]
        return found


class TransformerWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """One process; made by the parent, which forks it."""

    place: int
    """Its number among those alive. Metrics are kept by it: by process id the files would never end."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._leaving = mmap.mmap(-1, 1)

    @property
    def is_leaving(self) -> bool:
        """Whether it takes nobody new, or will soon not: seen by the parent and by itself."""
        return self._leaving[0] != 0

    def leave(self) -> None:
        """From now on another one is needed in its place."""
        self._leaving[0] = 1

    def init_signals(self) -> None:
        """The server takes SIGTERM and SIGINT; the parent's other signals mean: end now."""
        for each in self.SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        for each in (signal.SIGUSR1, signal.SIGWINCH):
            signal.signal(each, signal.SIG_IGN)
        signal.signal(signal.SIGQUIT, lambda *_: os._exit(0))
        signal.pthread_sigmask(
            signal.SIG_UNBLOCK, {signal.SIGTERM}
        )  # held back by the parent while it forked

    def run(self) -> None:
        """Answer until told to stop, or until it has answered enough."""
        place = self.place
        values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call]
        uvloop.run(self._serve())

    async def _serve(self) -> None:
        from transformer import serving  # noqa: PLC0415  # imported by the parent already, which kserve takes 2 s

        inherited: Inheritance = self.wsgi
        transformer = build(inherited.settings, metrics=SummedRegistry(), limiter=inherited.limiter)
        newest = inherited.newest()
        if newest is not None:
            transformer.mornings.take_over(*newest)
        server = serving.server(transformer, inherited.description)
        watch = asyncio.create_task(self._watch(server))
        await server.serve([each.sock for each in self.sockets])
        watch.cancel()

    async def _watch(self, server: Any) -> None:
        while True:
            self.notify()
            if os.getppid() != self.ppid:
                server.should_exit = True
            if not self.is_leaving and server.server_state.total_requests >= self.max_requests:
                log.info("worker.leaves", extra={"requests": server.server_state.total_requests})
                self.leave()
                os.kill(self.ppid, signal.SIGCHLD)  # wakes the parent, which looks who is left
                server.retire(GRACE)
            await asyncio.sleep(_SIGN_OF_LIFE)
