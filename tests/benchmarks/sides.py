"""
The programs that are compared, as processes on one core, and what they cost.

A side is all of its processes: a transformer that looks fast because its predictor has a core of its own is not
compared with anything. So every process of every side starts on the same core, and CPU time and memory are those of
the whole tree.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.ground import Ground
from upper_circuit.oip import contract

ROOT = Path(__file__).parents[2]
START_SECONDS = 90.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Side:
    """Running processes that answer together on one port."""

    name: str
    port: int
    processes: tuple[subprocess.Popen[bytes], ...]
    start_seconds: float
    """From the first process's start to the answer that it is ready."""

    def cpu_seconds(self) -> float:
        """User and system time of all its processes and of theirs, so far."""
        return sum(_cpu_seconds(pid) for pid in self._pids())

    def megabytes(self) -> float:
        """Proportional set size of all of them."""
        return sum(_pss_kilobytes(pid) for pid in self._pids()) / 1024

    def _pids(self) -> list[int]:
        return [pid for process in self.processes for pid in _tree(process.pid)]


@contextmanager
def ours(ground: Ground, core: int, folder: Path) -> Iterator[Side]:
    """Our pair as in production: one log line a request, metrics, limiter (with a limit out of reach), verification."""
    predictor, api = free_port(), free_port()
    predicting = {"MODEL_REGISTRY_PATH": str(ground.registry), "PREDICTOR_PORT": str(predictor)}
    transforming = {
        "FEATURE_DBS_PATH": str(ground.databases),
        "PREDICTOR_URLS": f"http://127.0.0.1:{predictor}",
        "API_PORT": str(api),
        "RATE_LIMIT_PER_SECOND": "1000000",
    }
    commands = [
        ([sys.executable, "-m", "predictor"], {**predicting, "MODEL_LOAD_BEFORE_READY": "true"}),
        ([sys.executable, "-m", "transformer"], transforming),
    ]
    probes = [(predictor, contract.READY_PATH), (api, contract.READY_PATH)]
    with _side("ours", commands, probes, core, folder) as side:
        yield side


@contextmanager
def stock(ground: Ground, core: int, folder: Path, *, features: str, hop: str) -> Iterator[Side]:
    """A pair on the SDK's defaults: `features` numpy or pandas, `hop` grpc-v2 or v2 (REST)."""
    predictor, grpc, api = free_port(), free_port(), free_port()
    module, name = "tests.benchmarks.peers", ["--model_name", contract.MODEL_NAME]
    uses_grpc = hop == "grpc-v2"
    predicting = [
        *(sys.executable, "-m", f"{module}.xgbserver", *name, "--model_dir", str(ground.model_folder)),
        *("--http_port", str(predictor), "--grpc_port", str(grpc), "--enable_grpc", str(uses_grpc)),
    ]
    transforming = [
        *(sys.executable, "-m", f"{module}.transformer", *name, "--features", features),
        *("--database", str(ground.peers_database), "--http_port", str(api), "--enable_grpc", "False"),
        *("--predictor_protocol", hop, "--predictor_host", f"127.0.0.1:{grpc if uses_grpc else predictor}"),
    ]
    probes = [(predictor, contract.READY_PATH), (api, contract.READY_PATH)]
    with _side(f"{features}-{hop}", [(predicting, {}), (transforming, {})], probes, core, folder) as side:
        yield side


@contextmanager
def trivial(core: int, folder: Path) -> Iterator[Side]:
    """A server that does nothing: the ceiling of what the load can measure."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.trivial", str(port)]
    with _side("trivial", [(command, {})], [(port, "/")], core, folder) as side:
        yield side


@contextmanager
def _side(
    name: str,
    commands: Sequence[tuple[Sequence[str], Mapping[str, str]]],
    probes: Sequence[tuple[int, str]],
    core: int,
    folder: Path,
) -> Iterator[Side]:
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for number, (command, settings) in enumerate(commands):
            log = folder / f"{name}-{number}.log"
            processes.append(_start(command, settings, core, folder, log))
        for process, (port, path), number in zip(processes, probes, range(len(probes)), strict=True):
            _wait(process, port, path, folder / f"{name}-{number}.log")
        yield Side(name, probes[-1][0], tuple(processes), time.perf_counter() - started)
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            _end(process)


def _start(
    command: Sequence[str], settings: Mapping[str, str], core: int, folder: Path, log: Path
) -> subprocess.Popen[bytes]:
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.on_core", str(core), str(_niceness()), *command],
            cwd=folder,  # no .env there
            env={**kept, "PYTHONPATH": str(ROOT), **settings},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )


def _niceness() -> int:
    """Ours: a benchmark that goes before everything else takes its servers along."""
    return os.getpriority(os.PRIO_PROCESS, 0)


def _wait(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"ended with {process.returncode}:\n{log.read_text()[-3000:]}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise RuntimeError(f"not ready within {START_SECONDS:g} s:\n{log.read_text()[-3000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """A TCP port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _tree(pid: int) -> list[int]:
    found = [pid]
    for process in found:
        for task in Path(f"/proc/{process}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _pss_kilobytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
