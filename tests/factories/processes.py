"""The real programs on loopback: started, asked when they are up, and ended."""

from __future__ import annotations

import http.client
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A TCP port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(holds: Callable[[], bool], *, within: float, otherwise: Callable[[], str]) -> None:
    """Ask until something holds; after `within` seconds fail with what `otherwise` tells."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {otherwise()}")
        time.sleep(0.01)


@dataclass
class Program:
    """A server process under test."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str) -> requests.Response:
        """GET, within 10 s."""
        return self.session.get(self.url + path, timeout=10)

    def status(self, path: str) -> int | None:
        """Its status, or None while nobody listens."""
        try:
            return self.get(path).status_code
        except requests.ConnectionError:
            return None

    def wait_for(self, path: str, *, within: float = 60) -> None:
        """Until GET answers 200; fails at once when the process has ended."""

        def answers() -> bool:
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.told()}"
            return self.status(path) == 200

        wait_until(answers, within=within, otherwise=self.told)

    def told(self) -> str:
        """The end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def resident_megabytes(self) -> float:
        """Memory of the process."""
        statm = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii")
        return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self, *, within: float = 40) -> int:
        """SIGTERM, and the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@contextmanager
def predictor(folder: Path, **settings: str) -> Iterator[Program]:
    """`python -m predictor` in an empty folder of its own, listening or about to; ended afterwards."""
    port = free_port()
    with program("predictor", folder, port, {"PREDICTOR_PORT": str(port), **settings}) as started:
        yield started


@contextmanager
def program(module: str, folder: Path, port: int, settings: Mapping[str, str]) -> Iterator[Program]:
    """`python -m module` with these settings and no others."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{module}-{port}.log"
    kept = {
        key: value for key, value in os.environ.items() if key in _PASSED_ON or key.startswith("COVERAGE")
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=folder,
            env={**kept, "PYTHONPATH": str(ROOT), **settings},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    started = Program(process, f"http://127.0.0.1:{port}", log)
    try:
        yield started
    finally:
        started.session.close()
        started.end()


_PASSED_ON = {"PATH", "HOME", "LANG", "TMPDIR"}


def cpu_seconds_of_importing_kserve() -> float:
    """User and system time of `python -c 'import kserve'`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", "import kserve"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cpu_seconds_until_a_predictor_answers(folder: Path) -> float:
    """User and system time of a predictor without a model, when it first says that it is alive."""
    with predictor(folder, MODEL_REGISTRY_PATH="nothing", PREDICTOR_DRAIN_SECONDS="0") as started:
        port = int(started.url.rpartition(":")[2])

        def alive() -> bool:
            assert started.process.poll() is None, started.told()
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                connection.request("GET", "/v2/health/live")
                return connection.getresponse().status == 200
            except ConnectionRefusedError:
                return False
            finally:
                connection.close()

        wait_until(alive, within=60, otherwise=started.told)
        return started.cpu_seconds()
