"""
Thousands of broken models against a loader that serves.

    python -m tests.fuzz.model_corpus --count 3000 [--seed 7] [--keep FOLDER]

Each model is published behind the gate's back and promoted, then a process that answers with 1.0.0 reloads. It must
live, go on answering with 1.0.0's own bits, and if it does take the model, then only one that answers with finite
numbers; damage that the manifest does not cover up must be refused, a good model must not. The seed is printed, and
what broke the rules is kept.

Golden rows are asked in a fork here, which takes a thirtieth of a new process; every fiftieth model goes the real way.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import multiprocessing
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry

from tests.factories.models import FINGERPRINT, rows
from tests.factories.registries import Shelf
from tests.fuzz.breaking import Case, cases
from upper_circuit.errors import ModelRejected
from upper_circuit.models import golden
from upper_circuit.models.loader import ModelLoader, Policy
from upper_circuit.models.version import ModelVersion
from upper_circuit.telemetry.metrics import ModelMetrics

GOOD, TRIED = "1.0.0", "1.1.0"
REAL_GATE_EVERY = 50


class Server:
    """The serving process, as the other side of a pipe."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.fuzz.model_corpus", "--serve", str(self._root)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, number: int) -> dict[str, Any] | None:
        """What became of the model that is promoted now; None when the server died of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{number}\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if line:
            found: dict[str, Any] = json.loads(line)
            return found
        self._process.wait()
        self._process = self._start()
        return None

    def end(self) -> None:
        """Close the pipe; the server ends by itself."""
        self._process.communicate()


def serve(root: Path) -> None:
    """Reload at each line of stdin and tell what happened; then go back to the good model."""
    shelf = Shelf(root)
    loader = ModelLoader(
        shelf.registry,
        fingerprint=lambda: FINGERPRINT,
        metrics=ModelMetrics(CollectorRegistry()),
        clock=time.monotonic,
        policy=Policy(tries=1, first_wait=0.0, grace=0.0),
    )
    logging.disable()  # what the loader says of each is told by the harness
    shelf.promote(GOOD)
    matrix = rows(64)
    wanted = loader.load_model().scorer.score(matrix).probability.tobytes()
    apart = golden.ask_apart
    for line in sys.stdin:
        golden.ask_apart = apart if int(line) % REAL_GATE_EVERY == 0 else ask_in_a_fork
        shelf.promote(TRIED)
        model = loader.reload_models().model
        scores = model.scorer.score(matrix)
        contributions = model.scorer.contributions(matrix)
        finite = bool(np.isfinite(scores.probability).all() and np.isfinite(contributions).all())
        shelf.promote(GOOD)
        back = loader.reload_models().model.scorer.score(matrix).probability.tobytes()
        loader.release()
        told = {"served": str(model.served), "because": model.fallback_because, "finite": finite}
        say(json.dumps({**told, "same": back == wanted}))


FORKS = multiprocessing.get_context("forkserver")
"""From a process that has imported XGBoost and never used it: one that has may hang in its children."""
FORKS.set_forkserver_preload(["upper_circuit.models.golden", "xgboost"])


def ask_in_a_fork(folder: Path, version: str, *, memory_limit: int, timeout: float) -> golden.Answers:
    """As `golden.ask_apart`, in a fork of a process; its death is the same refusal."""
    here, there = FORKS.Pipe(duplex=False)
    child = FORKS.Process(target=_ask, args=(folder, memory_limit + (4 << 30), max(1, round(timeout)), there))
    child.start()
    there.close()
    try:
        text = here.recv() if here.poll(timeout) else None
    except EOFError:
        text = None
    child.kill()
    child.join()
    if text is None:
        raise ModelRejected(version, golden.CHECK, f"the fork that scored them ended with {child.exitcode}")
    return golden.Answers(**json.loads(text))


def _ask(folder: Path, memory: int, seconds: int, pipe: Connection) -> None:
    golden._limit_this_process(memory, seconds)
    sys.stderr = io.StringIO()  # what XGBoost says of a broken model is no news here
    pipe.send(json.dumps(asdict(golden.ask(folder))))


def judge(case: Case, found: dict[str, Any] | None) -> str | None:
    """Which rule was broken, or None."""
    if found is None:
        return "the serving process died"
    if not found["same"]:
        return "the good model's answers changed"
    if not found["finite"]:
        return "an answer is not finite"
    if case.must_pass and found["served"] != TRIED:
        return f"a good model was refused: {found['because']}"
    if case.must_fail and found["served"] != GOOD:
        return "a broken model answers"
    return None


def say(line: str) -> None:
    """To stdout, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """0 when every rule held."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), help="where findings go")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve)
        return 0

    say(f"seed {given.seed}")
    root = Path(tempfile.mkdtemp(prefix="model-corpus-"))
    shelf = Shelf(root).put(GOOD)
    server = Server(root)
    told: Counter[str] = Counter()
    findings = 0
    started = time.monotonic()
    for number, case in enumerate(cases(given.count, given.seed, ModelVersion.parse(TRIED))):
        folder = shelf.folder(TRIED)
        shutil.rmtree(folder, ignore_errors=True)
        case.write(folder)
        found = server.ask(number)
        broken = judge(case, found)
        outcome = "accepted" if found and found["served"] == TRIED else "refused"
        told[f"{case.kind}: {outcome}"] += 1
        if broken:
            findings += 1
            kept = given.keep / f"{given.seed}-{number}"
            shutil.copytree(folder, kept, dirs_exist_ok=True)
            say(f"{case.kind} ({case.name}): {broken}; kept in {kept}")
        if number % 500 == 499:
            say(f"{number + 1} models, {findings} findings, {time.monotonic() - started:.0f} s")
    server.end()
    shutil.rmtree(root)
    for kind, count in sorted(told.items()):
        say(f"{count:6} {kind}")
    say(f"{sum(told.values())} models, {findings} findings, {time.monotonic() - started:.0f} s")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
