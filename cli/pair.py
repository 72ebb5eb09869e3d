"""
Transformer and predictor as two processes of this one.

For `serve`, which runs them until Ctrl-C, and for `demo`, which asks them one question. They listen on this machine
only; what they log goes to files, because a person wants to read one line and not two streams of JSON.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from upper_circuit.errors import BadInput, UpperCircuitError

HERE = "127.0.0.1"
_START_SECONDS = 90.0
_STOP_SECONDS = 30.0
_TRIED = 100
"""Stocks among which one that can be scored is looked for: the most that one batch takes."""


class PairFailed(UpperCircuitError):
    """One of the two programs did not start, or ended by itself; the text has its last lines."""


@dataclass(frozen=True, slots=True)
class Running:
    """A pair that answers."""

    url: str
    transformer: subprocess.Popen[bytes]
    predictor: subprocess.Popen[bytes]
    logs: Path

    def ask(self, path: str, document: Any = None) -> Any:
        """GET, or POST a document; the answer, whatever its status. Raises PairFailed when there is none."""
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(  # noqa: S310  # our own loopback address
            self.url + path, body, {"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                return json.load(response)
        except urllib.error.HTTPError as error:
            return json.load(error)
        except OSError as error:
            raise PairFailed(f"{self.url} does not answer: {error}") from error

    def first_answer(self, codes: list[str], morning: date) -> dict[str, Any]:
        """The answer for the first of some stocks that can be scored; raises PairFailed where none can."""
        told = self.ask(
            "/api/v1/batch_predict",
            [{"bse_code": code, "prediction_date": str(morning)} for code in codes[:_TRIED]],
        )
        answers: list[dict[str, Any]] = told if isinstance(told, list) else [told]
        for each in answers:
            if "probability" in each:
                return each
        raise PairFailed(
            answers[0].get("message", "no stock can be scored") if answers else "no stock is listed"
        )

    def wait(self) -> None:
        """Until one of the two ends, which is a failure."""
        while True:
            self.require_running()
            time.sleep(0.2)

    def require_running(self) -> None:
        """Raise PairFailed when one of the two has ended."""
        for name, process in (("predictor", self.predictor), ("transformer", self.transformer)):
            if process.poll() is not None:
                log = self.logs / f"{name}.log"
                raise PairFailed(
                    f"the {name} ended with {process.returncode}; the end of {log}:\n{_end(log)}"
                )


@contextmanager
def pair(settings: Mapping[str, str], *, port: int, logs: Path) -> Iterator[Running]:
    """Both programs, answering; `settings` (database, registry) go to both. Stopped when the block ends."""
    if not _is_free(port):
        raise BadInput(f"port {port} is taken; --port takes another one")
    logs.mkdir(parents=True, exist_ok=True)
    inner = free_port()
    both = {**os.environ, **settings}
    for_predictor = {
        "PREDICTOR_PORT": str(inner),
        "PREDICTOR_LISTEN_HOST": HERE,
        "LOG_DIR": str(logs),
        "MODEL_LOAD_BEFORE_READY": "true",
    }
    for_transformer = {
        "API_PORT": str(port),
        "API_LISTEN_HOST": HERE,
        "PREDICTOR_HOST": f"{HERE}:{inner}",  # which goes before PREDICTOR_URLS, whatever .env says of either
    }
    quick = {"PREDICTOR_DRAIN_SECONDS": "0", "DRAIN_SECONDS": "0"}
    with ExitStack() as stack:
        predictor = stack.enter_context(_started("predictor", {**both, **quick, **for_predictor}, logs))
        transformer = stack.enter_context(_started("transformer", {**both, **quick, **for_transformer}, logs))
        running = Running(f"http://{HERE}:{port}", transformer, predictor, logs)
        _wait_until_healthy(running)
        yield running


@contextmanager
def _started(module: str, environment: Mapping[str, str], logs: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (logs / f"{module}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  # our own modules
            [sys.executable, "-m", module],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us: we stop them, in order
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_healthy(running: Running) -> None:
    deadline = time.monotonic() + _START_SECONDS
    problems: object = ["it does not answer"]
    while time.monotonic() < deadline:
        running.require_running()
        try:
            told = running.ask("/api/v1/health")
        except PairFailed:
            told = {"problems": problems}
        problems = told.get("problems")
        if not problems:
            return
        time.sleep(0.1)
    raise PairFailed(f"not healthy after {_START_SECONDS:g} s: {problems}; logs are in {running.logs}")


def _end(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HERE, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        found: int = probe.getsockname()[1]
        return found
