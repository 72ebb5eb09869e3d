"""
Puts the parts together, once, from settings.

Nothing else constructs anything, so that a test may build a transformer with a clock, a database and a predictor of
its own, and Gunicorn one in every worker.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import cast

from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from transformer import limits
from transformer.access import AccessLog
from transformer.clients import Clients
from transformer.connections import Connections
from transformer.edge import App, Edge, Guards, Start
from transformer.fast import HotRoutes
from transformer.hop import Hop
from transformer.ledger_watch import EVERY_SECONDS, LedgerWatch
from transformer.limits import Limiter
from transformer.models import Models
from transformer.mornings import Mornings
from transformer.predictors import Predictors
from transformer.replicas import Replicas, addresses
from transformer.routes import comparison, docs, health, models, predictions, protocol, runs
from transformer.routes.parts import Parts
from transformer.service import Clock, PredictionService, utc_now
from transformer.settings import TransformerSettings
from transformer.tally import Tally
from upper_circuit.features import Tolerance
from upper_circuit.market.database import Database
from upper_circuit.telemetry.metrics import BatchMetrics, HopMetrics, HttpMetrics

RESOLVE_SECONDS = 5.0
"""How often PREDICTOR_HOST is looked up, once it has resolved."""
UNRESOLVED_SECONDS = 0.5
"""How often until then: nobody is asked meanwhile."""

log = logging.getLogger(__name__)


class Transformer:
    """The parts a server needs, with a start and an end. Belongs to one event loop."""

    def __init__(
        self,
        settings: TransformerSettings,
        *,
        metrics: CollectorRegistry,
        clock: Clock = utc_now,
        limiter: Limiter | None = None,
    ) -> None:
        self.settings = settings
        self.database = Database.at(settings.database)
        self.mornings = Mornings(
            self.database,
            kept=settings.mornings_kept,
            tolerance=Tolerance(settings.min_price_share, allow_missing_tables=settings.allow_missing_tables),
        )
        hop_metrics = HopMetrics(metrics)
        self.predictors = Predictors(
            Replicas(() if settings.predictor_host else settings.predictor_urls), hop_metrics
        )
        self._hop = Hop(
            self.predictors,
            hop_metrics,
            deadline=settings.predictor_deadline_seconds,
            calls=settings.predictor_calls,
        )
        self._tally = Tally()
        self.models = Models(self.predictors)
        self.service = PredictionService(self.mornings, self._hop, self.models, self._tally, clock=clock)
        self._hot = HotRoutes(self.service)
        self._ledger = LedgerWatch(self.database, BatchMetrics(metrics), clock)
        self._http_metrics = HttpMetrics(metrics)
        self._metrics = metrics
        self._background: list[asyncio.Task[None]] = []
        self.access = AccessLog(settings.log_level)
        self._limiter = limiter or limits.limiter(settings.rate_limit_per_second, settings.redis_url)
        self._is_draining = False
        self._is_unresolved = False

    async def start(self) -> None:
        """Begin to read the market and to look for predictors; questions are taken as soon as that has happened."""
        await self.predictors.start()
        log.info("transformer.started", extra={"settings": self.settings.model_dump(mode="json")})
        self._keep_doing(self.mornings.refresh, self.settings.data_poll_seconds)
        self._keep_doing(self._ledger.refresh, EVERY_SECONDS)
        if self.settings.predictor_host:
            self._keep_doing(self._resolve, RESOLVE_SECONDS)

    def drain(self) -> None:
        """From now on not ready; questions are answered all the same."""
        self._is_draining = True

    async def stop(self) -> None:
        """End what `start` began, after the last request."""
        self._is_draining = True
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._hop.stop()
        await self.predictors.stop()
        if self._limiter is not None:
            await self._limiter.stop()
        self.mornings.stop()
        self._ledger.stop()
        self.database.dispose()
        self.access.flush()

    def routers(self) -> list[APIRouter]:
        """Everything FastAPI serves."""
        token = self.settings.admin_token
        return routers(
            Parts(
                service=self.service,
                hot=self._hot,
                mornings=self.mornings,
                models=self.models,
                predictors=self.predictors,
                database=self.database,
                metrics=self._metrics,
                admin_token=token.get_secret_value() if token else None,
                is_draining=lambda: self._is_draining,
                is_alive=lambda: not any(task.done() for task in self._background),
            )
        )

    def edge(self, app: App, *, start: Start | None = None) -> Edge:
        """The outermost layer around an app that has the routers; `start` stands in for our own."""
        settings = self.settings
        guards = Guards(
            clients=Clients(settings.proxies),
            limiter=self._limiter,
            metrics=self._http_metrics,
            tally=self._tally,
            access=self.access,
            connections=Connections(settings.connection_seconds),
            is_draining=lambda: self._is_draining,
        )
        return Edge(app, self._hot.table(), guards, start or self.start, self.stop)

    def _keep_doing(self, work: Callable[[], Awaitable[None]], every: float) -> None:
        async def keep_doing() -> None:
            while True:
                started = time.monotonic()
                await work()
                await asyncio.sleep(max(0.0, every - (time.monotonic() - started)))

        task = asyncio.create_task(keep_doing())
        task.add_done_callback(_tell_why)
        self._background.append(task)

    async def _resolve(self) -> None:
        replicas = self.predictors.replicas
        while True:
            host = self.settings.predictor_host or ""
            found = await addresses(host)
            if (
                not found and not self._is_unresolved
            ):  # once: twice a second, it would bury what the log says beside it
                log.warning("predictor.unresolved", extra={"host": host})
            self._is_unresolved = not found
            if found:
                replicas.become(found)
            if len(replicas):
                return
            await asyncio.sleep(UNRESOLVED_SECONDS)


def build(
    settings: TransformerSettings,
    *,
    metrics: CollectorRegistry,
    clock: Clock = utc_now,
    limiter: Limiter | None = None,
) -> Transformer:
    """A transformer that has asked nobody anything yet; `limiter` stands in for that of the settings."""
    return Transformer(settings, metrics=metrics, clock=clock, limiter=limiter)


def routers(parts: Parts) -> list[APIRouter]:
    """Everything FastAPI serves, over the parts."""
    return [
        predictions.router(parts),
        runs.router(parts),
        comparison.router(parts),
        models.router(parts),
        health.router(parts),
        protocol.router(parts),
        docs.router(),
    ]


def routers_without_parts() -> list[APIRouter]:
    """The same, to be described but not to be served: parts are touched by requests only."""
    return routers(cast("Parts", None))


def _tell_why(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.critical("background.ended", exc_info=task.exception())
