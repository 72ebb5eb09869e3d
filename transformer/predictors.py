"""
The predictor's replicas over HTTP: the only place that speaks to them.

A call has two tries, the second at another replica where there is one: scoring changes nothing, so it may be asked
again. How it failed in the end decides the error, since a predictor that is away, one that is late and one that talks
nonsense need three different people.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson

from transformer.errors import FeaturesRefused, PredictorAway, PredictorLate
from transformer.kept import Kept
from transformer.replicas import Replica, Replicas
from upper_circuit.errors import BadAnswer, ModelLoading, UpperCircuitError
from upper_circuit.oip import codec, contract
from upper_circuit.oip.messages import InferResponse
from upper_circuit.telemetry.metrics import HopMetrics

_ASIDE = 2.0
"""Seconds for questions beside scoring: manifests, readiness, metrics."""
_RELOADING = 60.0
_SCRAPED = 1.0
"""Seconds for which scrapes are kept: a flood of questions for metrics asks each replica once."""

Headers = Mapping[str, str]


class _TryAgainError(Exception):
    """A try failed in a way that another may not; carries what to tell if it was the last."""

    def __init__(self, error: UpperCircuitError) -> None:
        super().__init__(str(error))
        self.error = error


class Predictors:
    """Belongs to one event loop; `start` it there."""

    def __init__(self, replicas: Replicas, metrics: HopMetrics) -> None:
        self.replicas = replicas
        self._metrics = metrics
        self._scrapes = Kept(self._scrape, _SCRAPED)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Make the connection pool."""
        self._session = aiohttp.ClientSession(
            # Idle connections end before the server's 65 s are over: it must not close one just as it is used.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def stop(self) -> None:
        """Close it."""
        if self._session is not None:
            await self._session.close()

    async def infer(self, body: bytes, headers: Headers, until: float) -> InferResponse:
        """The answer to an inference request; `until` is on the monotonic clock, and holds for both tries.

        Raises PredictorAway, PredictorLate, ModelLoading, FeaturesRefused, BadAnswer.
        """
        first = self.replicas.pick()
        if first is None:
            raise PredictorAway("its name resolves to no address")
        try:
            # Half of the time for the first try, or a replica that hangs would leave none for the other.
            return await self._try(first, body, headers, (time.monotonic() + until) / 2)
        except _TryAgainError:
            second = self.replicas.pick(other_than=first) or first
        try:
            return await self._try(second, body, headers, until)
        except _TryAgainError as error:
            raise error.error from error

    async def _try(self, replica: Replica, body: bytes, headers: Headers, until: float) -> InferResponse:
        started = time.monotonic()
        replica.in_flight += 1
        result = "defect"
        try:
            async with (
                asyncio.timeout(until - started),
                self._open.post(replica.url + contract.INFER_PATH, data=body, headers=headers) as response,
            ):
                answer = await response.read()
            result = "ok" if response.status == 200 else str(response.status)
            return _response(response.status, answer, response.headers)
        except TimeoutError:
            result = "timeout"
            self.replicas.shun(replica)
            raise _TryAgainError(PredictorLate()) from None
        except (aiohttp.ClientError, OSError) as error:
            result = "unreachable"
            self.replicas.shun(replica)
            raise _TryAgainError(PredictorAway(f"{replica.url}: {error or type(error).__name__}")) from error
        except _TryAgainError:
            self.replicas.shun(replica)
            raise
        except BadAnswer:
            result = "bad_answer"
            raise
        finally:
            replica.in_flight -= 1
            self._metrics.calls.labels(result).inc()
            self._metrics.seconds.observe(time.monotonic() - started)

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("Predictors was not started")
        return self._session

    async def is_ready(self) -> bool:
        """Whether any replica says that it would answer now."""
        asked = (self._aside("GET", replica, contract.READY_PATH) for replica in self.replicas)
        return any(status == 200 for status, _ in await asyncio.gather(*asked))

    async def registry(self) -> dict[str, Any]:
        """Manifests and which version answers; raises PredictorAway, BadAnswer."""
        return await self._first_that_tells(contract.REGISTRY_PATH)

    async def bins(self) -> dict[str, Any]:
        """The training bins of the model that answers; raises PredictorAway, BadAnswer."""
        return await self._first_that_tells(contract.BINS_PATH)

    async def reload(self, headers: Headers) -> list[tuple[str, int, dict[str, Any] | None]]:
        """Tell every replica to take the version that is promoted now: address, status (0: none), what it said."""
        replicas = list(self.replicas)
        asked = (self._aside("POST", each, contract.RELOAD_PATH, headers, _RELOADING) for each in replicas)
        return [
            (replica.url, status, _object(body) if status else {"error": body.decode()})
            for replica, (status, body) in zip(replicas, await asyncio.gather(*asked), strict=True)
        ]

    async def scrapes(self) -> list[tuple[str, bytes]]:
        """Address and metrics of every replica that answers."""
        return await self._scrapes.get()

    async def _scrape(self) -> list[tuple[str, bytes]]:
        replicas = list(self.replicas)
        asked = (self._aside("GET", replica, "/metrics") for replica in replicas)
        return [
            (replica.url, body)
            for replica, (status, body) in zip(replicas, await asyncio.gather(*asked), strict=True)
            if status == 200
        ]

    async def _first_that_tells(self, path: str) -> dict[str, Any]:
        """What the first replica that has an answer says; how the last one failed decides the error, as in a call."""
        error: UpperCircuitError = PredictorAway("its name resolves to no address")
        for replica in self.replicas:
            status, body = await self._aside("GET", replica, path)
            found = _object(body)
            if status == HTTPStatus.OK and found is not None:
                return found
            if not status:
                error = PredictorAway(f"{replica.url}: {body.decode()}")
            elif status == HTTPStatus.SERVICE_UNAVAILABLE:
                error = PredictorAway(f"{replica.url} answered {status}")
            else:
                error = BadAnswer(f"{replica.url} answered {status} to the question for {path}")
        raise error

    async def _aside(
        self,
        method: str,
        replica: Replica,
        path: str,
        headers: Headers | None = None,
        seconds: float = _ASIDE,
    ) -> tuple[int, bytes]:
        """Status and body; status 0 with the reason where there was no answer."""
        try:
            async with (
                asyncio.timeout(seconds),
                self._open.request(method, replica.url + path, headers=headers) as response,
            ):
                return response.status, await response.read()
        except TimeoutError:
            return 0, f"no answer within {seconds:g} s".encode()
        except (aiohttp.ClientError, OSError) as error:
            return 0, (str(error) or type(error).__name__).encode()


def _response(status: int, body: bytes, headers: Headers) -> InferResponse:
    if status == 200:
        length = headers.get(contract.HEADER_LENGTH, "")
        return codec.decode_response(body, int(length) if length.isdigit() else None)
    told = (_object(body) or {}).get("error")
    because = told if isinstance(told, str) else f"status {status}"
    if status == 503:
        after = headers.get("retry-after", "")
        seconds = int(after) if after.isdigit() else 1
        loading = ModelLoading(seconds)
        raise _TryAgainError(loading if because == str(loading) else PredictorAway(because, seconds))
    if status == 400:
        # Our rows are right by construction: a predictor that dislikes them was made for others.
        raise FeaturesRefused(f"the predictor refused the features: {because}")
    raise BadAnswer(f"the predictor answered {status}: {because}")


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
