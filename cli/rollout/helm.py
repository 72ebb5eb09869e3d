"""
Helm, as a program of its own.

The person's own `helm` does the work, with the person's own rights, and every command is printed as it is run, so that
whoever does not trust these commands can type them. Two flags matter. `--force-conflicts`: somebody's emergency
`kubectl patch` of a weight must not stop the next upgrade, which with Helm 4's server-side apply it would.
`--no-hooks`: moving a weight must not wait for the migration of a database that is as it was. And one more for speed:
`--description` puts the slots into the list of revisions, where the next step reads them without asking Helm for the
values of each, which on a busy machine takes a second a revision; a rollback has ten in all.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cli.rollout.plan import Change, Value, state_described
from cli.rollout.state import History, State
from upper_circuit.errors import UpperCircuitError

_SECONDS = 120.0
_REVISIONS = 10
"""How far back the history is read: as many revisions as Helm keeps by itself."""


class HelmFailed(UpperCircuitError):
    """Helm is not there, or said no; the text has what it said."""


@dataclass(frozen=True, slots=True)
class Helm:
    """One release, through `helm`."""

    release: str
    namespace: str
    chart: Path
    context: str | None = None
    program: str = "helm"
    say: Callable[[str], None] = print

    def history(self, newest: Mapping[str, Any]) -> History:
        """The revisions, newest first; `newest` are the values as they are."""
        told = self._read("history", self.release, "--max", str(_REVISIONS), "-o", "json")
        revisions = sorted(told, key=lambda each: int(each["revision"]), reverse=True)
        states = [State.of(newest)]
        for each in revisions[1:]:
            if not states[-1].is_the_same_pair_as(states[0]):
                break  # nobody asks what was before the two of today stood side by side
            described = state_described(each.get("description", ""), has_route=states[0].has_route)
            states.append(described or State.of(self.values(int(each["revision"]))))
        return History(states, chart=str(revisions[0].get("chart", "")) if revisions else "")

    def values(self, revision: int | None = None) -> Mapping[str, Any]:
        """All values of a revision, the chart's defaults too; of the newest without one."""
        at = () if revision is None else ("--revision", str(revision))
        found: Mapping[str, Any] = self._read("get", "values", self.release, "--all", "-o", "json", *at)
        return found

    def require_chart(self, there: str) -> None:
        """Raise HelmFailed unless the chart here is the one the release was made from: a rollout changes slots alone."""
        try:
            of = yaml.safe_load((self.chart / "Chart.yaml").read_text(encoding="utf-8"))
        except OSError as error:
            raise HelmFailed(f"no chart in {self.chart}: name it with --chart") from error
        here = f"{of['name']}-{of['version']}"
        if here != there:
            raise HelmFailed(
                f"the release was made from {there}, {self.chart} is {here}: "
                "upgrade the release first, or give --chart the one it was made from"
            )

    def upgrade_command(self, change: Change, description: str) -> list[str]:
        """The command that changes values and nothing else; the description goes into Helm's history."""
        sets = [word for path, value in change.items() for word in _set(path, value)]
        return [
            *(self.program, "upgrade", self.release, str(self.chart)),
            *self._where(),
            *("--reset-then-reuse-values", "--no-hooks", "--server-side=true", "--force-conflicts"),
            *("--description", description),
            *sets,
        ]

    def upgrade(self, change: Change, description: str) -> None:
        """Change values; the command is printed before it runs."""
        command = self.upgrade_command(change, description)
        self.say(f"+ {shlex.join(command)}")
        self._run(command)

    def _read(self, *words: str) -> Any:
        command = [self.program, *words, *self._where()]
        self.say(f"+ {shlex.join(command)}")
        out = self._run(command)
        try:
            return json.loads(out)
        except ValueError as error:
            raise HelmFailed(f"{shlex.join(command)} answered no JSON: {out[:200]!r}") from error

    def _where(self) -> list[str]:
        return ["-n", self.namespace, *(("--kube-context", self.context) if self.context else ())]

    def _run(self, command: Sequence[str]) -> str:
        if shutil.which(command[0]) is None:
            raise HelmFailed(f"{command[0]} is not in the PATH; Helm 4 is needed")
        try:
            ended = subprocess.run(  # noqa: S603  # the person's own helm, arguments as a list
                command, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise HelmFailed(f"{shlex.join(command)} has not ended after {_SECONDS:g} s") from error
        if ended.returncode:
            raise HelmFailed(f"{shlex.join(command)} failed: {ended.stderr.strip() or ended.stdout.strip()}")
        return ended.stdout


def _set(path: str, value: Value) -> tuple[str, str]:
    """Versions are texts, also 1.1: `--set` would make a number of it."""
    if isinstance(value, bool):
        return "--set", f"{path}={'true' if value else 'false'}"
    return ("--set", f"{path}={value}") if isinstance(value, int) else ("--set-string", f"{path}={value}")


def as_values(change: Change) -> str:
    """A change as a piece of values.yaml, for those who keep values in Git."""
    document: dict[str, Any] = {}
    for path, value in change.items():
        *parents, name = path.split(".")
        at = document
        for parent in parents:
            at = at.setdefault(parent, {})
        at[name] = value
    return yaml.safe_dump(document, sort_keys=True, default_flow_style=False)
