"""
Real batch processes that die, pause and meet at a chosen moment.

`python -m tests.factories.batch_processes` imports everything once and then forks a process a run, told what to do by
lines of JSON, so that a test of thirty deaths takes seconds. A process sends itself its signal right before the first
SQL statement, or the rename of a file, that contains the text named ("this then that" waits for both): no hook in the
product, no sleep.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class BatchProcesses:
    """The other side of this file, for tests."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self._server = server

    def start(
        self,
        folder: Path,
        *arguments: str,
        at: str | None = None,
        send: signal.Signals | None = None,
        program: str = "batch.__main__",
        **environment: str,
    ) -> int:
        """Start `python -m batch` (or another program) on a folder with `db`, `models` and `out`; its process id.

        `at`: when it is about to execute this, it sends itself the signal. `environment`: further variables.
        """
        number = None if send is None else int(send)
        return int(
            self._ask(
                start=arguments,
                folder=str(folder),
                at=at,
                send=number,
                program=program,
                environment=environment,
            )
        )

    def wait(self, pid: int) -> int:
        """Wait until a process ends or stops: its exit code, or the negative number of the signal."""
        return int(self._ask(wait=pid))

    def run(
        self,
        folder: Path,
        *arguments: str,
        at: str | None = None,
        send: signal.Signals | None = None,
        **environment: str,
    ) -> int:
        """Start and wait."""
        return self.wait(self.start(folder, *arguments, at=at, send=send, **environment))

    def said(self, folder: Path) -> str:
        """What the processes on a folder wrote to stdout and stderr."""
        return (folder / "said.txt").read_text()

    def _ask(self, **command: Any) -> Any:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(command) + "\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())


@contextmanager
def batch_processes() -> Iterator[BatchProcesses]:
    """A server of batch processes; what is left of them ends with it."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.factories.batch_processes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    ) as server:
        yield BatchProcesses(server)
        assert server.stdin is not None
        server.stdin.close()


def _serve() -> None:
    import structlog  # noqa: F401
    import xgboost  # noqa: F401

    import batch.predictor
    import batch.settings  # noqa: F401
    from upper_circuit.models import golden

    golden.require = lambda *_args, **_limits: (
        None
    )  # tested where it belongs; here it would take a second a run
    for line in sys.stdin:
        command = json.loads(line)
        if "wait" in command:
            _, status = os.waitpid(command["wait"], os.WUNTRACED)
            stopped = os.WIFSTOPPED(status)
            answer = -os.WSTOPSIG(status) if stopped else os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if not answer:
                _be_the_batch(command)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _be_the_batch(command: dict[str, Any]) -> None:
    folder = Path(command["folder"])
    said = os.open(folder / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ |= {
        "FEATURE_DBS_PATH": str(folder / "db"),
        "MODEL_REGISTRY_PATH": str(folder / "models"),
        "OUTPUT_DIR": str(folder / "out"),
        **command["environment"],
    }
    if command["at"]:
        _signal_at(command["at"], command["send"])
    code = 1
    try:
        code = importlib.import_module(command["program"]).main(command["start"])
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(code)


def _signal_at(text: str, number: int) -> None:
    import sqlalchemy as sa

    process, awaited = os.getpid(), text.split(" then ")

    def act(what: str) -> None:
        if awaited and awaited[0] in what and os.getpid() == process:
            awaited.pop(0)
            if not awaited:
                os.kill(process, number)

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def before_statement(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        act(statement)

    def before_rename(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename":
            act(f"rename {arguments[1]}")

    sys.addaudithook(before_rename)


if __name__ == "__main__":
    _serve()
