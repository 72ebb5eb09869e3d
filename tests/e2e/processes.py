"""
The processes of pods, where nodes and tests share a machine.

Kubernetes can end a pod but not make it sleep, and a signal from inside never reaches the first process of a container.
From the machine that the nodes run on it does; elsewhere such a test is skipped and says so.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

PROC = Path("/proc")


def send(pod: dict[str, Any], program: str, number: signal.Signals) -> None:
    """A signal to a pod's program (`batch`), past Kubernetes; the test is skipped where that cannot be done."""
    found = _of(pod, program)
    if not found:
        pytest.skip(
            "processes of pods are not seen from here: the tests run on another machine than the nodes"
        )
    [main] = [pid for pid in found if _parent(pid) not in found]
    os.kill(main, number)


def are_seen(pod: dict[str, Any], program: str) -> bool:
    """Whether signals reach a pod's program from here."""
    return bool(_of(pod, program))


def _of(pod: dict[str, Any], program: str) -> set[int]:
    """Processes in the pod's control group that have the program's name on their command line."""
    uid: str = pod["metadata"]["uid"]
    names = (uid, uid.replace("-", "_"))  # as the kubelet's two drivers write it
    found = set()
    for folder in PROC.glob("[0-9]*"):
        with suppress(OSError):
            group = (folder / "cgroup").read_text()
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if any(name in group for name in names) and program.encode() in words:
                found.add(int(folder.name))
    return found


def _parent(pid: int) -> int:
    with suppress(OSError):
        return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    return 0
