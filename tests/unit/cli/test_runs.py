"""`upper-circuit runs` as a person sees it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from cli.api import ApiAway, ApiRefused
from cli.runs import listed, shown
from transformer.routes.examples import RUN, RUN_DETAIL
from upper_circuit.errors import BadInput


class _Api(BaseHTTPRequestHandler):
    """Answers as openapi.yaml shows it."""

    def do_GET(self) -> None:
        """Runs, or an error."""
        found: dict[str, tuple[int, bytes]] = {
            "/api/v1/runs?limit=30": (200, json.dumps({"runs": [RUN]}).encode()),
            "/api/v1/runs/2024-11-14": (200, json.dumps(RUN_DETAIL).encode()),
            "/api/v1/runs/2024-11-15": (404, b'{"error": "NOTHING_RECORDED", "message": "no run of 2024-11-15"}'),
        }  # fmt: skip
        status, body = found.get(self.path, (200, b"<html>"))
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the parent's own name
        """Says nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """An API on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Api) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def typed(*words: str) -> list[str]:
    """What the command prints; an error comes out as it is."""
    ended = CliRunner().invoke(app, ["runs", *words])
    if ended.exception:
        raise ended.exception
    return ended.output.splitlines()


def test_runs_are_a_table(url: str) -> None:
    """Aligned, one line a run, with the next command."""
    assert [
        "DATE        STATE  MODEL  SHARDS  SCORED  SKIPPED  TOOK  RUN                                    WHY",
        "2024-11-14  done   1.0.0  4/4     2,012   41       18s   upper-circuit-batch-28859610-6f1c2b0e",
        "next: upper-circuit runs 2024-11-14",
    ] == typed("--url", url)


def test_a_run_is_shown_with_its_shards_and_attempts(url: str) -> None:
    """Times on Asia/Kolkata's clock, which is that of the morning."""
    lines = typed("2024-11-14", "--url", url)

    assert [
        "run          upper-circuit-batch-28859610-6f1c2b0e",
        "date         2024-11-14, prices until 2024-11-13",
        "state        done",
        "model        XGBoost 1.0.0",
        "predictions  1.0.0 (2,012)",
        "began        11-14 07:00:03, took 18s",
        "",
        "SHARD  STATE  SCORED  SKIPPED  SECONDS                             WHY",
        "0      done   503     10       features 1.3, model 0.1, write 0.1",
        "",
        "ATTEMPT  SHARD  STATE  BEGAN           ENDED           WORKER                                WHY",
        "87       0      done   11-14 07:00:04  11-14 07:00:19  upper-circuit-batch-28859610-0-x7k2p",
        "next: upper-circuit runs",
    ] == lines


def test_a_run_that_failed_says_why_and_what_to_do() -> None:
    """The reason of the run, of a shard and of an attempt; then the command that repeats it."""
    told: dict[str, Any] = deepcopy(RUN_DETAIL)
    told["run"] |= {"state": "failed", "reason": "shard 1 lost", "finished_at": None, "seconds": None}
    told["shards"].append(
        {**told["shards"][0], "shard": 1, "state": "lost", "scored": None, "skipped": None, "seconds": {},
         "reason": "its time is over"}
    )  # fmt: skip
    told["attempts"][0] |= {"state": "running", "finished_at": None}
    told["model_versions"] = []

    lines = shown(told)

    assert "state        failed: shard 1 lost" in lines
    assert "predictions  none" in lines
    assert "began        11-14 07:00:03, took -" in lines
    assert any(
        line.startswith("1      lost   -       -        -") and "its time is over" in line for line in lines
    )
    assert "next: upper-circuit backfill --from 2024-11-14 --to 2024-11-14 --reprocess failed" == lines[-1]


def test_what_failed_is_what_to_look_at_next() -> None:
    """Of several runs the newest that failed; shards that are not done are counted by what became of them."""
    failed = {**RUN, "run_date": "2024-11-13", "state": "failed", "reason": "shard 2 lost", "seconds": 83,
              "shards": {"done": 2, "failed": 1, "lost": 1}}  # fmt: skip
    skipped = {**RUN, "state": "skipped", "shards": {}, "model_version": None, "reason": "no session"}

    lines = listed([RUN, failed, skipped])

    assert "2/4, 1 failed, 1 lost" in lines[2]
    assert "1m 23s" in lines[2]
    assert lines[3].endswith("no session")
    assert "next: upper-circuit runs 2024-11-13" == lines[-1]


def test_without_runs_it_says_how_to_begin() -> None:
    """The first command of whoever has just installed it."""
    assert "no runs yet" == listed([])[0]


def test_what_the_api_refuses_is_said_in_its_own_words(url: str) -> None:
    """And what is no API, or not there, is named as that."""
    with pytest.raises(ApiRefused, match="no run of 2024-11-15") as refused:
        typed("2024-11-15", "--url", url)
    assert (404, "NOTHING_RECORDED") == (refused.value.status, refused.value.code)
    with pytest.raises(ApiRefused, match="without JSON: is this the API"):
        typed("2024-11-16", "--url", url)
    with pytest.raises(ApiAway, match="does not answer"):
        typed("--url", "http://127.0.0.1:1")
    with pytest.raises(BadInput, match="http:// or https:// is needed"):
        typed("--url", "localhost:8000")
