"""
The features of the whole market, computed by several processes.

Python computes on one CPU a process, and people wait for this list before the market opens. Blocks of a hundred stocks
go to whichever worker is free, and this process, which would only wait, computes from the other end; a stock's row does
not depend on its block, so their number and the order in which they end change nothing. Each reads the database by
itself, since rows that travel between processes cost more than the features made of them, and every block says which
state of the data it saw: blocks of two states are no market.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from multiprocessing import connection as sentinels
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Self

from tqdm import tqdm

from upper_circuit.errors import DataUnavailable
from upper_circuit.features import RawFeatures, raw
from upper_circuit.market.calendar import Calendar, read_calendar
from upper_circuit.market.database import Database
from upper_circuit.market.market import Market
from upper_circuit.market.reading import read_data_version

BLOCK = 100
"""Stocks a worker computes at a time: long enough to be worth a message, short enough to stop soon."""


_AHEAD = 3
"""Blocks that a worker is given before they are asked for, so that it never waits for this process."""


class WorkersLost(DataUnavailable):
    """A worker process died (out of memory, killed); its blocks were not computed."""


class MarketChanged(DataUnavailable):
    """The market database changed while it was read."""


class Extraction:
    """Worker processes over one database; use as a context manager.

    They are started at once: forked processes must not inherit the threads that a program starts later.

    Args:
        location: folder of the SQLite files, or a postgresql:// URL.
        workers: how many processes, at least 1.
    """

    def __init__(self, location: str | Path, workers: int) -> None:
        self._location = location
        self._ahead = _AHEAD * workers
        self._pool = ProcessPoolExecutor(workers, mp_context=_context(), initializer=_prepare_worker)
        self._pool.submit(_nothing)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def extract(
        self,
        run_date: date,
        codes: Sequence[str],
        *,
        data_version: int,
        after_each: Callable[[], None] = lambda: None,
        progress: bool = True,
    ) -> RawFeatures:
        """The raw features of these stocks; one whose bytes are damaged is named and does not spoil its block.

        Args:
            run_date: a session.
            codes: stocks with bars, each once, at least one.
            data_version: the state of the database meant; MarketChanged when a block saw another.
            after_each: called after every block; what it raises ends the extraction.
            progress: draw a bar on stderr.
        """
        blocks = [tuple(codes[at : at + BLOCK]) for at in range(0, len(codes), BLOCK)]
        done = []
        try:
            with _bar(len(codes), shown=progress) as advance:
                for block, result in self._computed(run_date, data_version, blocks):
                    done.append(result)
                    advance(len(block))
                    after_each()
        except BrokenProcessPool as error:
            raise WorkersLost("a worker process died; with too little memory, lower BATCH_WORKERS") from error
        return RawFeatures.concat(done)

    def _computed(
        self, run_date: date, data_version: int, blocks: Sequence[tuple[str, ...]]
    ) -> Iterator[tuple[tuple[str, ...], RawFeatures]]:
        """Blocks and what was made of them, in no order. The workers are given the first ones, a few ahead."""
        waiting = deque(blocks)
        given: deque[tuple[tuple[str, ...], Future[RawFeatures]]] = deque()
        with ExitStack() as own:
            opened = None
            while waiting or given:
                while waiting and len(given) < self._ahead:
                    block = waiting.popleft()
                    given.append(
                        (block, self._pool.submit(_work, self._location, run_date, data_version, block))
                    )
                if waiting and not given[0][1].done():
                    block = waiting.pop()
                    opened = opened or own.enter_context(_Opened.at(self._location))
                    yield block, _compute(opened, run_date, data_version, block)
                else:
                    block, task = given.popleft()
                    yield block, task.result()


def default_workers() -> int:
    """One less than the CPUs this process may use, at least 1: the parent proves the model meanwhile."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cpus - 1)


def _context() -> BaseContext:
    """Forking takes milliseconds, but copies locks that other threads hold: only a process with one thread may."""
    if sys.platform == "linux" and len(list(Path("/proc/self/task").iterdir())) == 1:
        return multiprocessing.get_context("fork")
    if "forkserver" in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])  # imported once, not once a worker
        return context
    return multiprocessing.get_context("spawn")


def _prepare_worker() -> None:
    """Leave signals to the parent, which ends its workers cleanly; end with the parent when it is killed.

    Without collections: they would look at every row of every block again, and the process lives for seconds.
    """
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinels.wait([parent.sentinel])
        os._exit(1)


def _nothing() -> None:
    """Makes the pool start its processes."""


@dataclass(frozen=True, slots=True)
class _Opened:
    database: Database
    calendar: Calendar
    data_version: int

    @classmethod
    def now(cls, location: str | Path) -> _Opened:
        """A process's own way into the database."""
        database = Database.at(location, kept_open=True)
        with database.reading("market") as connection:
            return cls(database, read_calendar(connection), read_data_version(connection))

    @classmethod
    @contextmanager
    def at(cls, location: str | Path) -> Iterator[_Opened]:
        """The same for a process that goes on living, closed when the block ends."""
        opened = cls.now(location)
        try:
            yield opened
        finally:
            opened.database.dispose()


@cache
def _opened(location: str | Path, _data_version: int) -> _Opened:
    """A worker's, opened anew for another state of the data."""
    return _Opened.now(location)


def _work(location: str | Path, run_date: date, data_version: int, codes: tuple[str, ...]) -> RawFeatures:
    return _compute(_opened(location, data_version), run_date, data_version, codes)


def _compute(opened: _Opened, run_date: date, data_version: int, codes: tuple[str, ...]) -> RawFeatures:
    market = Market.load(opened.database, run_date=run_date, codes=codes, calendar=opened.calendar)
    if not data_version == opened.data_version == market.data_version:
        raise MarketChanged("the market database is being changed; run again when the ingest has ended")
    return raw(market.as_of(run_date))


@contextmanager
def _bar(total: int, *, shown: bool) -> Iterator[Callable[[int], object]]:
    """A bar on stderr: lively on a terminal, a line every ten seconds elsewhere."""
    interval = 0.1 if sys.stderr.isatty() else 10.0
    with tqdm(
        total=total, desc="features", unit=" stocks", mininterval=interval, disable=not shown, file=sys.stderr
    ) as bar:
        yield bar.update
