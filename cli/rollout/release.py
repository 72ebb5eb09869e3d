"""
One release, carried from what it is to what was planned.

Plan, say what will be, refuse beside another writer, do it step by step, write it down: in this order for every
command, so that a new one cannot forget the audit.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from cli.cluster import Cluster
from cli.rollout import audit, gitops, slots
from cli.rollout.helm import Helm, HelmFailed, as_values
from cli.rollout.plan import Plan, Ready, RolloutRefused, Upgrade, Value, description
from cli.rollout.state import SLOTS, History
from upper_circuit.errors import UpperCircuitError


@dataclass(frozen=True, slots=True)
class Release:
    """A release with the two ways to it."""

    cluster: Cluster
    helm: Helm
    dry_run: bool = False

    @classmethod
    def at(
        cls, context: str | None, namespace: str | None, release: str, chart: Path, dry_run: bool = False
    ) -> Release:
        """The release of a context and namespace."""
        cluster = Cluster.at(context, namespace, release)
        return cls(cluster, Helm(release, cluster.namespace, chart, context, say=typer.echo), dry_run)

    def carry_out(self, made: Callable[[History], Plan], why: str, *, patience: float = 0.0) -> None:
        """Plan from the history, then do it, unless somebody else writes the values or nothing shall be done.

        `patience`: seconds to wait for a slot that must be ready first.
        """
        values, history = self.look()
        planned = made(history)
        typer.echo(f"{planned.told}\n  from {planned.before}\n  to   {planned.after}")
        self._refuse_beside_another_writer(planned)
        self.helm.require_chart(history.chart)
        changed: dict[str, Value] = {}
        try:
            for step in planned.steps:
                if isinstance(step, Upgrade):
                    self._upgrade(step, description(history.now, {**changed, **step.change}))
                    changed |= step.change
                else:
                    self._wait(step, patience)
        except (UpperCircuitError, KeyboardInterrupt) as stopped:
            if changed and not self.dry_run:
                self._write_down(values, planned.stopped(history.now, changed), _stopped(why, stopped))
            raise
        if self.dry_run:
            typer.echo("nothing was done")
            return
        self._write_down(values, planned, why)
        typer.echo(f"next: {planned.next}")

    def look(self) -> tuple[Mapping[str, Any], History]:
        """Values and revisions; where another writer keeps no release of Helm, no values and what the cluster has."""
        try:
            values = self.helm.values()
            return values, self.helm.history(values)
        except HelmFailed:
            if self.writer() is None:
                raise
            now = slots.observed(self.cluster)
            return {}, History([now], slots.lower_version(now))

    def writer(self) -> str | None:
        """Who else keeps the release as it is; None: only Helm."""
        found = [slots.route(self.cluster), *(slots.inference_service(self.cluster, slot) for slot in SLOTS)]
        return gitops.writer(each["metadata"] for each in found if each)

    def _upgrade(self, step: Upgrade, told: str) -> None:
        if self.dry_run:
            typer.echo(f"+ {shlex.join(self.helm.upgrade_command(step.change, told))}")
        else:
            self.helm.upgrade(step.change, told)

    def _wait(self, step: Ready, patience: float) -> None:
        name = f"{self.cluster.name}-{step.slot}"
        typer.echo(
            f"waiting for slot {step.slot}, as `kubectl rollout status -n {self.cluster.namespace} "
            f"--timeout={patience:g}s deployment/{name}-predictor` does, and the same of {name}-transformer"
        )
        if not self.dry_run:
            slots.wait_until_ready(self.cluster, step.slot, typer.echo, within=patience)

    def _write_down(self, values: Mapping[str, Any], done: Plan, why: str) -> None:
        complaint = audit.record(self.cluster, values, done, why)
        if complaint:
            typer.echo(f"warning: {complaint}", err=True)

    def _refuse_beside_another_writer(self, planned: Plan) -> None:
        other = self.writer()
        if other:
            changes = [as_values(step.change) for step in planned.steps if isinstance(step, Upgrade)]
            raise RolloutRefused(
                f"{other} writes the values of this release, so nothing was changed here. Change them there"
                f"{', one after the other' if len(changes) > 1 else ''}:\n" + "---\n".join(changes)
            )


def _stopped(why: str, because: BaseException) -> str:
    told = f"stopped half way: {str(because) or 'by hand'}"
    return f"{why}; {told}" if why else told
