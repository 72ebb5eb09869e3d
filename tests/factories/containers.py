"""Containers of a real engine, through the client that DOCKER names; each test takes away what it started."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.factories.processes import ROOT, wait_until

LOCKED_DOWN = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
"""As compose.yaml and the chart start every program."""


@dataclass(frozen=True)
class Engine:
    """An engine that answers."""

    client: tuple[str, ...]

    @classmethod
    def named(cls) -> Engine:
        """That of DOCKER; the test is skipped where it is unset, and fails where nothing answers."""
        client = tuple(shlex.split(os.environ.get("DOCKER", "")))
        if not client:
            pytest.skip("needs a Docker engine: DOCKER names its client")
        engine = cls(client)
        engine.ask("version")
        return engine

    def ask(self, *arguments: str, within: float = 300) -> str:
        """What a command prints; fails with what it says."""
        done = self.attempt(*arguments, within=within)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def attempt(self, *arguments: str, within: float = 300) -> subprocess.CompletedProcess[str]:
        """A command that may fail."""
        return subprocess.run(
            [*self.client, *arguments], capture_output=True, text=True, timeout=within, cwd=ROOT, check=False
        )

    def image(self, program: str) -> str:
        """The image of a program: what IMAGES names (`upper-circuit/*:1.0.0`), else one that is built now."""
        named = os.environ.get("IMAGES")
        if named:
            return named.replace("*", program)
        tag = f"upper-circuit/{program}:test"
        flags = shlex.split(os.environ.get("DOCKER_BUILD", ""))
        self.ask("build", *flags, "-f", f"Dockerfile.{program}", "-t", tag, ".", within=1800)
        return tag

    def facts(self, kind: str, name: str) -> dict[str, Any]:
        """What the engine knows of an image or a container."""
        [found] = json.loads(self.ask(kind, "inspect", name))
        facts: dict[str, Any] = found
        return facts

    @contextmanager
    def network(self) -> Iterator[str]:
        """A network where containers find each other by name."""
        name = _fresh("network")
        self.ask("network", "create", name)
        try:
            yield name
        finally:
            self.ask("network", "rm", name)

    @contextmanager
    def container(self, image: str, *arguments: str, flags: tuple[str, ...] = ()) -> Iterator[Container]:
        """A container in the background."""
        name = _fresh("container")
        self.ask("run", "--detach", "--name", name, *flags, image, *arguments)
        try:
            yield Container(self, name, time.monotonic())
        finally:
            self.ask("rm", "--force", "--volumes", name)


@dataclass(frozen=True)
class Container:
    """A started container."""

    engine: Engine
    name: str
    started: float
    """Of the monotonic clock."""

    def url(self, port: int) -> str:
        """Where a published port is reached from here."""
        return f"http://{self.engine.ask('port', self.name, f'{port}/tcp').splitlines()[0]}"

    def told(self) -> str:
        """What it wrote."""
        done = self.engine.attempt("logs", self.name)
        return done.stdout + done.stderr

    def state(self) -> dict[str, Any]:
        """Whether it runs, its exit code, its health."""
        state: dict[str, Any] = self.engine.facts("container", self.name)["State"]
        return state

    def wait_for(self, url: str, *, within: float = 120) -> float:
        """Until GET answers 200; seconds since the container was started."""

        def answers() -> bool:
            try:
                return requests.get(url, timeout=10).status_code == 200
            except requests.ConnectionError:
                assert self.state()["Running"], self.told()
                return False

        wait_until(answers, within=within, otherwise=self.told)
        return time.monotonic() - self.started

    def stop(self, *, within: int) -> int:
        """SIGTERM, SIGKILL after so many seconds; the exit code, 137 where it was killed."""
        self.engine.ask("stop", "--time", str(within), self.name)
        code: int = self.state()["ExitCode"]
        return code

    def written(self) -> list[str]:
        """Paths that it made or changed outside of volumes."""
        return [line[2:] for line in self.engine.ask("diff", self.name).splitlines()]


def volume(folder: Path) -> str:
    """The flag that puts a folder at /data, open to the containers' user, who is a stranger here."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    return f"--volume={folder}:/data"


def _fresh(kind: str) -> str:
    return f"upper-circuit-test-{kind}-{uuid.uuid4().hex[:8]}"
