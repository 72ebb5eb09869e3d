"""A transformer in the test's own process: everything but KServe and a socket of its own."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from tests.factories.predictor_doubles import Matrix, PredictorDouble, double
from transformer.app import Transformer, build
from transformer.edge import Edge
from transformer.routes.translation import translate
from transformer.settings import TransformerSettings

NOW = datetime(2024, 11, 14, 1, 31, 12, 104512, tzinfo=UTC)


@dataclass
class Desk:
    """A transformer, the predictor it asks, and a client that speaks to its edge without a socket."""

    transformer: Transformer
    predictor: PredictorDouble
    edge: Edge
    plain: FastAPI
    """The same routes without the edge."""
    client: httpx.AsyncClient
    metrics: CollectorRegistry
    lines: io.BytesIO = field(default_factory=io.BytesIO)

    async def ask(self, document: Any, path: str = "/api/v1/predict", **headers: str) -> httpx.Response:
        """POST JSON."""
        return await self.client.post(path, json=document, headers=headers)

    async def send(self, body: bytes, path: str = "/api/v1/predict", **headers: str) -> httpx.Response:
        """POST bytes, as JSON unless told otherwise."""
        given = {"content-type": "application/json", **headers}
        return await self.client.post(path, content=body, headers=given)

    async def ready(self) -> None:
        """Until the market was read."""
        while (await self.client.get("/api/v1/health/ready")).status_code != 200:  # noqa: ASYNC110  # as a probe sees it
            await asyncio.sleep(0.005)

    def logged(self) -> list[dict[str, Any]]:
        """The summary lines so far."""
        self.transformer.access.flush()
        return [orjson.loads(line) for line in self.lines.getvalue().splitlines()]


def rsi_as_probability(matrix: Matrix) -> Matrix:
    """The first feature, 0 to 100, as a score."""
    return matrix[:, 0] / np.float32(100)


@asynccontextmanager
async def desk(folder: Path, **settings: Any) -> AsyncIterator[Desk]:
    """A transformer over the market in a folder and a double of the predictor; started, maybe not ready."""
    async with double(score=rsi_as_probability) as predictor:
        metrics = CollectorRegistry()
        given = {
            "feature_dbs_path": folder,
            "predictor_urls": (predictor.url,),
            "rate_limit_per_second": 0,
            **settings,
        }
        made = build(
            TransformerSettings(_env_file=None, **given),  # type: ignore[call-arg]
            metrics=metrics,
            clock=lambda: NOW,
        )
        plain = FastAPI()
        for router in made.routers():
            plain.include_router(router)
        translate(plain, {})
        edge = made.edge(plain)
        lines = io.BytesIO()
        made.access.stream = lines
        await made.start()
        transport = httpx.ASGITransport(app=edge, client=("10.1.2.3", 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
            try:
                yield Desk(made, predictor, edge, plain, client, metrics, lines)
            finally:
                await made.stop()


def at_a_desk(folder: Path, work: Callable[[Desk], Awaitable[None]], **settings: Any) -> None:
    """Run a piece of work at a desk that is ready."""

    async def main() -> None:
        async with desk(folder, **settings) as found:
            await found.ready()
            await work(found)

    asyncio.run(main())
