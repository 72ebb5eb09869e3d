"""
`python -m transformer.workers`: several processes on one machine, where no Kubernetes runs more pods.

Gunicorn keeps them alive on one socket; each is the whole program as it runs alone. What they must have in common is
made before they are forked: the imports, the newest morning of the market, the counts of the limiter and the folder of
the metrics. A process that has answered enough makes way for a fresh one: it lets nobody new in, answers those who are
in once more and asks them to come back, so that none of its requests is lost.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
import uvloop
from gunicorn.app.base import BaseApplication
from gunicorn.workers.base import Worker
from prometheus_client import CollectorRegistry, Metric, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from transformer.app import build
from transformer.known import Known
from transformer.limits import Limiter
from transformer.mornings import Morning, Rules, make
from transformer.settings import SettingsRefused, TransformerSettings
from transformer.shared_limits import InSharedMemory
from upper_circuit.errors import DataUnavailable
from upper_circuit.market.database import Database
from upper_circuit.telemetry import logs

TIMEOUT = 120
"""Seconds without a sign of life after which a process is killed."""
GRACE = 30
"""Seconds that requests under way and silent connections get at the end."""
MOST_REQUESTS = 1_000
"""After which a process makes way; up to a tenth more, so that not all do so at once."""
_SIGN_OF_LIFE = 0.2
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
    serve(settings)
    return 0


def serve(settings: TransformerSettings) -> None:
    """Answer with WORKERS processes, by default two a CPU and one more."""
    given = "workers" in settings.model_fields_set
    count = settings.workers if given else 2 * len(os.sched_getaffinity(0)) + 1
    with tempfile.TemporaryDirectory(prefix="metrics-") as folder:
        os.environ[_METRICS_FOLDER] = folder
        Workers(settings, count).run()


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
                rules = Rules(self._settings.min_price_share, self._settings.allow_missing_tables)
                self.taken = known, make(database, known.next_run_date(), known, rules)
        except (sa.exc.SQLAlchemyError, DataUnavailable) as error:
            log.warning("workers.no_morning", extra={"because": type(error).__name__})
        finally:
            database.dispose()  # a connection must not be shared by two processes


def _impatient(location: Any) -> Any:
    if not str(location).startswith("postgresql"):
        return location
    limits = {"connect_timeout": "2", "tcp_user_timeout": "2000", "options": "-c statement_timeout=5000"}
    return sa.make_url(str(location)).update_query_dict(limits).render_as_string(hide_password=False)


class SummedRegistry(CollectorRegistry):
    """Takes the metrics of this process and shows those of all."""

    def collect(self) -> Iterable[Metric]:
        """The sums over all processes, ended ones too."""
        found: Iterable[Metric] = MultiProcessCollector(None).collect()  # type: ignore[no-untyped-call]
        return found


class Workers(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
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
        host = self.settings.api_listen_host
        told = {
            "bind": f"[{host}]:{self.settings.api_port}"
            if ":" in host
            else f"{host}:{self.settings.api_port}",
            "workers": self.count,
            "worker_class": "transformer.workers.TransformerWorker",
            "preload_app": True,
            "timeout": TIMEOUT,
            "graceful_timeout": GRACE,
            "max_requests": MOST_REQUESTS,
            "max_requests_jitter": MOST_REQUESTS // 10,
            "backlog": 2048,
            "pre_fork": self._before_fork,
            "child_exit": _after_exit,
            "logconfig_dict": {"loggers": {"gunicorn.error": {"propagate": True}, "root": {}}},
        }
        for name, value in told.items():
            self.cfg.set(name, value)

    def load(self) -> Workers:
        """In the parent, once: what all processes have in common."""
        from transformer import serving  # noqa: F401, PLC0415  # its import of kserve takes two seconds

        self.shelf.refresh()
        gc.collect()
        gc.freeze()  # what is never looked at by a collection is never copied for a process of its own
        return self

    def _before_fork(self, arbiter: Any, worker: TransformerWorker) -> None:
        taken = {each.place for each in arbiter.WORKERS.values()}
        worker.place = next(place for place in range(len(taken) + 1) if place not in taken)
        self.shelf.refresh()


def _after_exit(_arbiter: Any, worker: TransformerWorker) -> None:
    mark_process_dead(worker.place)  # type: ignore[no-untyped-call]


class TransformerWorker(Worker):  # type: ignore[misc]
    """One process."""

    place: int
    """Its number among those alive. Metrics are kept by it: by process id the files would never end."""

    def init_signals(self) -> None:
        """The server takes SIGTERM and SIGINT; the parent's other signals mean: end now."""
        for each in self.SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        for each in (signal.SIGUSR1, signal.SIGWINCH):
            signal.signal(each, signal.SIG_IGN)
        signal.signal(signal.SIGQUIT, lambda *_: os._exit(0))

    def run(self) -> None:
        """Answer until told to stop, or until it has answered enough."""
        place = self.place
        values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call]
        uvloop.run(self._serve())

    async def _serve(self) -> None:
        from transformer import serving  # noqa: PLC0415

        program: Workers = self.wsgi
        transformer = build(program.settings, metrics=SummedRegistry(), limiter=program.limiter)
        if program.shelf.taken:
            transformer.mornings.take_over(*program.shelf.taken)
        server = serving.server(transformer)
        watch = asyncio.create_task(self._watch(server))
        await server.serve([each.sock for each in self.sockets])
        watch.cancel()

    async def _watch(self, server: Any) -> None:
        retires = False
        while True:
            self.notify()
            if os.getppid() != self.ppid:
                server.should_exit = True
            if not retires and server.server_state.total_requests >= self.max_requests:
                log.info("worker.retires", extra={"requests": server.server_state.total_requests})
                retires = True
                server.retire(GRACE)
            await asyncio.sleep(_SIGN_OF_LIFE)


if __name__ == "__main__":
    sys.exit(main())
