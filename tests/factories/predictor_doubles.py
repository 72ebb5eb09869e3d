"""
A predictor that does as it is told, over real HTTP.

It speaks the protocol with the product's own codec, as the real one does (which the integration tests use), and can be
told to be slow, away, broken or of another opinion.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from aiohttp import web
from prometheus_client import CollectorRegistry

from transformer.hop import Hop
from transformer.predictors import Predictors
from transformer.replicas import Replicas
from upper_circuit.oip import contract
from upper_circuit.oip.codec import decode_request, encode_response
from upper_circuit.oip.messages import InferResponse
from upper_circuit.oip.tensors import Tensor
from upper_circuit.telemetry.metrics import HopMetrics

Matrix = npt.NDArray[np.float32]
Answer = Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]


@dataclass
class Call:
    """One inference that came in."""

    rows: Matrix
    headers: dict[str, str]
    """By their names in small letters."""
    parameters: dict[str, Any]


@dataclass
class PredictorDouble:
    """Answers a row with its first value as the probability, unless told otherwise.

    `score` gives the probabilities [n] of rows [n, 25].
    """

    version: str = "1.0.0"
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a call has come in."""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Answers wait for it; set at first."""
    instead: Answer | None = None
    """What to answer to inferences instead."""
    score: Callable[[Matrix], Matrix] = lambda matrix: matrix[:, 0].copy()
    is_ready: bool = True
    reload: tuple[int, dict[str, Any]] = (200, {"result": "swapped", "model_version": "1.1.0"})
    registry: Any = None
    scrape: str = ""

    async def infer(self, request: web.Request) -> web.StreamResponse:
        """POST to the hot route."""
        body = await request.read()
        length = int(request.headers[contract.HEADER_LENGTH])
        asked = decode_request(body, length)
        [features] = asked.take(contract.FEATURES)
        matrix: Matrix = features.values  # type: ignore[assignment]
        self.calls.append(
            Call(
                matrix,
                {name.lower(): value for name, value in request.headers.items()},
                dict(asked.parameters),
            )
        )
        self.asked.set()
        await self.gate.wait()
        if self.instead is not None:
            return await self.instead(request, body)
        return self.answer(matrix, explain=asked.flag(contract.EXPLAIN))

    def answer(self, matrix: Matrix, *, explain: bool = False, **changes: Any) -> web.Response:
        """A right answer, with changes."""
        made = [Tensor("probability", self.score(matrix))]
        if explain:
            made.append(Tensor("contributions", np.zeros((len(matrix), 26), np.float32)))
            made.append(Tensor("margin", np.zeros(len(matrix), np.float32)))
        facts: dict[str, Any] = {
            "model_name": contract.MODEL_NAME,
            "outputs": tuple(made),
            "model_version": self.version,
            "parameters": {contract.REQUESTED_VERSION: self.version},
            **changes,
        }
        body, length = encode_response(
            InferResponse(**facts), binary=[each.name for each in facts["outputs"]]
        )
        return web.Response(body=body, headers={contract.HEADER_LENGTH: str(length)})

    async def ready(self, _request: web.Request) -> web.Response:
        """GET of readiness."""
        return web.json_response({}, status=200 if self.is_ready else 503)

    async def manifests(self, _request: web.Request) -> web.Response:
        """GET of the registry."""
        told = {
            "model_type": "XGBoost",
            "model_version": self.version,
            "versions": [{"version": self.version}],
        }
        return web.json_response(told if self.registry is None else self.registry)

    async def reloaded(self, _request: web.Request) -> web.Response:
        """POST of the reload."""
        status, told = self.reload
        return web.json_response(told, status=status)

    async def metrics(self, _request: web.Request) -> web.Response:
        """GET of the metrics."""
        return web.Response(text=self.scrape)


def refusing(status: int, message: str = "no", **headers: str) -> Answer:
    """An answer that is the protocol's error object."""

    async def refuse(_request: web.Request, _body: bytes) -> web.StreamResponse:
        return web.json_response({"error": message}, status=status, headers=headers)

    return refuse


async def hanging_up(request: web.Request, _body: bytes) -> web.StreamResponse:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.close()
    await asyncio.sleep(0)
    return web.Response()


@asynccontextmanager
async def double(port: int = 0, **facts: Any) -> AsyncIterator[PredictorDouble]:
    """A double that listens; on a port of its own unless one is given."""
    made = PredictorDouble(**facts)
    made.gate.set()
    app = web.Application(client_max_size=contract.MOST_BYTES)
    app.router.add_post(contract.INFER_PATH, made.infer)
    app.router.add_get(contract.READY_PATH, made.ready)
    app.router.add_get(contract.REGISTRY_PATH, made.manifests)
    app.router.add_post(contract.RELOAD_PATH, made.reloaded)
    app.router.add_get("/metrics", made.metrics)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    address = runner.addresses[0]
    made.url = f"http://{address[0]}:{address[1]}"
    try:
        yield made
    finally:
        made.gate.set()
        await runner.cleanup()


@dataclass
class Way:
    """A hop and what it counts."""

    hop: Hop
    predictors: Predictors
    metrics: CollectorRegistry


@asynccontextmanager
async def way_to(*urls: str, **facts: Any) -> AsyncIterator[Way]:
    """A hop to predictors at these addresses."""
    metrics = CollectorRegistry()
    counted = HopMetrics(metrics)
    predictors = Predictors(Replicas(urls), counted)
    await predictors.start()
    hop = Hop(predictors, counted, **facts)
    try:
        yield Way(hop, predictors, metrics)
    finally:
        await hop.stop()
        await predictors.stop()


def row(probability: float, count: int = 1) -> Matrix:
    """Rows that the double answers with this probability."""
    made = np.zeros((count, contract.FEATURE_COUNT), np.float32)
    made[:, 0] = probability
    return made
