"""
KServe at the edge: the only file that imports it.

Importing kserve parses the command line of whoever does so, hence the lines around the import. Its own start is not
used: it ignores the loop it was asked for, listens on every address, and forgets the model before requests have ended;
its app, data plane and routes are. `application` is what any ASGI server may run; `serve` runs it here.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import warnings
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from socket import socket
from types import FrameType
from typing import Any

import uvicorn
import uvloop
from fastapi import FastAPI
from fastapi.exceptions import FastAPIDeprecationWarning
from starlette.middleware.cors import CORSMiddleware

_arguments, sys.argv = sys.argv, sys.argv[:1]
import kserve  # noqa: E402
from kserve import errors, model_server  # noqa: E402
from kserve.predictor_config import PredictorConfig  # noqa: E402
from kserve.protocol.rest.server import RESTServer  # noqa: E402

sys.argv = _arguments

from transformer.app import Transformer  # noqa: E402
from transformer.edge import App  # noqa: E402
from transformer.openapi import describe  # noqa: E402
from transformer.routes.translation import translate  # noqa: E402
from upper_circuit.oip import contract  # noqa: E402

_SHUTDOWN_SECONDS = 25
"""For requests under way after the drain; with it, below Kubernetes' 30."""
_LAST_WORDS = 0.25
"""Seconds for a connection that was accepted right before the end: to be counted, and to send its request."""
_KEEP_ALIVE = 65
"""Seconds; longer than the idle time of the proxies in front."""
_QUIET = ("kserve", "kserve.trace", "uvicorn.error", "asyncio")

log = logging.getLogger(__name__)


def application(transformer: Transformer, description: dict[str, Any] | None = None) -> App:
    """The whole program as an ASGI app; its lifespan starts and ends the transformer.

    `description` is what `/openapi.json` answers, where somebody made it already: it takes most of the time of this.
    """
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", category=FastAPIDeprecationWarning)  # KServe's response class
    app: FastAPI = model_server.app
    app.router.redirect_slashes = False  # it would redirect to whatever Host the caller names
    routers = transformer.routers()
    for router in routers:
        app.include_router(router)
    described = description or describe(routers)
    app.openapi = lambda: described  # type: ignore[method-assign]  # KServe's own routes are no part of the API
    address = transformer.settings.predictor_urls[0].removeprefix("http://")
    kept = kserve.ModelServer(
        workers=1,
        enable_grpc=False,
        predictor_config=PredictorConfig(predictor_host=address, predictor_protocol="v2"),
    )
    known = kserve.Model(contract.MODEL_NAME)  # a name for KServe's own routes; no inference gets there
    known.ready = True
    kept.register_model(known)
    RESTServer(app, kept.dataplane, kept.model_repository_extension, 0).create_application()
    translate(app, _REFUSALS)
    outermost: App = transformer.edge(app, start=_settling(transformer.start))
    if transformer.settings.cors_origins:
        outermost = CORSMiddleware(
            outermost,
            allow_origins=transformer.settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["content-type", contract.CORRELATION_ID, contract.TRACEPARENT],
            expose_headers=[contract.CORRELATION_ID, "retry-after"],
        )
    return outermost


def serve(transformer: Transformer) -> None:
    """Answer until a signal comes and the requests under way have ended."""
    uvloop.run(server(transformer).serve())  # a twelfth less CPU a request than asyncio, and as fair


def server(transformer: Transformer, description: dict[str, Any] | None = None) -> Server:
    """A transformer's server, on the address of its settings where it is given no sockets."""
    settings = transformer.settings
    config = uvicorn.Config(
        application(transformer, description),
        host=settings.api_listen_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # TRUSTED_PROXIES decides, and by default nobody is
        lifespan="on",
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        backlog=2048,
        server_header=False,
    )
    return Server(config, transformer)


class Server(uvicorn.Server):
    """Stops in two steps: unready while requests are still taken, then as uvicorn does. A second signal skips one."""

    def __init__(self, config: uvicorn.Config, transformer: Transformer) -> None:
        super().__init__(config)
        self._transformer = transformer
        self._signals = 0
        self._drained_at: float | None = None
        self._retiring: tuple[float, float] | None = None

    def retire(self, within: float) -> None:
        """Make way for another process on the same sockets: let nobody in, answer who is in once more, then stop.

        A connection that says nothing for `within` seconds is closed.
        """
        for each in self.servers:
            each.close()
        self._transformer.drain()
        now = asyncio.get_running_loop().time()
        self._retiring = now + _LAST_WORDS, now + within

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  # uvicorn's signature
        """Called by a signal, maybe in the middle of anything: only counts."""
        self._signals += 1

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Nobody new is let in, and who is in already is heard before uvicorn closes connections that say nothing."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(_LAST_WORDS)
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to stop now."""
        now = asyncio.get_running_loop().time()
        if self._signals and self._drained_at is None:
            log.info("transformer.stopping")
            self._transformer.drain()
            self._drained_at = now + self._transformer.settings.drain_seconds
        drained = self._drained_at is not None and now >= self._drained_at
        return await super().on_tick(counter) or drained or self._is_retired(now) or self._signals > 1

    def _is_retired(self, now: float) -> bool:
        if self._retiring is None:
            return False
        earliest, latest = self._retiring
        return now >= (latest if self.server_state.connections else earliest)


def _settling(start: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    async def start_and_settle() -> None:
        await start()
        # What is here now stays: a collection that walks all of KServe takes a tenth of a second from every answer.
        gc.collect()
        gc.freeze()

    return start_and_settle


_REFUSALS = {
    errors.InvalidInput: (HTTPStatus.BAD_REQUEST, "INVALID_REQUEST"),
    errors.ModelNotFound: (HTTPStatus.NOT_FOUND, "NOT_FOUND"),
    errors.ModelNotReady: (HTTPStatus.SERVICE_UNAVAILABLE, "NOT_READY"),
    NotImplementedError: (HTTPStatus.NOT_IMPLEMENTED, "NOT_IMPLEMENTED"),
}
"""Status and code of what KServe's own routes refuse."""
