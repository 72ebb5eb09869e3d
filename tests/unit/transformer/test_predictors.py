"""What is asked of the predictor's replicas beside scoring: of the first that tells, of all, and never by a crowd."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from tests.factories.predictor_doubles import double
from transformer.errors import PredictorAway
from transformer.models import Models
from transformer.predictors import Predictors
from transformer.replicas import Replicas
from upper_circuit.errors import BadAnswer, UpperCircuitError
from upper_circuit.oip import contract
from upper_circuit.telemetry.metrics import HopMetrics

Ask = Callable[[Predictors], Awaitable[Any]]
TOLD = {"versions": [], "model_version": "1.0.0"}
QUESTIONS = pytest.mark.parametrize("ask", [Predictors.registry, Predictors.bins], ids=["registry", "bins"])


class Replica:
    """Answers every question with one status and document; counts them by path."""

    def __init__(self, status: int, told: Any) -> None:
        self.status = status
        self.told = told
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Whatever was asked."""
        self.asked.append(request.path)
        body = self.told if isinstance(self.told, bytes) else orjson.dumps(self.told)
        return web.Response(status=self.status, body=body)


@asynccontextmanager
async def predictors(*replicas: Replica | str) -> AsyncIterator[Predictors]:
    """The way to replicas that listen, or to addresses where nobody does."""
    async with AsyncExitStack() as stack:
        urls = []
        for each in replicas:
            if isinstance(each, str):
                urls.append(each)
                continue
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", each.answer)
            server = await stack.enter_async_context(TestServer(app))
            urls.append(str(server.make_url("")).rstrip("/"))
        made = Predictors(Replicas(urls), HopMetrics(CollectorRegistry()))
        await made.start()
        stack.push_async_callback(made.stop)
        yield made


async def nobody() -> str:
    """An address where somebody listened a moment ago."""
    async with double() as gone:
        return gone.url


@QUESTIONS
@pytest.mark.parametrize(
    ("status", "told"), [(500, {"error": "x"}), (404, {}), (503, {"error": "no model"}), (200, b"<html>")]
)
def test_a_replica_that_does_not_tell_is_passed_over(ask: Ask, status: int, told: Any) -> None:
    """Broken, of another program, without a model, or away: the next one knows."""

    async def main() -> None:
        async with predictors(Replica(status, told), await nobody(), Replica(200, TOLD)) as found:
            assert TOLD == await ask(found)

    asyncio.run(main())


@QUESTIONS
@pytest.mark.parametrize(
    ("status", "told", "error"),
    [
        (500, {"error": "x"}, BadAnswer),
        (200, [], BadAnswer),
        (503, {"error": "no model is loaded"}, PredictorAway),
        (None, None, PredictorAway),
    ],
    ids=["broken", "no object", "without a model", "away"],
)
def test_where_none_tells_the_last_failure_decides(
    ask: Ask, status: int | None, told: Any, error: type[UpperCircuitError]
) -> None:
    """One that talks nonsense and one that cannot answer now need different people."""

    async def main() -> None:
        last = await nobody() if status is None else Replica(status, told)
        async with predictors(Replica(404, {}), last) as found:
            with pytest.raises(error):
                await ask(found)

    asyncio.run(main())


@QUESTIONS
def test_without_an_address_there_is_nobody_to_tell(ask: Ask) -> None:
    """As for a call."""

    async def main() -> None:
        async with predictors() as found:
            with pytest.raises(PredictorAway, match="resolves to no address"):
                await ask(found)

    asyncio.run(main())


def test_a_flood_of_health_questions_asks_each_replica_once() -> None:
    """Also while the first answer is on its way, when there is nothing to keep yet."""

    async def main() -> None:
        replica = Replica(200, TOLD)
        async with predictors(replica) as found:
            models = Models(found)

            states = await asyncio.gather(*(models.state() for _ in range(100)))

        assert {(True, "1.0.0", None)} == {(each.is_loaded, each.version, each.problem) for each in states}
        assert [contract.READY_PATH, contract.REGISTRY_PATH] == replica.asked

    asyncio.run(main())


def test_a_flood_of_scrapes_asks_each_replica_once() -> None:
    """A replica that is away is left out."""

    async def main() -> None:
        first, second = Replica(200, b"model_info 1\n"), Replica(200, b"model_info 2\n")
        async with predictors(first, await nobody(), second) as found:
            scrapes = await asyncio.gather(*(found.scrapes() for _ in range(100)))

        assert {(b"model_info 1\n", b"model_info 2\n")} == {
            tuple(body for _, body in each) for each in scrapes
        }
        assert ["/metrics"] == first.asked == second.asked

    asyncio.run(main())


def test_an_answer_of_another_version_makes_old_news_of_what_was_kept() -> None:
    """A predictor that fell back says so in its next list, not in five minutes."""

    async def main() -> None:
        replica = Replica(200, TOLD)
        async with predictors(replica) as found:
            models = Models(found)
            models.saw("1.0.0")
            before = await models.manifests()
            models.saw("1.0.0")
            replica.told = {**TOLD, "model_version": "0.9.0", "fallback_because": "1.0.0 is damaged"}
            kept = await models.manifests()
            models.saw("0.9.0")
            after = await models.manifests()

        assert TOLD == before == kept
        assert replica.told == after

    asyncio.run(main())
