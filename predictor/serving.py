"""
KServe at the edge: the only file that imports it.

Importing kserve parses the command line of whoever does so, hence the lines around the import. Its own start is not
used, since it refuses to start without a loaded model, ignores the loop it was asked for, and forgets the model list
before requests have ended; its app, data plane and routes are.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import warnings
from http import HTTPStatus
from types import FrameType
from typing import Any

import uvicorn
import uvloop
from fastapi import FastAPI, Request
from fastapi.exceptions import FastAPIDeprecationWarning, RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

_arguments, sys.argv = sys.argv, sys.argv[:1]
import kserve  # noqa: E402
from kserve import errors, model_server  # noqa: E402
from kserve.protocol.rest.server import RESTServer  # noqa: E402

sys.argv = _arguments

from predictor.app import Predictor  # noqa: E402
from predictor.errors import INTERNAL, Refusal  # noqa: E402
from predictor.fast import FastPath  # noqa: E402
from predictor.keeper import ModelKeeper  # noqa: E402
from upper_circuit.errors import UpperCircuitError  # noqa: E402
from upper_circuit.oip import contract  # noqa: E402

_SHUTDOWN_SECONDS = 25
"""For requests under way after the drain; with it, below Kubernetes' 30."""
log = logging.getLogger(__name__)

_QUIET = ("kserve", "kserve.trace", "uvicorn.error", "asyncio")


class _Model(kserve.Model):  # type: ignore[misc]  # the SDK has no types
    """What KServe's own routes know of the model: its name and whether it answers. No inference gets there."""

    def __init__(self, keeper: ModelKeeper) -> None:
        super().__init__(contract.MODEL_NAME)
        self._keeper = keeper

    async def healthy(self) -> bool:
        """KServe asks this for its readiness routes."""
        return self._keeper.unready_because() is None


class _Server(uvicorn.Server):
    """Stops in two steps: unready while requests are still taken, then as uvicorn does. A second signal skips one."""

    def __init__(self, config: uvicorn.Config, predictor: Predictor) -> None:
        super().__init__(config)
        self._predictor = predictor
        self._signals = 0
        self._drained_at: float | None = None

    async def startup(self, sockets: Any = None) -> None:
        """Listen, and load where that comes before being ready."""
        await super().startup(sockets)
        settings = self._predictor.settings
        log.info("predictor.started", extra=settings.model_dump(mode="json"))
        if settings.model_load_before_ready:
            self._predictor.keeper.begin()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  # uvicorn's signature
        """Called by a signal, maybe in the middle of anything: only counts."""
        self._signals += 1

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to stop now."""
        if self._signals and self._drained_at is None:
            log.info("predictor.stopping")
            self._predictor.keeper.stop()
            self._drained_at = (
                asyncio.get_running_loop().time() + self._predictor.settings.predictor_drain_seconds
            )
        drained = self._drained_at is not None and asyncio.get_running_loop().time() >= self._drained_at
        return await super().on_tick(counter) or drained or self._signals > 1


def serve(predictor: Predictor) -> None:
    """Answer until a signal comes and the requests under way have ended."""
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").propagate = False  # one line a request is ours
    warnings.filterwarnings("ignore", category=FastAPIDeprecationWarning)  # KServe's response class

    settings = predictor.settings
    kept = kserve.ModelServer(http_port=settings.predictor_port, workers=1, enable_grpc=False)
    kept.register_model(_Model(predictor.keeper))
    app: FastAPI = model_server.app
    app.router.redirect_slashes = False  # it would redirect to whatever Host the caller names
    app.include_router(predictor.routes.router())
    rest = RESTServer(
        FastPath(app, predictor.scoring, predictor.keeper, predictor.http_metrics),
        kept.dataplane,
        kept.model_repository_extension,
        settings.predictor_port,
        grace_period=_SHUTDOWN_SECONDS,
    )
    rest.create_application()
    _translate_errors(app)
    rest.config.host = settings.predictor_listen_host
    rest.config.proxy_headers = False
    rest.config.server_header = False
    uvloop.run(_Server(rest.config, predictor).serve())


def _translate_errors(app: FastAPI) -> None:
    """The protocol's error object for all that KServe and FastAPI refuse, in place of the handlers KServe set."""

    async def refused(_request: Request, error: Exception) -> JSONResponse:
        status, message, headers = _told(error)
        return JSONResponse({"error": message}, status, headers)

    for kind in (UpperCircuitError, HTTPException, RequestValidationError, *_STATUS, Exception):
        app.add_exception_handler(kind, refused)


_STATUS: dict[type[Exception], HTTPStatus] = {
    errors.InvalidInput: HTTPStatus.BAD_REQUEST,
    errors.ModelNotFound: HTTPStatus.NOT_FOUND,
    errors.ModelNotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ServerNotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    NotImplementedError: HTTPStatus.NOT_IMPLEMENTED,
}


def _told(error: Exception) -> tuple[int, str, dict[str, str] | None]:
    if isinstance(error, UpperCircuitError):
        refusal = Refusal.of(error)
        return refusal.status, refusal.told, None
    if isinstance(error, HTTPException):
        return error.status_code, str(error.detail), dict(error.headers or {})
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return HTTPStatus.BAD_REQUEST, f"{where}: {first['msg']}", None
    for kind, status in _STATUS.items():
        if isinstance(error, kind):
            return status, str(error), None
    return HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL, None
