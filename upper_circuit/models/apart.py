"""
The process of its own that scores golden rows, which can be started before there is a question.

Most of what it takes is the import of numpy and XGBoost, which needs nothing of the model. So a program that lives for
seconds starts it first, while it imports things itself and leaves a CPU idle; hence nothing heavy is imported here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import upper_circuit

_COMMAND = (sys.executable, "-P", "-B", "-m", "upper_circuit.models.golden")
_ready: list[subprocess.Popen[bytes]] = []


@contextmanager
def ahead() -> Iterator[None]:
    """Start the process now; the first who needs one within the block takes it, and the end of the block ends it."""
    _ready.append(_start())
    try:
        yield
    finally:
        while _ready:
            with _ready.pop() as unused:
                unused.kill()


def take() -> subprocess.Popen[bytes]:
    """A process that waits for one line, the arguments of `golden.main` in JSON. The caller waits for its end."""
    try:
        return _ready.pop()
    except IndexError:
        return _start()


def _start() -> subprocess.Popen[bytes]:
    environment = {
        "PYTHONPATH": str(Path(upper_circuit.__file__).parents[1]),
        "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),  # some Pythons find their own library by it
        "OMP_NUM_THREADS": "1",  # each thread would reserve address space of its own
        "OPENBLAS_NUM_THREADS": "1",
    }
    return subprocess.Popen(  # noqa: S603  # our own interpreter and module
        _COMMAND, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
