"""A database that takes a connection and says nothing: whoever asks is told, and nobody else is held up."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from transformer.comparison import mornings_of_both
from transformer.database_threads import DatabaseThreads
from transformer.recorded import recorded_list
from transformer.rollout_steps import newest
from transformer.routes import comparison, predictions, runs
from transformer.routes.parts import Parts
from transformer.routes.translation import translate
from transformer.runs import recent_runs, run_of
from upper_circuit.errors import DatabaseAway
from upper_circuit.market.database import Database

DAY = date(2024, 11, 14)
SHORT = 0.2


class BlackHole:
    """Listens where a PostgreSQL should be, and never says a word."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        port = self.listener.getsockname()[1]
        self.database = Database.at(f"postgresql://desk:x@127.0.0.1:{port}/none?sslmode=disable")

    def close(self) -> None:
        """As a server that goes down: whoever waits is told by its kernel."""
        self.listener.close()


@pytest.fixture
def hole() -> Iterator[BlackHole]:
    """One, closed in the end, so that no thread is left hanging in it."""
    made = BlackHole()
    yield made
    made.close()
    made.database.dispose()


def test_an_answer_is_that_of_the_question_and_so_is_an_error() -> None:
    """With whatever it was given."""

    async def main() -> None:
        threads = DatabaseThreads()

        assert 14 == await threads.ask(int, "e", base=16)
        with pytest.raises(ValueError, match="invalid literal"):
            await threads.ask(int, "x")
        threads.stop()

    asyncio.run(main())


def test_whoever_asks_is_told_and_few_threads_hang(hole: BlackHole) -> None:
    """However many ask; threads of others are free all the time."""
    before = set(threading.enumerate())

    async def main() -> None:
        threads = DatabaseThreads(3, patience=SHORT)
        asked = [threads.ask(recent_runs, hole.database, 10) for _ in range(50)]

        found = await asyncio.gather(*asked, return_exceptions=True)

        assert {DatabaseAway} == {type(each) for each in found}
        assert {f"the database gave nothing in {SHORT:g} s"} == {str(each) for each in found}
        hanging = [each.name for each in threading.enumerate() if each not in before]
        assert ["database_0", "database_1", "database_2"] == sorted(hanging)
        assert "free" == await asyncio.to_thread(lambda: "free")
        threads.stop()

    asyncio.run(main())


def test_while_all_threads_hang_nobody_waits_for_one(hole: BlackHole) -> None:
    """When the database speaks again, or is gone for good, questions are asked as before."""
    asked: list[int] = []

    async def main() -> None:
        threads = DatabaseThreads(1, patience=SHORT)
        with pytest.raises(DatabaseAway, match="gave nothing in"):
            await threads.ask(recent_runs, hole.database, 10)
        with pytest.raises(DatabaseAway, match="1 questions wait for it already"):
            await threads.ask(asked.append, 1)

        hole.close()
        while threads._hanging:  # noqa: ASYNC110  # the kernel tells the thread that waits
            await asyncio.sleep(0.005)
        await threads.ask(asked.append, 2)
        threads.stop()

    asyncio.run(main())
    assert [2] == asked


def test_a_question_that_nobody_waits_for_any_more_is_not_begun(hole: BlackHole) -> None:
    """Or a step of a rollout would be written a minute after its writer was told that it was not."""
    asked: list[str] = []

    async def main() -> None:
        threads = DatabaseThreads(1, patience=SHORT)
        first = asyncio.create_task(threads.ask(recent_runs, hole.database, 10))
        behind = asyncio.create_task(threads.ask(asked.append, "behind"))
        await asyncio.gather(first, behind, return_exceptions=True)
        hole.close()
        while threads._hanging:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        await threads.ask(asked.append, "later")
        threads.stop()

        assert isinstance(behind.exception(), DatabaseAway)

    asyncio.run(main())
    assert ["later"] == asked


@pytest.mark.parametrize(
    "question",
    [
        lambda database: recorded_list(database, DAY, top=1, min_probability=0),
        lambda database: mornings_of_both(database, "1.0.0", "1.1.0", 1),
        lambda database: newest(database, 1),
        lambda database: run_of(database, DAY),
    ],
    ids=["predictions", "mornings of both", "steps", "run"],
)
def test_questions_end_as_they_do_where_the_server_hangs_up(hole: BlackHole, question: Any) -> None:
    """The thread comes back with the driver's error, which is the domain's by then."""

    async def main() -> None:
        threads = DatabaseThreads(1)
        asking = asyncio.create_task(threads.ask(question, hole.database))
        client, _ = await asyncio.to_thread(hole.listener.accept)
        client.close()
        hole.close()

        with pytest.raises(DatabaseAway, match="OperationalError"):
            await asking
        threads.stop()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/runs"),
        ("GET", f"/api/v1/runs/{DAY}"),
        ("GET", f"/api/v1/runs/{DAY}/report"),
        ("GET", f"/api/v1/runs/{DAY}/predictions.csv"),
        ("GET", "/api/v1/predictions"),
        ("GET", "/api/v1/comparison?stable=1.0.0&canary=1.1.0"),
        ("GET", f"/api/v1/comparison/{DAY}?stable=1.0.0&canary=1.1.0"),
        ("GET", "/api/v1/rollout/steps"),
        ("POST", "/api/v1/rollout"),
    ],
)
def test_every_route_that_asks_the_database_has_an_end(hole: BlackHole, method: str, path: str) -> None:
    """503 DATABASE_UNAVAILABLE, and when to come back."""
    step = {"who": "asha", "action": "start", "from": "a", "to": "b", "why": "newer"}

    async def main() -> None:
        threads = DatabaseThreads(patience=SHORT)
        parts = SimpleNamespace(database=hole.database, threads=threads, admin_token="t")  # noqa: S106
        app = FastAPI()
        for routes in (runs, predictions, comparison):
            app.include_router(routes.router(cast("Parts", parts)))
        translate(app, {})
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
            given = {"json": step} if method == "POST" else {}
            answer = await client.request(method, path, headers={"authorization": "Bearer t"}, **given)
        threads.stop()

        assert (503, "DATABASE_UNAVAILABLE") == (answer.status_code, answer.json()["error"])
        assert "5" == answer.headers["retry-after"]

    asyncio.run(main())
