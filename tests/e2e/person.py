"""
A person at a terminal: the commands of the documentation, as programs of their own.

What was typed and what came back is printed, so that a failed story can be read, and a good one pasted into the docs.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.jobs import job_from
from tests.e2e.kube import kubectl
from tests.e2e.release import CHART, Release
from tests.factories.retrained import retrained

PROGRAM = Path(sys.executable).with_name("upper-circuit")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a kubeconfig, Helm and the `upper-circuit` command."""

    release: Release

    def types(self, *words: str, code: int = 0, timeout: float = 600) -> str:
        """`upper-circuit ...` in the release's namespace, which must end with this code; what it printed."""
        command = [*words, "--namespace", self.release.namespace.name]
        done = subprocess.run(
            [str(PROGRAM), *command],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            cwd=CHART.parents[1],
        )
        print(f"\n$ upper-circuit {shlex.join(words)}\n{done.stdout}")  # noqa: T201
        assert code == done.returncode, (
            f"{shlex.join(command)}\n{done.stdout}\n{self.release.namespace.story()}"
        )
        return done.stdout

    def rollout(self, *words: str, code: int = 0) -> str:
        """`upper-circuit rollout ...`."""
        return self.types("rollout", *words, code=code)

    def push(self, version: str, registry: Path, *words: str) -> str:
        """`upper-circuit models push`."""
        return self.types("models", "push", version, "--registry", str(registry), *words)

    def registry_with(self, folder: Path, present: str, *versions: str) -> Path:
        """The release's models, with retrained versions beside the present one; pushed."""
        registry = self.copy_registry(folder)
        for version in versions:
            retrained(registry, present, version)
            self.push(version, registry)
        return registry

    def in_cluster(self, name: str, *arguments: str, program: Sequence[str] = (), of: str = "tools") -> str:
        """The same command, or another program, in a pod with the registry's volume; of "ingest": with the drop; its log."""
        cron_job = self.release.namespace.get("cronjob", f"{self.release.name}-{of}")
        job = job_from(cron_job, f"{self.release.name}-{name}", arguments)
        if program:
            job["spec"]["template"]["spec"]["containers"][0]["command"] = list(program)
        self.release.namespace.apply(job)
        status = self.release.ended(job["metadata"]["name"])
        log = self.release.namespace.kubectl("logs", f"job/{job['metadata']['name']}")
        assert status.get("succeeded"), log
        return log

    def copy_registry(self, folder: Path) -> Path:
        """The release's models, as its predictors see them."""
        predictor, *_ = self.release.namespace.pods(instance=self.release.name, component="predictor")
        name = predictor["metadata"]["name"]
        kubectl("-n", self.release.namespace.name, "cp", f"{name}:/mnt/models", str(folder))
        return folder
