"""
The program of `helm test`, run as its pod runs it, against an API that is played.

It is the first thing that a newcomer runs, seconds after the install: it must wait for what is on its way, and where it
fails, say why in one line and not in a traceback.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.chart.rendering import CHART

HEALTH, PREDICT, INFER = "/api/v1/health", "/api/v1/predict", "/v2/models/upper-circuit/infer"
RIGHT: dict[str, Any] = {
    HEALTH: {"data_as_of": "2025-12-31"},
    PREDICT: {"probability": 0.25, "model_version": "1.0.0"},
    INFER: {"outputs": [{"name": "label", "data": [0]}, {"name": "probability", "data": [0.25]}]},
}
DATABASE = """
class Error(Exception): pass
class connect:
    def __init__(self, *_, **__): self.rows = [("500001",), ("helm test",)]
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def execute(self, *_): return self
    def fetchone(self): return self.rows.pop()
    def rollback(self): pass
"""


class Api(HTTPServer):
    """Answers what a test says, after so many times 503."""

    def __init__(self, answers: dict[str, Any], *, unready: int = 0, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.unready, self.status = answers, unready, status
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Api

    def do_GET(self) -> None:
        """Answer."""
        api = self.server
        api.asked.append(self.path)
        self.rfile.read(int(self.headers.get("content-length") or 0))
        status = 503 if len(api.asked) <= api.unready else api.status
        body = json.dumps(api.answers[self.path] if status == 200 else {"error": "NOT_YET"}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Answer, whatever was sent."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def serve() -> Iterator[Any]:
    """Starts an Api; all of them end with the test."""
    running: list[Api] = []

    def start(*arguments: Any, **options: Any) -> Api:
        api = Api(*arguments, **options)
        threading.Thread(target=api.serve_forever, args=(0.01,)).start()
        running.append(api)
        return api

    yield start
    for api in running:
        api.shutdown()
        api.server_close()


def ask(url: str, *, seconds: int = 30, database: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program; `database` is a folder with another psycopg than the real one."""
    program = (CHART / "files" / "ask_release.py").read_text(encoding="utf-8")
    env = {**os.environ, "DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
    env |= {"PYTHONPATH": str(database)} if database else {}
    command = [sys.executable, "-c", program, url, str(seconds)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A psycopg that finds one stock."""
    (tmp_path / "psycopg.py").write_text(DATABASE, encoding="utf-8")
    return tmp_path


def test_it_waits_for_pods_that_are_not_ready_yet(serve, database):
    """503 comes from a transformer that has no market or no predictor yet."""
    api = serve(RIGHT, unready=2)

    done = ask(api.url, database=database)

    assert (0, "") == (done.returncode, done.stderr)
    assert [HEALTH, HEALTH, HEALTH, PREDICT, INFER] == api.asked
    assert "open inference protocol: 0.25" in done.stdout


def test_it_waits_where_nobody_listens_yet_and_gives_up_in_one_line():
    """A Service without a ready pod refuses connections."""
    done = ask("http://127.0.0.1:1", seconds=2)

    assert (1, [f"{HEALTH}: <urlopen error [Errno 111] Connection refused>"]) == (
        done.returncode,
        done.stderr.splitlines(),
    )


def test_it_gives_up_with_the_last_503(serve):
    """Which says what is missing."""
    done = ask(serve({}, status=503).url, seconds=1)

    assert (1, [f'{HEALTH}: 503 {{"error": "NOT_YET"}}']) == (done.returncode, done.stderr.splitlines())


def test_another_error_is_asked_once(serve):
    """Waiting does not make a wrong question right."""
    api = serve({}, status=404)

    done = ask(api.url)

    assert (1, [HEALTH]) == (done.returncode, api.asked)
    assert [f'{HEALTH}: 404 {{"error": "NOT_YET"}}'] == done.stderr.splitlines()


def test_a_database_that_is_away_is_said_in_one_line(serve):
    """By psycopg itself, whose own text has several."""
    done = ask(serve(RIGHT).url)

    [line] = done.stderr.splitlines()
    assert (1, True) == (done.returncode, line.startswith("database: connection failed"))


@pytest.mark.parametrize(
    ("path", "answer", "said"),
    [
        (INFER, {"outputs": [{"name": "probability", "data": [0.5]}]}, "the two answers differ"),
        (INFER, {"outputs": []}, "this is not the API's form of an answer: KeyError('probability')"),
        (HEALTH, [], "this is not the API's form of an answer"),
    ],
    ids=["another number", "no number", "another program"],
)
def test_a_wrong_answer_is_told(serve, database, path, answer, said):
    """In one line."""
    done = ask(serve({**RIGHT, path: answer}).url, database=database)

    [line] = done.stderr.splitlines()
    assert (1, True) == (done.returncode, said in line)
