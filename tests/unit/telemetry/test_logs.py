"""Log lines: JSON, with ids, without secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest

from upper_circuit.telemetry import logs

log = logging.getLogger("tests.logs")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged as JSON."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("INFO", stream=stream)
    yield stream
    root.handlers[:], root.level = handlers, level


def told(lines: io.StringIO) -> list[dict[str, Any]]:
    """The lines as objects."""
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_a_line_is_one_object_with_event_level_time_and_fields(lines: io.StringIO) -> None:
    """A constant event and facts beside it: what a machine can count."""
    log.info("shard.finished", extra={"scored": 412, "seconds": {"write": 0.5}})

    [line] = told(lines)
    assert ("shard.finished", "info", 412, {"write": 0.5}) == (
        line["event"], line["level"], line["scored"], line["seconds"],
    )  # fmt: skip
    assert line["timestamp"].endswith("Z")


def test_ids_stand_on_every_line_inside_and_on_none_outside(lines: io.StringIO) -> None:
    """Also where blocks are nested; a field of the line itself goes before."""
    with logs.bound(run_id="r1"):
        with logs.bound(shard=3):
            log.info("inside", extra={"run_id": "its own"})
        log.info("between")
    log.info("outside")

    assert [{"run_id": "its own", "shard": 3}, {"run_id": "r1"}, {}] == [
        {name: line[name] for name in ("run_id", "shard") if name in line} for line in told(lines)
    ]


def test_ids_go_with_a_context_into_another_thread(lines: io.StringIO) -> None:
    """What a request starts elsewhere still belongs to it, and to no other."""
    with logs.bound(request="q1"), ThreadPoolExecutor(1) as thread:
        thread.submit(copy_context().run, log.info, "there").result()

    assert ["q1"] == [line["request"] for line in told(lines)]


def test_lines_below_the_level_are_not_written(lines: io.StringIO) -> None:
    """DEBUG is for those who ask for it."""
    log.debug("detail")

    assert [] == told(lines)


@pytest.mark.parametrize(
    "facts",
    [
        {"password": "hunter2"},
        {"smtp_password": "hunter2"},
        {"headers": {"Authorization": "Bearer hunter2"}},
        {"database": "postgresql://me:hunter2@host/db"},
        {"database": "postgresql://me:/hunter2@9@host/db"},
        {"database": "postgresql://host/db?user=me&password=hunter2"},
        {"tried": ["a", "postgresql+psycopg://me:hunter2@host/db"]},
        {"webhook_url": "https://hooks.example/hunter2"},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_secrets_reach_no_line(lines: io.StringIO, facts: dict[str, Any]) -> None:
    """By the name of a field, at any depth, and inside URLs."""
    log.info("connected", extra=facts)

    assert "hunter2" not in lines.getvalue()
    assert "***" in lines.getvalue()


def fail() -> None:
    """Says too much, and has more in its variables than it says."""
    connect, headers = "host=host password=hunter2", [(b"authorization", b"Bearer hunter2")]
    raise OSError("no route to postgresql://me:hunter2@host/db", len(connect), len(headers))


def test_an_errors_stack_is_in_its_line_without_secrets(lines: io.StringIO) -> None:
    """One line, also for a stack; an error's text may hold a URL with a password."""
    try:
        fail()
    except OSError:
        log.exception("database.away")

    [line] = told(lines)
    assert "OSError" == line["exception"][0]["exc_type"]
    assert ["test_an_errors_stack_is_in_its_line_without_secrets", "fail"] == [
        frame["name"] for frame in line["exception"][0]["frames"]
    ]
    assert "hunter2" not in lines.getvalue()
