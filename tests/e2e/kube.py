"""
A cluster's API, as tests use it.

Every wait has a deadline, and a wait that misses it says what the cluster thought meanwhile: a timeout without events
and logs is a morning lost.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


class GaveUp(AssertionError):
    """Something did not happen in time; the text has the cluster's own story."""


def kubectl(*arguments: str, given: str | None = None, timeout: float = 120) -> str:
    """What kubectl prints; raises CalledProcessError with its stderr in the notes."""
    done = subprocess.run(
        ["kubectl", *arguments], check=False, input=given, capture_output=True, text=True, timeout=timeout
    )
    if done.returncode:
        error = subprocess.CalledProcessError(done.returncode, done.args, done.stdout, done.stderr)
        error.add_note(done.stderr)
        raise error
    return done.stdout


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace, and everything in it."""

    name: str

    def get(self, what: str, *arguments: str) -> Any:
        """Objects as JSON."""
        return json.loads(self.kubectl("get", what, *arguments, "-o", "json"))

    def kubectl(self, *arguments: str, given: str | None = None, timeout: float = 120) -> str:
        """The same in this namespace."""
        return kubectl("-n", self.name, *arguments, given=given, timeout=timeout)

    def apply(self, *objects: dict[str, Any]) -> None:
        """Create or change objects."""
        whole = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "-f", "-", given=json.dumps(whole))

    def pods(self, **labels: str) -> list[dict[str, Any]]:
        """Pods with these labels (component="transformer"), the oldest first."""
        selector = ",".join(f"app.kubernetes.io/{name}={value}" for name, value in labels.items())
        found = self.get("pods", "-l", selector, "--sort-by=.metadata.creationTimestamp")["items"]
        return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]

    def story(self) -> str:
        """Pods, events and the ends of logs, for who reads a failure."""
        parts = [self.kubectl("get", "inferenceservices,jobs,pods", "-o", "wide")]
        events = self.kubectl("get", "events", "--sort-by=.lastTimestamp").splitlines()
        parts.append("\n".join(events[-40:]))
        for pod in self.get("pods")["items"]:
            name = pod["metadata"]["name"]
            try:
                log = self.kubectl("logs", name, "--all-containers", "--tail=15", "--prefix")
            except subprocess.CalledProcessError as error:
                log = error.stderr
            parts.append(f"--- {name}\n{log}")
        return "\n\n".join(parts)

    def wait(self, until: Callable[[], T | None], *, within: float, what: str) -> T:
        """The first true value that `until` gives; GaveUp with the namespace's story after `within` seconds."""
        return wait(until, within=within, what=what, else_show=self.story)


def wait(until: Callable[[], T | None], *, within: float, what: str, else_show: Callable[[], str]) -> T:
    """The first true value that `until` gives, asked five times a second."""
    deadline = time.monotonic() + within
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            found = until()
        except (OSError, subprocess.CalledProcessError, KeyError, ValueError) as error:
            last = error
        else:
            if found:
                return found
        time.sleep(0.2)
    raise GaveUp(f"{what}: not within {within:g} s ({last or 'it never was so'})\n\n{else_show()}")


def has_cluster() -> bool:
    """Whether a cluster answers at KUBECONFIG."""
    if not os.environ.get("KUBECONFIG"):
        return False
    asked = subprocess.run(
        ["kubectl", "get", "--raw", "/readyz"], check=False, capture_output=True, timeout=20
    )
    return asked.returncode == 0
