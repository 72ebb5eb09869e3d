"""A predictor without its server, and requests to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from predictor.app import Predictor, build
from predictor.fast import FastPath
from predictor.settings import PredictorSettings
from tests.factories.models import FINGERPRINT, rows
from tests.factories.registries import Shelf
from upper_circuit.oip import contract
from upper_circuit.oip.codec import encode_request
from upper_circuit.oip.messages import InferRequest, Parameter, Wanted
from upper_circuit.oip.tensors import Tensor


@dataclass
class Desk:
    """A built predictor, its metrics, and a client that speaks to its app without a socket."""

    predictor: Predictor
    metrics: CollectorRegistry
    app: FastPath
    client: httpx.AsyncClient

    async def loaded(self) -> None:
        """Until there is a model."""
        self.predictor.keeper.begin()
        while self.predictor.keeper.unready_because() is not None:  # noqa: ASYNC110  # as a probe sees it
            await asyncio.sleep(0.01)

    async def infer(self, body: bytes, **headers: str) -> httpx.Response:
        """POST to the hot route."""
        return await self.client.post(contract.INFER_PATH, content=body, headers=headers)

    def counted(self, name: str, **labels: str) -> float | None:
        """A metric's value."""
        return self.metrics.get_sample_value(name, labels)


@asynccontextmanager
async def desk(shelf: Shelf, **settings: Any) -> AsyncIterator[Desk]:
    """A predictor over a shelf, with FastAPI where KServe's app would be."""
    metrics = CollectorRegistry()
    built = build(
        PredictorSettings(_env_file=None, model_registry_path=shelf.registry.root, **settings),  # type: ignore[call-arg]
        metrics=metrics,
        fingerprint=lambda: FINGERPRINT,
    )
    behind = FastAPI()
    behind.include_router(built.routes.router())
    app = FastPath(behind, built.scoring, built.keeper, built.http_metrics)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://predictor") as client:
        yield Desk(built, metrics, app, client)
    built.keeper.stop()


def at_a_desk(shelf: Shelf, work: Callable[[Desk], Awaitable[None]], **settings: Any) -> None:
    """Run a test's coroutine at a desk with a loaded model."""

    async def run() -> None:
        async with desk(shelf, **settings) as one:
            await one.loaded()
            await work(one)

    asyncio.run(run())


def features(
    matrix: npt.NDArray[np.float32] | None = None, *outputs: Wanted, **parameters: Parameter
) -> InferRequest:
    """A right request for these rows (three by default), but for the parameters named; None leaves one out."""
    given = {contract.FINGERPRINT: FINGERPRINT, **parameters}
    return InferRequest((Tensor("features", rows(3) if matrix is None else matrix),), "7", given, outputs)


def as_json(request: InferRequest) -> bytes:
    """Its body."""
    return encode_request(request)[0]
