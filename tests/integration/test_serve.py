"""`upper-circuit serve`: the pair for a person, started and stopped by one command."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.factories.online import OnlineMarket
from tests.factories.processes import ROOT, free_port, wait_until

PASSED_ON = {"PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"}


@contextmanager
def serve(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command, in a folder of its own; ended afterwards."""
    kept = {name: value for name, value in os.environ.items() if name in PASSED_ON}
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "serve", *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def places(online: OnlineMarket) -> list[str]:
    """Where database and registry are."""
    return ["--database", str(online.market.folder), "--registry", str(online.models)]


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """The next lines it prints."""
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n") for _ in range(count)]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_it_says_how_to_ask_and_stops_both(
    online_market: OnlineMarket, tmp_path: Path, how: signal.Signals
) -> None:
    """The line it prints is a question with a right answer; afterwards nobody listens and nothing is left running."""
    port = free_port()
    with serve(tmp_path, *places(online_market), "--port", str(port)) as process:
        head, curl = lines(process, 2)
        asked = shlex.split(curl)
        answer = requests.post(
            asked[2], data=asked[-1], headers={"content-type": "application/json"}, timeout=10
        )
        pids = _children(process.pid)
        process.send_signal(how)
        [goodbye] = lines(process, 1)
        code = process.wait(40)

        assert head.startswith(f"http://127.0.0.1:{port} ")
        assert "curl" == asked[0]
        assert 200 == answer.status_code
        assert 0 <= answer.json()["probability"] <= 1
        assert ("stopping", 0) == (goodbye, code)
        assert 2 == len(pids)
        wait_until(lambda: not any(map(_is_running, pids)), within=10, otherwise=lambda: f"{pids} still run")
        logs = {path.name for path in (tmp_path / "data" / "logs").iterdir()}
        assert {"predictor.log", "transformer.log", "model_load_errors.log"} == logs


def test_it_takes_what_stands_in_the_env_file(online_market: OnlineMarket, tmp_path: Path) -> None:
    """Its port and folder of logs, where no option says otherwise; but the predictor it starts, not another one."""
    port = free_port()
    set_to = {
        "API_PORT": str(port),
        "LOG_DIR": "elsewhere",
        "PREDICTOR_HOST": "away.invalid",
        "PREFERRED_MODEL_VERSION": "7.7.7",
    }
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in set_to.items()))
    with serve(tmp_path, *places(online_market)) as process:
        [head] = lines(process, 1)

        assert head.startswith(f"http://127.0.0.1:{port} ")
        assert "logs: elsewhere," in head
        failures = (tmp_path / "elsewhere" / "model_load_errors.log").read_text(encoding="utf-8")
        assert "7.7.7 is not in" in failures
        assert not (tmp_path / "data").exists()


def test_a_program_that_dies_ends_the_other(online_market: OnlineMarket, tmp_path: Path) -> None:
    """With the end of its log, so that a person sees why."""
    with serve(tmp_path, *places(online_market), "--port", str(free_port())) as process:
        lines(process, 2)
        victim, other = sorted(_children(process.pid), key=lambda pid: "predictor" not in _command(pid))
        os.kill(victim, signal.SIGKILL)
        assert process.stdout is not None
        told = process.stdout.read()

        assert 1 == process.wait(40)
        assert "the predictor ended with -9; the end of data/logs/predictor.log:" in told
        assert "predictor.started" in told
        wait_until(lambda: not _is_running(other), within=10, otherwise=lambda: f"{other} still runs")


def test_what_is_missing_is_one_line(online_market: OnlineMarket, tmp_path: Path) -> None:
    """Said at once, with the command that would help."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        tried = [
            ([*places(online_market)[:2], "--registry", str(tmp_path / "none")], "no version is promoted"),
            (
                ["--database", str(tmp_path / "none"), *places(online_market)[2:]],
                "upper-circuit database upgrade",
            ),
            (
                [*places(online_market), "--port", str(port)],
                f"port {port} is taken; --port takes another one",
            ),
        ]
        for arguments, sentence in tried:
            with serve(tmp_path, *arguments) as process:
                assert process.stdout is not None
                told = process.stdout.read()

                assert 1 == process.wait(40)
                assert re.fullmatch(r"upper-circuit: .+\n", told), told
                assert sentence in told


def _children(pid: int) -> list[int]:
    return [
        int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    ]


def _is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
