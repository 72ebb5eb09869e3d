"""
The features of the whole market, computed by several processes.

Python computes on one CPU a process, and people wait for this list before the market opens. Blocks of a hundred stocks
go to whichever worker is free; a stock's row does not depend on its block, so their number and the order in which they
end change nothing. Each worker reads the database by itself, since rows that travel between processes cost more than
the features made of them, and every block says which state of the data it saw: blocks of two states are no market.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
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


class WorkersLost(DataUnavailable):
    """A worker process died (out of memory, killed); its blocks were not computed."""


class MarketChanged(DataUnavailable):
    """The market database changed while it was read."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """Raw features, and whose packed prices cannot be read, with the reason."""

    raw: RawFeatures | None
    """None where not one stock could be read."""
    unreadable: dict[str, str]

    @classmethod
    def concat(cls, blocks: Sequence[Extracted]) -> Extracted:
        """Blocks of one run date as one."""
        found = [block.raw for block in blocks if block.raw is not None]
        unreadable = {code: reason for block in blocks for code, reason in block.unreadable.items()}
        return cls(RawFeatures.concat(found) if found else None, unreadable)


class Extraction:
    """Worker processes over one database; use as a context manager.

    They are started at once: forked processes must not inherit the threads that a program starts later.

    Args:
        location: folder of the SQLite files, or a postgresql:// URL.
        workers: how many processes, at least 1.
    """

    def __init__(self, location: str | Path, workers: int) -> None:
        self._location = location
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
    ) -> Extracted:
        """The raw features of these stocks; one whose bytes are damaged does not spoil its block.

        Args:
            run_date: a session.
            codes: stocks with bars, each once, at least one.
            data_version: the state of the database meant; MarketChanged when a block saw another.
            after_each: called after every block; what it raises ends the extraction.
            progress: draw a bar on stderr.
        """
        blocks = [tuple(codes[at : at + BLOCK]) for at in range(0, len(codes), BLOCK)]
        tasks: list[Future[Extracted]] = []
        done = []
        try:
            tasks.extend(
                self._pool.submit(_compute, self._location, run_date, data_version, block) for block in blocks
            )
            with _bar(len(codes), shown=progress) as advance:
                for block, task in zip(blocks, tasks, strict=True):
                    done.append(task.result())
                    advance(len(block))
                    after_each()
        except BrokenProcessPool as error:
            raise WorkersLost("a worker process died; with too little memory, lower BATCH_WORKERS") from error
        finally:
            for task in tasks:
                task.cancel()
        return Extracted.concat(done)


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
    """Leave signals to the parent, which ends its workers cleanly; end with the parent when it is killed."""
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


@cache
def _open(location: str | Path, _data_version: int) -> _Opened:
    """A worker's own way into the database, opened anew for another state of the data."""
    database = Database.at(location)
    with database.reading("market") as connection:
        return _Opened(database, read_calendar(connection), read_data_version(connection))


def _compute(location: str | Path, run_date: date, data_version: int, codes: tuple[str, ...]) -> Extracted:
    opened = _open(location, data_version)
    try:
        market = Market.load(opened.database, run_date=run_date, codes=codes, calendar=opened.calendar)
    except ValueError as error:  # bytes that are no bars
        if len(codes) == 1:
            return Extracted(None, {codes[0]: str(error)})
        return Extracted.concat([_compute(location, run_date, data_version, (code,)) for code in codes])
    if not data_version == opened.data_version == market.data_version:
        raise MarketChanged("the market database is being changed; run again when the ingest has ended")
    return Extracted(raw(market.as_of(run_date)), {})


@contextmanager
def _bar(total: int, *, shown: bool) -> Iterator[Callable[[int], object]]:
    """A bar on stderr: lively on a terminal, a line every ten seconds elsewhere."""
    interval = 0.1 if sys.stderr.isatty() else 10.0
    with tqdm(
        total=total, desc="features", unit=" stocks", mininterval=interval, disable=not shown, file=sys.stderr
    ) as bar:
        yield bar.update
