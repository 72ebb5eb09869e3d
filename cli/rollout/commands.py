"""
What a person types on the way.

Each command is one step that a careful desk would take, and ends by naming the next. The steps that change something
differ in their plan alone; those that look change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.cluster import RELEASE, Cluster, ContextOption, NamespaceOption, ReleaseOption
from cli.rollout import plan, slots
from cli.rollout.plan import Plan, RolloutRefused
from cli.rollout.release import Release
from cli.rollout.state import SLOTS, History
from cli.tables import aligned

app = typer.Typer(
    help="A new model's way into production: two slots, a weight, a judge.", no_args_is_help=True
)

ChartOption = Annotated[Path, typer.Option("--chart", help="The chart the release was made from.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the commands and run none of them.")]
WhyOption = Annotated[str, typer.Option("--why", help="Why, for the audit.")]
PatienceOption = Annotated[
    float, typer.Option("--timeout", help="Seconds to wait until the slot answers.", min=0)
]
_PATIENCE = 600.0
_CHART = Path("charts/upper-circuit")


@app.command()
def start(
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="Such as 1.1.0; must be in the registry.")
    ],
    *,
    weight: Annotated[int, typer.Option(help="Percent of the traffic once it is ready; 0: dark.")] = 0,
    mirror: Annotated[int, typer.Option(help="Percent of the requests it gets a copy of.")] = 0,
    timeout: PatienceOption = _PATIENCE,
    why: WhyOption = "",
    namespace: NamespaceOption = None,
    release: ReleaseOption = RELEASE,
    context: ContextOption = None,
    chart: ChartOption = _CHART,
    dry_run: DryRunOption = False,
) -> None:
    """Start a version in the idle slot; of one that is on trial already, change weight and mirror."""
    found = Release.at(context, namespace, release, chart, dry_run)

    def planned(history: History) -> Plan:
        now = history.now
        if (
            now.are_both_running
            and now.slots[history.newer].version == version
            and now.weights[history.newer] < 100
        ):
            return plan.shift(history, weight=weight, mirror=mirror)
        serving = now.slots[now.active].version or _serving(found.cluster)
        return plan.start(history, version, weight=weight, mirror=mirror, serving=serving)

    found.carry_out(planned, why, patience=timeout)


@app.command()
def promote(
    *,
    timeout: PatienceOption = _PATIENCE,
    why: WhyOption = "",
    namespace: NamespaceOption = None,
    release: ReleaseOption = RELEASE,
    context: ContextOption = None,
    chart: ChartOption = _CHART,
    dry_run: DryRunOption = False,
) -> None:
    """All traffic to the version on trial; the other one stays warm."""
    found = Release.at(context, namespace, release, chart, dry_run)
    found.carry_out(plan.promote, why, patience=timeout)


@app.command()
def rollback(
    *,
    why: WhyOption = "",
    namespace: NamespaceOption = None,
    release: ReleaseOption = RELEASE,
    context: ContextOption = None,
    chart: ChartOption = _CHART,
    dry_run: DryRunOption = False,
) -> None:
    """All traffic back to the version that was there first, in seconds: nothing restarts."""
    found = Release.at(context, namespace, release, chart, dry_run)

    def planned(history: History) -> Plan:
        drifted = slots.drift(history.now, slots.route(found.cluster), found.cluster.name)
        return plan.rollback(history, has_drifted=drifted is not None)

    found.carry_out(planned, why)


@app.command()
def abort(
    *,
    why: WhyOption = "",
    namespace: NamespaceOption = None,
    release: ReleaseOption = RELEASE,
    context: ContextOption = None,
    chart: ChartOption = _CHART,
    dry_run: DryRunOption = False,
) -> None:
    """The version on trial away."""
    Release.at(context, namespace, release, chart, dry_run).carry_out(plan.abort, why)


@app.command()
def finish(
    *,
    why: WhyOption = "",
    namespace: NamespaceOption = None,
    release: ReleaseOption = RELEASE,
    context: ContextOption = None,
    chart: ChartOption = _CHART,
    dry_run: DryRunOption = False,
) -> None:
    """The slot without traffic away; after this there is no quick way back."""
    Release.at(context, namespace, release, chart, dry_run).carry_out(plan.finish, why)


@app.command()
def status(
    *,
    namespace: NamespaceOption = None,
    release: ReleaseOption = RELEASE,
    context: ContextOption = None,
    chart: ChartOption = _CHART,
) -> None:
    """What runs, with which weight, and why something does not."""
    found = Release.at(context, namespace, release, chart)
    _, history = found.look()
    now, there = history.now, slots.route(found.cluster)
    rows = [("SLOT", "VERSION", "VALUES", "ROUTE", "READY")]
    in_route = slots.weights(there, found.cluster.name)[0] if there else None
    troubles = []
    for slot in SLOTS:
        seen = slots.seen(found.cluster, slot)
        version = now.slots[slot].version or "latest" if now.slots[slot].enabled else "off"
        weight = "n/a" if in_route is None else str(in_route[slot])
        rows.append((slot, version, str(now.weights[slot]), weight, _readiness(seen)))
        troubles += [f"slot {slot}: {part}" for part in (seen.parts if seen else ()) if part.why]
    _table(rows)
    typer.echo(f"active: {now.active} (in-cluster clients and the morning run); mirror {now.mirror} %")
    drifted = slots.drift(now, there, found.cluster.name)
    for line in filter(None, [*troubles, drifted]):
        typer.echo(line)
    typer.echo(f"next: {_next(history)}")


@app.command()
def judge(
    *,
    window: Annotated[float, typer.Option(help="Seconds between the two looks at the pods.", min=0)] = 120.0,
    mornings: Annotated[int, typer.Option(help="Newest mornings to compare, at most.", min=1, max=60)] = 40,
    namespace: NamespaceOption = None,
    release: ReleaseOption = RELEASE,
    context: ContextOption = None,
    chart: ChartOption = _CHART,
) -> None:
    """Whether the version on trial should be promoted; exit code 0 promote, 2 roll back, 3 not enough evidence."""
    from cli.rollout import gathering
    from upper_circuit.judging.thresholds import Thresholds
    from upper_circuit.judging.verdict import Decision
    from upper_circuit.judging.verdict import judge as judged

    found = Release.at(context, namespace, release, chart)
    values, history = found.look()
    limits = Thresholds.of(values.get("judge") or {})
    if not values:
        typer.echo("no release of Helm has values here: the judge's limits are its own")
    now = history.now
    if not now.are_both_running:
        raise RolloutRefused(
            f"nothing to judge: only slot {now.active} runs; next: upper-circuit rollout start VERSION"
        )
    stable, canary = (
        gathering.Side(slot, now.slots[slot].version) for slot in (history.older, history.newer)
    )
    typer.echo(f"looking at {canary.version} in slot {canary.slot} beside {stable.version} for {window:g} s")
    evidence = gathering.Gathering(found.cluster, stable, canary).evidence(seconds=window, mornings=mornings)
    verdict = judged(evidence, limits)
    _table(verdict.table())
    for complaint in verdict.complaints:
        typer.echo(f"not seen: {complaint}")
    typer.echo(f"{verdict.decision}: {verdict.because}")
    then = {
        Decision.PROMOTE: "promote",
        Decision.ROLL_BACK: "abort" if now.weights[canary.slot] < 100 else "rollback",
    }
    typer.echo(f"next: upper-circuit rollout {then.get(verdict.decision, 'judge')}")
    raise typer.Exit({Decision.PROMOTE: 0, Decision.ROLL_BACK: 2}.get(verdict.decision, 3))


def _table(rows: Sequence[Sequence[str]]) -> None:
    for line in aligned(rows):
        typer.echo(line)


def _serving(cluster: Cluster) -> str | None:
    from cli.api import read

    told: dict[str, Any] = read(cluster.ask, "/api/v1/health")
    return told.get("model_version")


def _readiness(seen: slots.SlotSeen | None) -> str:
    if seen is None:
        return "not running"
    parts = ", ".join(f"{part.name} {part.ready}/{part.pods}" for part in seen.parts)
    return parts if seen.is_ready else f"no ({parts})"


def _next(history: History) -> str:
    now = history.now
    if not now.are_both_running:
        return "upper-circuit rollout start VERSION"
    if now.weights[history.newer] == 100:
        return "upper-circuit rollout finish"
    return plan.after_start(now, now.slots[history.newer].version, now.weights[history.newer] + now.mirror)
