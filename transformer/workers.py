"""
`python -m transformer.workers`: several processes on one machine, where no Kubernetes runs more pods.

Gunicorn keeps them alive on one socket; each is the whole program as it runs alone. What they must have in common is
made before they are forked: the imports, the newest morning of the market, the counts of the limiter and the folder of
the metrics. `python -m transformer` comes here too where WORKERS is more than one.
"""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from prometheus_client.multiprocess import mark_process_dead

from transformer.app import routers_without_parts
from transformer.known import Known
from transformer.limits import Limiter
from transformer.mornings import Morning, make
from transformer.openapi import describe
from transformer.settings import TransformerSettings
from transformer.shared_limits import InSharedMemory
from transformer.worker import GRACE, Inheritance, TransformerWorker
from upper_circuit.errors import DataUnavailable
from upper_circuit.features import Tolerance
from upper_circuit.market.database import Database
from upper_circuit.market.location import is_postgresql
from upper_circuit.settings import SettingsRefused
from upper_circuit.telemetry import logs

TIMEOUT = 120
"""Seconds without a sign of life after which a process is killed."""
_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_USAGE = 2

log = logging.getLogger(__name__)


def main() -> int:
    """Serve until told to stop; exit code 2 when a setting is not allowed."""
    try:
        settings = TransformerSettings.read()
    except SettingsRefused as error:
        sys.stderr.write(f"transformer: {error}\n")
        return _USAGE
    logs.configure(settings.log_level)
    given = "workers" in settings.model_fields_set
    serve(settings, settings.workers if given else 2 * len(os.sched_getaffinity(0)) + 1)
    return 0


def serve(settings: TransformerSettings, count: int) -> None:
    """Answer with so many processes; ends by SystemExit, 0 after a signal."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until Gunicorn takes it, after the imports
    with _folder_of_metrics() as folder:
        os.environ[_METRICS_FOLDER] = folder
        Workers(settings, count).run()


@contextmanager
def _folder_of_metrics() -> Iterator[str]:
    """Gone when the parent ends. Its children, who end through the same lines, leave it alone."""
    parent = os.getpid()
    folder = tempfile.mkdtemp(prefix="metrics-")
    try:
        yield folder
    finally:
        if os.getpid() == parent:
            shutil.rmtree(folder)


class Shelf:
    """The newest morning, read by the parent for all who are forked from it. Where it cannot be read they try."""

    def __init__(self, settings: TransformerSettings) -> None:
        self._settings = settings
        self.taken: tuple[Known, Morning] | None = None

    def refresh(self) -> None:
        """Read it if the database has another state than the one in hand. Gives up soon: who waits here forks nobody."""
        database = Database.at(_impatient(self._settings.database))
        try:
            known = Known.read(database)
            if self.taken is None or self.taken[0].data_version != known.data_version:
                tolerance = Tolerance(
                    self._settings.min_price_share, allow_missing_tables=self._settings.allow_missing_tables
                )
                self.taken = known, make(database, known.next_run_date(), known, tolerance)
        except (sa.exc.SQLAlchemyError, DataUnavailable) as error:
            log.warning("workers.no_morning", extra={"because": type(error).__name__})
        finally:
            database.dispose()  # a connection must not be shared by two processes


def _impatient(location: Any) -> Any:
    if not is_postgresql(location):
        return location
    limits = {"connect_timeout": "2", "tcp_user_timeout": "2000", "options": "-c statement_timeout=5000"}
    return sa.make_url(str(location)).update_query_dict(limits).render_as_string(hide_password=False)


class Keeper(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's parent, but another process comes when one begins to leave, not when it has ended.

    Leaving takes up to GRACE seconds; without a successor for so long, one process alone would answer nobody.
    """

    def manage_workers(self) -> None:
        """Fork those who are missing, and send away the oldest of those who are too many."""
        staying = sorted(
            (each for each in self.WORKERS.values() if not each.is_leaving), key=lambda each: each.age
        )
        room = 2 * self.num_workers - len(self.WORKERS)  # however fast they leave, memory has a bound
        for _ in range(min(self.num_workers - len(staying), room)):
            self.spawn_worker()
        for worker in staying[: max(0, len(staying) - self.num_workers)]:
            worker.leave()  # counted out at once: a second SIGTERM would cut its requests short
            self.kill_worker(worker.pid, signal.SIGTERM)

    def spawn_worker(self) -> int:
        """Fork one. A SIGTERM before it has its own handlers waits for those; else it would be lost in ours."""
        held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            pid: int = super().spawn_worker()
            return pid
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)


class _Log(Logger):  # type: ignore[misc]
    """What Gunicorn says goes the way of our own lines."""

    def setup(self, cfg: Any) -> None:
        """Called at the start and at every reload."""
        super().setup(cfg)
        self.error_log.propagate = True


class Workers(BaseApplication):  # type: ignore[misc]
    """Gunicorn, with our program in its processes."""

    def __init__(self, settings: TransformerSettings, count: int) -> None:
        self.settings = settings
        self.count = count
        self.shelf = Shelf(settings)
        self.limiter: Limiter | None = None
        if settings.rate_limit_per_second and settings.redis_url is None:
            self.limiter = InSharedMemory(settings.rate_limit_per_second)
        super().__init__()

    def load_config(self) -> None:
        """What Gunicorn is told; it reads no file and no command line."""
        host, most = self.settings.api_listen_host, self.settings.worker_max_requests
        told = {
            "bind": f"[{host}]:{self.settings.api_port}"
            if ":" in host
            else f"{host}:{self.settings.api_port}",
            "workers": self.count,
            "worker_class": TransformerWorker,
            "preload_app": True,
            "timeout": TIMEOUT,
            "graceful_timeout": GRACE,
            "max_requests": most,
            "max_requests_jitter": most // 10,
            "backlog": 2048,
            "pre_fork": self._before_fork,
            "child_exit": _after_exit,
            "logger_class": _Log,
            "errorlog": None,
            "loglevel": self.settings.log_level,
            "control_socket_disable": True,
        }
        for name, value in told.items():
            self.cfg.set(name, value)

    def load(self) -> Inheritance:
        """In the parent, once: what all processes have in common."""
        from transformer import serving  # noqa: F401, PLC0415  # its import of kserve takes two seconds

        description = describe(routers_without_parts())
        self.shelf.refresh()
        gc.collect()
        gc.freeze()  # what is never looked at by a collection is never copied for a process of its own
        return Inheritance(self.settings, description, self.limiter, lambda: self.shelf.taken)

    def run(self) -> None:
        """Until told to stop; ends by SystemExit."""
        Keeper(self).run()

    def _before_fork(self, arbiter: Any, worker: TransformerWorker) -> None:
        taken = {each.place for each in arbiter.WORKERS.values()}
        worker.place = next(place for place in range(len(taken) + 1) if place not in taken)
        self.shelf.refresh()


def _after_exit(_arbiter: Any, worker: TransformerWorker) -> None:
    mark_process_dead(worker.place)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    sys.exit(main())
