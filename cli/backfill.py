"""
`upper-circuit backfill`: the runs of past mornings, as Jobs of the chart.

Which dates want one follows from the ledger and from the Jobs that are there. A Job's name ends in its date, so a date
has one Job at a time, and a backfill that was interrupted goes on when it is asked for again in the same words.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.backfill_plan import Decision, Reprocess, decide, outcome, planned, require_past, work_through
from cli.cluster import RELEASE, ContextOption, NamespaceOption, ReleaseOption, UrlOption
from cli.jobs import JobState, job_from, state_of

if TYPE_CHECKING:
    from cli.api import Ask
    from cli.cluster import Cluster

_LOOK_AGAIN_SECONDS = 2.0


def backfill(
    *,
    since: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first run date.")],
    until: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last run date.")],
    reprocess: Annotated[
        Reprocess,
        typer.Option(help="Dates with a run: leave them, also repeat failed ones, or also those done."),
    ] = Reprocess.NONE,
    max_active: Annotated[int, typer.Option(min=1, help="Jobs at the same time, at most.")] = 2,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    url: UrlOption = None,
    namespace: NamespaceOption = None,
    release: ReleaseOption = RELEASE,
    context: ContextOption = None,
) -> None:
    """Run past mornings as Jobs of the release, oldest first, and wait for them. Ctrl-C leaves those begun alone."""
    from cli.api import ask_at, read
    from cli.cluster import Cluster
    from upper_circuit.market.days import IST

    first, last = since.date(), until.date()
    require_past(first, last, today=datetime.now(IST).date())
    cluster = Cluster.at(context, namespace, release)
    ask = ask_at(url) if url else cluster.ask
    sessions = read(ask, f"/api/v1/sessions?from={first}&to={last}")["sessions"]
    jobs = _ReleaseJobs(cluster, cluster.cron_job("batch"))
    names = [f"{cluster.name}-batch-{each['day']}" for each in sessions]
    there = jobs.states(names)
    decisions = [
        decide(session, name, there.get(name), reprocess)
        for session, name in zip(sessions, names, strict=True)
    ]
    typer.echo("\n".join(planned(decisions, reprocess)))
    todo = [each for each in decisions if each.action != "leave"]
    if not dry_run and todo:
        _run(todo, jobs, ask, most=max_active)


def _run(todo: Sequence[Decision], jobs: _ReleaseJobs, ask: Ask, *, most: int) -> None:
    failed = []
    for decision, ended in work_through(todo, jobs, most=most, pause=lambda: time.sleep(_LOOK_AGAIN_SECONDS)):
        if ended is None:
            typer.echo(f"{decision.day}  begun: Job {decision.job}")
            continue
        line, is_done = outcome(decision, ended, _newest_run(ask, decision))
        typer.echo(line)
        if not is_done:
            failed.append(decision.day)
    typer.echo(f"{len(todo) - len(failed)} of {len(todo)} done")
    typer.echo(f"next: upper-circuit runs {failed[0] if failed else ''}".rstrip())
    if failed:
        raise typer.Exit(1)


def _newest_run(ask: Ask, decision: Decision) -> Mapping[str, Any] | None:
    from cli.api import ApiRefused, read

    try:
        found: Mapping[str, Any] = read(ask, f"/api/v1/runs/{decision.day}")["run"]
    except ApiRefused as error:
        if error.code == "NOTHING_RECORDED":
            return None
        raise
    return found


@dataclass(frozen=True, slots=True)
class _ReleaseJobs:
    """The Jobs of a release, made from its CronJob of the morning run."""

    cluster: Cluster
    cron_job: Mapping[str, Any]

    def start(self, decision: Decision) -> None:
        """Make the date's Job, in place of the one that is there where it is to be replaced."""
        if decision.action == "replace":
            self.cluster.delete(decision.job)
        self.cluster.create(job_from(self.cron_job, decision.job))

    def states(self, names: Sequence[str]) -> Mapping[str, JobState]:
        """How those stand that are there."""
        return {name: state_of(job) for name, job in self.cluster.jobs(names).items()}
