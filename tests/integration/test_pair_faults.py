"""The pair when things go wrong, and when it is told to stop."""

from __future__ import annotations

import json
import select
import shutil
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.factories.batch import market
from tests.factories.online import ADMIN_TOKEN, OnlineMarket, Pair, question, transformer
from tests.factories.online import pair as start_pair
from tests.factories.processes import Program, predictor, wait_until
from tests.postgres import Postgres, cluster, control
from upper_circuit.models.registry import CHANNELS, STABLE

Answer = tuple[int, str | None, float | None]

NOT_TAKEN = "nobody took the connection"
_TAKEN_AFTER = 0.1
"""Seconds after which a program that listens has taken a connection; less than it has for last words."""


@dataclass
class Load:
    """Answers of callers that ask in circles: status, version or error, probability; and when."""

    answers: list[tuple[float, Answer]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Why there was no answer; NOT_TAKEN where no question had been sent to anybody."""

    def since(self, moment: float) -> list[Answer]:
        """Those that came after a moment."""
        return [answer for at, answer in self.answers if at >= moment]

    def wait_for(self, holds: Callable[[list[Answer]], bool], *, within: float = 30) -> float:
        """Until the answers from now on do something; the seconds it took."""
        began = time.monotonic()
        wait_until(
            lambda: holds(self.since(began)), within=within, otherwise=lambda: str(Counter(self.since(began)))
        )
        return time.monotonic() - began


@contextmanager
def load(api: Program, document: dict[str, Any], callers: int = 4) -> Iterator[Load]:
    """So many callers, each with its connection, until the block ends."""
    found = Load()
    stop = threading.Event()
    body = json.dumps(document)

    def ask() -> None:
        line = HTTPConnection(urlsplit(api.url).netloc, timeout=30)
        while not stop.is_set():
            try:
                if line.sock is None and not _is_taken(line):
                    found.broken.append(NOT_TAKEN)
                    time.sleep(0.01)
                    continue
                line.request("POST", "/api/v1/predict", body, {"content-type": "application/json"})
                response = line.getresponse()
                told = json.loads(response.read())
            except (OSError, HTTPException) as error:
                found.broken.append(f"{type(error).__name__}: {error}")
                line.close()
                continue
            answer = (
                response.status, told.get("model_version") or told.get("error"), told.get("probability"),
            )  # fmt: skip
            found.answers.append((time.monotonic(), answer))
        line.close()

    with ThreadPoolExecutor(callers) as threads:
        asking = [threads.submit(ask) for _ in range(callers)]
        try:
            yield found
        finally:
            stop.set()
        for each in asking:
            each.result()


def _is_taken(line: HTTPConnection) -> bool:
    """Connect, and whether a program took the connection.

    A system takes connections before its program does, and resets those that are left when the program stops to
    listen. So nothing is sent until that must have shown: a question that is lost afterwards was lost by the program.
    """
    try:
        line.connect()
        if select.select([line.sock], [], [], _TAKEN_AFTER)[0]:
            line.sock.recv(1, socket.MSG_PEEK)
    except (ConnectionRefusedError, ConnectionResetError):
        line.close()
        return False
    return True


def all_are(status: int, least: int = 20) -> Callable[[list[Answer]], bool]:
    """The last answers have all this status."""
    return lambda found: len(found) >= least and {status} == {answer[0] for answer in found[-least:]}


def test_a_predictor_that_dies_is_a_503_and_its_return_is_noticed(
    online_market: OnlineMarket, tmp_path: Path
) -> None:
    """Killed under load: no hanging, Retry-After; two seconds after its return at most all is well, by itself."""
    settings = {"MODEL_REGISTRY_PATH": str(online_market.models), "MODEL_LOAD_BEFORE_READY": "true"}
    with predictor(tmp_path, **settings) as first, transformer(online_market, tmp_path, first.url) as api:
        api.wait_for("/api/v1/health", within=150)
        with load(api, question(online_market)) as answers:
            answers.wait_for(all_are(200))
            first.process.kill()
            first.process.wait()
            answers.wait_for(all_are(503))
            refusal = requests.post(api.url + "/api/v1/predict", json=question(online_market), timeout=10)
            wait_until(lambda: api.status("/api/v1/health") == 503, within=5, otherwise=api.told)
            port = first.url.rpartition(":")[2]
            with predictor(tmp_path, **settings, PREDICTOR_PORT=port) as second:
                second.url = first.url
                second.wait_for("/v2/health/ready", within=150)
                took = answers.wait_for(all_are(200, least=4))

        assert ("PREDICTOR_UNAVAILABLE", "1") == (refusal.json()["error"], refusal.headers["retry-after"])
        assert took < 2
        assert set() == {answer[0] for _, answer in answers.answers} - {200, 503}
        assert [] == answers.broken


def test_while_the_database_is_away_answers_go_on(
    online_market: OnlineMarket, pair: Pair, tmp_path: Path
) -> None:
    """From memory; health says what is wrong, readiness does not change; and its return is noticed."""
    folder = tmp_path / "db"
    own = replace(online_market, market=online_market.market.copied(folder))
    with transformer(own, tmp_path, pair.predictor.url) as api:
        api.wait_for("/api/v1/health", within=150)
        with load(api, question(own)) as answers:
            answers.wait_for(all_are(200))
            folder.rename(tmp_path / "away")
            wait_until(lambda: api.status("/api/v1/health") == 503, within=30, otherwise=api.told)
            ready = api.status("/api/v1/health/ready")
            problems = api.get("/api/v1/health").json()["problems"]
            answers.wait_for(all_are(200))
            (tmp_path / "away").rename(folder)
            api.wait_for("/api/v1/health")

        assert 200 == ready
        assert problems
        assert {200} == {answer[0] for _, answer in answers.answers}
        assert [] == answers.broken


@pytest.mark.postgres
def test_while_a_server_is_stopped_answers_go_on(pair: Pair, tmp_path: Path) -> None:
    """PostgreSQL ended and started again under load: the same as with files, and no connection has to be mended."""
    with cluster() as address:
        stored = market(Postgres(address).migrated(), stocks=24, sessions=140)
        online = OnlineMarket(stored, pair.online.models)
        api_over = transformer(online, tmp_path, pair.predictor.url, DATABASE_URL=str(stored.location))
        with api_over as api:
            api.wait_for("/api/v1/health", within=150)
            with load(api, question(online)) as answers:
                answers.wait_for(all_are(200))
                control(address, "stop")
                wait_until(lambda: api.status("/api/v1/health") == 503, within=60, otherwise=api.told)
                ready = api.status("/api/v1/health/ready")
                answers.wait_for(all_are(200))
                control(address, "start")
                api.wait_for("/api/v1/health")

        assert 200 == ready
        assert {200} == {answer[0] for _, answer in answers.answers}
        assert [] == answers.broken


def test_models_are_swapped_under_load(online_market: OnlineMarket, tmp_path: Path) -> None:
    """A hundred reloads through the API: no error, no answer of one version with another's number, memory flat."""
    models = tmp_path / "models"
    shutil.copytree(online_market.models, models)
    own = OnlineMarket(online_market.market, models)
    pointer = models / "XGBoost" / CHANNELS / STABLE
    with start_pair(own, tmp_path) as pair, load(pair.api, question(own)) as answers:
        results, resident = [], []
        for number in range(100):
            pointer.write_text("1.0.0\n" if number % 2 == 0 else "1.1.0\n", encoding="utf-8")
            response = pair.post("/api/v1/models/reload", None, authorization=f"Bearer {ADMIN_TOKEN}")
            results.append(response.json()["replicas"][0]["result"])
            resident.append(pair.api.resident_megabytes() + pair.predictor.resident_megabytes())

    found = {answer for _, answer in answers.answers}
    assert ["swapped"] * 100 == results
    assert resident[-1] - resident[19] < 25, resident
    assert {(200, "1.0.0"), (200, "1.1.0")} == {(status, version) for status, version, _ in found}
    assert 2 == len({probability for _, _, probability in found}) == len(found)
    assert [] == answers.broken


def test_it_stops_without_losing_a_request(online_market: OnlineMarket, pair: Pair, tmp_path: Path) -> None:
    """SIGTERM: not ready at once, answers go on while it is being left alone, then it ends with 0 within its time."""
    with transformer(online_market, tmp_path, pair.predictor.url, DRAIN_SECONDS="8") as api:
        api.wait_for("/api/v1/health", within=150)
        with load(api, question(online_market)) as answers:
            answers.wait_for(all_are(200))
            api.process.send_signal(signal.SIGTERM)
            told = time.monotonic()
            wait_until(lambda: api.status("/api/v1/health/ready") == 503, within=7, otherwise=api.told)
            answers.wait_for(all_are(200, least=8), within=7)
            code = api.process.wait(35)
            took = time.monotonic() - told

        assert 0 == code
        assert took < 35
        assert {200} == {answer[0] for _, answer in answers.answers}
        assert {NOT_TAKEN} >= set(answers.broken)


@pytest.fixture(scope="module")
def open_to_a_page(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A transformer that pages of one origin may call, found by its name, as KServe's controller starts it."""
    folder = tmp_path_factory.mktemp("page")
    host = pair.predictor.url.removeprefix("http://")
    settings = {"CORS_ORIGINS": "https://desk.example", "PREDICTOR_HOST": host, "CONNECTION_SECONDS": "0.5"}
    with transformer(pair.online, folder, "http://127.0.0.1:1", **settings) as api:
        api.wait_for("/api/v1/health", within=150)
        yield api


def test_an_old_connection_ends_with_an_answer_that_says_so(open_to_a_page: Program) -> None:
    """A client that keeps connections asks on, is told which answer is the last there, and loses none."""
    with requests.Session() as session:

        def is_last() -> bool:
            answer = session.get(f"{open_to_a_page.url}/api/v1/health/live", timeout=10)
            assert 200 == answer.status_code
            return answer.headers.get("connection") == "close"

        assert not is_last()
        for _ in range(2):  # also the connection that comes after it
            wait_until(is_last, within=10, otherwise=open_to_a_page.told)


class TestOrigins:
    """Who may call from a page."""

    def test_the_one_named_may(self, open_to_a_page: Program, pair: Pair) -> None:
        """Preflight and request; ids and Retry-After can be read there."""
        preflight = requests.options(
            open_to_a_page.url + "/api/v1/predict",
            headers={
                "origin": "https://desk.example",
                "access-control-request-method": "POST",
                "access-control-request-headers": "content-type,x-correlation-id",
            },
            timeout=10,
        )
        answer = requests.post(
            open_to_a_page.url + "/api/v1/predict",
            json=question(pair.online),
            headers={"origin": "https://desk.example"},
            timeout=10,
        )

        assert [200, 200] == [preflight.status_code, answer.status_code]
        assert "https://desk.example" == answer.headers["access-control-allow-origin"]
        assert "x-correlation-id" in answer.headers["access-control-expose-headers"]

    @pytest.mark.parametrize("origin", ["https://other.example", "http://desk.example", "null"])
    def test_others_may_not(self, open_to_a_page: Program, pair: Pair, origin: str) -> None:
        """Nor may anybody by default."""
        for url in (open_to_a_page.url, pair.api.url):
            answer = requests.post(
                url + "/api/v1/predict", json=question(pair.online), headers={"origin": origin}, timeout=10
            )
            assert "access-control-allow-origin" not in answer.headers


def test_memory_stays_flat(pair: Pair) -> None:
    """Over rounds of what is large, deep or wrong."""
    large = [
        b"x" * 10_000_000,
        b"[" * 60_000,
        b"[1" + b",1" * 30_000 + b"]",
        b'{"a":"' + b"b" * 60_000 + b'"}',
    ]
    resident = []

    for _ in range(4):
        for body in large * 5:
            for path in ("/api/v1/predict", "/v2/models/upper-circuit/infer", "/api/v1/models/reload"):
                requests.post(
                    pair.api.url + path, data=body, headers={"content-type": "application/json"}, timeout=30
                )
        resident.append(pair.api.resident_megabytes())

    assert resident[-1] - resident[0] < 25, resident
