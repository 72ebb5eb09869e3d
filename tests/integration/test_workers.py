"""Several processes on one port: what they share, how one makes way for another, and how all of them end."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.factories.online import OnlineMarket, Pair, question, transformer
from tests.factories.processes import Program, free_port, program, wait_until
from tests.integration.test_pair_faults import NOT_TAKEN, all_are, load

PREDICT = "/api/v1/predict"


def children(parent: int) -> list[int]:
    """The processes that it forked and that have not ended."""
    told = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
    return [int(each) for each in told.split() if state(int(each)) not in {"Z", ""}]


def state(pid: int) -> str:
    """S, R, T (stopped), Z (ended); empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


@contextmanager
def only(one: int, workers: list[int]) -> Iterator[None]:
    """New connections are one's alone, for the others stand still."""
    others = [each for each in workers if each != one]
    for each in others:
        os.kill(each, signal.SIGSTOP)
    wait_until(lambda: {"T"} >= {state(each) for each in others}, within=10, otherwise=lambda: str(others))
    try:
        yield
    finally:
        for each in others:
            os.kill(each, signal.SIGCONT)


def ask(api: Program, online: OnlineMarket) -> requests.Response:
    """One question over a connection of its own."""
    return requests.post(api.url + PREDICT, json=question(online), timeout=30)


def wait_for_workers(api: Program, count: int) -> list[int]:
    """So many processes, once they all listen: each has answered a probe."""
    wait_until(lambda: len(children(api.process.pid)) == count, within=60, otherwise=api.told)
    found = children(api.process.pid)
    for each in found:
        with only(each, found):
            requests.get(api.url + "/api/v1/health/live", timeout=60)
    return found


@pytest.fixture(scope="module")
def two(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Two of them, as `python -m transformer` makes them where WORKERS says so; one request a second is allowed."""
    settings = {"WORKERS": "2", "RATE_LIMIT_PER_SECOND": "1"}
    with transformer(pair.online, tmp_path_factory.mktemp("two"), pair.predictor.url, **settings) as api:
        api.wait_for("/api/v1/health/ready", within=150)
        yield api


@pytest.fixture(scope="module")
def hasty(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Two that make way after twenty answers."""
    settings = {"WORKERS": "2", "WORKER_MAX_REQUESTS": "20"}
    with transformer(pair.online, tmp_path_factory.mktemp("hasty"), pair.predictor.url, **settings) as api:
        wait_until(
            lambda: _status(api.url + "/api/v1/health") == 200,
            within=150,
            otherwise=api.told,
        )
        yield api


def test_by_default_there_are_two_a_cpu_and_one_more(pair: Pair, tmp_path: Path) -> None:
    """Of the CPUs that the process may use, which here is one; and when their parent dies so do they."""
    port = free_port()
    settings = {
        "FEATURE_DBS_PATH": str(pair.online.market.folder),
        "PREDICTOR_URLS": pair.predictor.url,
        "API_PORT": str(port),
        "WORKERS": "",
    }
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        with program("transformer.workers", tmp_path, port, settings) as api:
            os.sched_setaffinity(0, allowed)
            api.wait_for("/api/v1/health", within=150)
            workers = wait_for_workers(api, 3)

            api.process.kill()
            api.process.wait()
            wait_until(lambda: not any(map(state, workers)), within=30, otherwise=lambda: str(workers))
    finally:
        os.sched_setaffinity(0, allowed)


def test_metrics_are_those_of_all(two: Program, online_market: OnlineMarket) -> None:
    """Whichever is asked, it tells the sum."""
    workers = wait_for_workers(two, 2)
    before = _answered(two)
    for each in workers:
        with only(each, workers):
            for _ in range(3):
                ask(two, online_market)

    told = []
    for each in workers:
        with only(each, workers):
            told.append(_answered(two) - before)

    assert [6, 6] == told


def test_the_limit_is_one_for_all(two: Program, online_market: OnlineMarket) -> None:
    """At one a second, what two processes allow lies more than a second apart, without a Redis."""
    workers = wait_for_workers(two, 2)
    allowed: list[tuple[float, float]] = []
    refused = 0
    while len(allowed) < 3:
        for each in workers:
            with only(each, workers):
                sent = time.monotonic()
                status = ask(two, online_market).status_code
                assert status in {200, 429}
                if status == 200:
                    allowed.append((sent, time.monotonic()))
                refused += status == 429

    assert refused > 0
    for (sent, _), (_, answered) in pairwise(allowed):
        assert answered - sent > 1


def test_what_gunicorn_says_is_a_line_like_ours(two: Program) -> None:
    """JSON, in the one log that there is."""
    lines = [line for line in _log(two).splitlines() if "Booting worker" in line]

    assert 2 == len(lines)
    assert all(re.fullmatch(r'\{.*"event": "Booting worker with pid: \d+".*\}', line) for line in lines)


def test_a_connection_that_was_silent_is_heard_once_more(hasty: Program, online_market: OnlineMarket) -> None:
    """By the process that leaves, which tells it to come back; only then does the process end."""
    one, other = wait_for_workers(hasty, 2)
    with requests.Session() as desk, only(one, [one, other]):
        before = desk.post(hasty.url + PREDICT, json=question(online_market), timeout=30)
        wait_until(
            lambda: ask(hasty, online_market).status_code == 200 and len(children(hasty.process.pid)) == 3,
            within=60,
            otherwise=hasty.told,
        )
        after = desk.post(hasty.url + PREDICT, json=question(online_market), timeout=30)

        assert [200, 200] == [before.status_code, after.status_code]
        assert [None, "close"] == [each.headers.get("connection") for each in (before, after)]
        wait_until(lambda: one not in children(hasty.process.pid), within=20, otherwise=hasty.told)


def test_making_way_loses_no_request(hasty: Program, online_market: OnlineMarket) -> None:
    """Under load, one after another: until none of the first is left, nor of those who came after them."""
    first = wait_for_workers(hasty, 2)
    left = _log(hasty).count('"worker.leaves"')

    with load(hasty, question(online_market)) as answers:
        wait_until(
            lambda: (
                _log(hasty).count('"worker.leaves"') >= left + 5
                and set(first).isdisjoint(children(hasty.process.pid))
            ),
            within=60,
            otherwise=hasty.told,
        )
        answers.wait_for(all_are(200))

    assert {200} == {answer[0] for _, answer in answers.answers}
    assert [] == answers.broken


def test_one_that_is_killed_is_replaced_also_while_the_database_is_away(pair: Pair, tmp_path: Path) -> None:
    """Its successor begins with the morning that their parent read."""
    folder = tmp_path / "db"
    own = replace(pair.online, market=pair.online.market.copied(folder))
    with transformer(own, tmp_path, pair.predictor.url, WORKERS="2") as api:
        api.wait_for("/api/v1/health", within=150)
        workers = wait_for_workers(api, 2)
        folder.rename(tmp_path / "away")

        for each in workers:
            os.kill(each, signal.SIGKILL)
        wait_until(lambda: set(workers).isdisjoint(children(api.process.pid)), within=30, otherwise=api.told)
        successors = wait_for_workers(api, 2)

        for each in successors:
            with only(each, successors):
                assert 200 == ask(api, own).status_code
        assert '"workers.no_morning"' in _log(api)


def test_they_end_without_losing_a_request(pair: Pair, tmp_path: Path) -> None:
    """SIGTERM: not ready at once, answers go on while they are being left alone; all end with 0 and leave no file."""
    files = tmp_path / "tmp"
    files.mkdir()
    settings = {"WORKERS": "2", "DRAIN_SECONDS": "8", "TMPDIR": str(files)}
    with transformer(pair.online, tmp_path, pair.predictor.url, **settings) as api:
        api.wait_for("/api/v1/health", within=150)
        workers = wait_for_workers(api, 2)
        assert 1 == len(list(files.glob("metrics-*")))
        with load(api, question(pair.online)) as answers:
            answers.wait_for(all_are(200))
            api.process.send_signal(signal.SIGTERM)
            wait_until(lambda: api.status("/api/v1/health/ready") == 503, within=7, otherwise=api.told)
            answers.wait_for(all_are(200, least=8), within=7)
            code = api.process.wait(45)

        assert 0 == code
        assert not any(map(state, workers))
        assert [] == list(files.iterdir())
        assert {200} == {answer[0] for _, answer in answers.answers}
        assert {NOT_TAKEN} >= set(answers.broken)


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    """And exit code 2, before anything is started."""
    with program("transformer.workers", tmp_path, 1, {"WORKERS": "0"}) as started:
        assert 2 == started.process.wait(60)
        assert re.fullmatch(r"transformer: WORKERS='0' is not allowed: .+\n", started.told())


def _answered(api: Program) -> float:
    text = requests.get(api.url + "/metrics", timeout=30).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "http_requests_total" and sample.labels["route"] == PREDICT
    )


def _status(url: str) -> int | None:
    """By a connection that is gone afterwards: one that stayed would be waited for by a process that leaves."""
    try:
        return requests.get(url, timeout=10).status_code
    except requests.ConnectionError:
        return None


def _log(api: Program) -> str:
    return api.log.read_text(encoding="utf-8")
