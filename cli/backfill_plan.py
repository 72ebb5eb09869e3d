"""
Which past mornings get a Job, and in which order they are worked through.

What is there already decides, from two sides: the ledger says what became of a date's newest run, and the cluster
whether a Job of the date's name is still there. Of both the one that asks for more wins: a Job that is done is not
thrown away because its run is not on record. Nothing here talks to anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Literal, Protocol

from cli.jobs import JobState
from cli.tables import aligned
from upper_circuit.errors import BadInput

Ended = Literal["complete", "failed", "gone"]
"""How a Job ended; gone: somebody, or its time to live, deleted it."""


class Reprocess(StrEnum):
    """Which dates that had a run get another: each value takes in those before it."""

    NONE = "none"
    FAILED = "failed"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done about a session."""

    day: date
    job: str
    """The name of the date's Job."""
    action: Literal["run", "replace", "leave"]
    found: str
    """What is there, for people."""


class Jobs(Protocol):
    """The Jobs of a release."""

    def start(self, decision: Decision) -> None:
        """Make the date's Job, in place of the one that is there where it is to be replaced."""

    def states(self, names: Sequence[str]) -> Mapping[str, JobState]:
        """How those stand that are there."""


_LEVEL = {
    None: 0,  # nothing is there
    "skipped": 0,  # there was no session then, and there is one now
    "failed": 1,
    "done": 2,
    "complete": 2,
    "planned": 3,
    "running": 3,
}
"""From which value of Reprocess on a run or a Job in this state is repeated; 3: never."""


def require_past(first: date, last: date, *, today: date) -> None:
    """Raise BadInput unless a span can have had its runs: nothing is known of a morning that is to come."""
    if first > last:
        raise BadInput(f"--from {first} is after --to {last}")
    if last > today:
        raise BadInput(f"--to {last} is in the future; today is {today} in Asia/Kolkata")


def decide(
    session: Mapping[str, Any], job: str, job_state: JobState | None, reprocess: Reprocess
) -> Decision:
    """What to do about a session as /api/v1/sessions tells it, and its Job."""
    run = session["run"]
    run_state = run and run["state"]
    level = max(_LEVEL[run_state], _LEVEL[job_state])
    found = "no run" if run is None else f"{run_state}, {run['run_id']}"
    if job_state:
        found += f"; Job {job_state}"
    action: Literal["run", "replace", "leave"] = "replace" if job_state else "run"
    if level > list(Reprocess).index(reprocess):
        action = "leave"
    return Decision(date.fromisoformat(session["day"]), job, action, found)


def planned(decisions: Sequence[Decision], reprocess: Reprocess) -> list[str]:
    """The decisions as a table, and how one would get those that are left."""
    if not decisions:
        return ["no session in these days"]
    rows = [(str(each.day), each.action, each.job, each.found) for each in decisions]
    left = [each for each in decisions if each.action == "leave"]
    count = f"{len(decisions) - len(left)} of {len(decisions)} sessions get a run"
    hint = ""
    if left and reprocess is not Reprocess.COMPLETED:
        hint = " (--reprocess failed repeats failed ones, --reprocess completed also those that are done)"
    return [*aligned([("DATE", "ACTION", "JOB", "THERE IS"), *rows]), count + hint]


def work_through(
    todo: Sequence[Decision], jobs: Jobs, *, most: int, pause: Callable[[], None]
) -> Iterator[tuple[Decision, Ended | None]]:
    """Start the Jobs in order, at most so many at a time; yields each as it starts (None) and as it ends."""
    waiting = list(todo)
    active: dict[str, Decision] = {}
    while waiting or active:
        while waiting and len(active) < most:
            decision = waiting.pop(0)
            jobs.start(decision)
            active[decision.job] = decision
            yield decision, None
        states = jobs.states(list(active))
        over = {name: end for name in active if (end := _end(states.get(name)))}
        for name, end in over.items():
            yield active.pop(name), end
        if active and not over:
            pause()


def _end(state: JobState | None) -> Ended | None:
    """How a Job ended; None while it runs."""
    if state is None:
        return "gone"
    return None if state == "running" else state


def outcome(decision: Decision, ended: Ended, run: Mapping[str, Any] | None) -> tuple[str, bool]:
    """The line about a Job that ended, and whether its date is done; `run`: the newest of the date."""
    if run is None or not run["run_id"].startswith(f"{decision.job}-"):
        return f"{decision.day}  Job {decision.job} is {ended}, and its run is not on record", False
    counts = f"{run['scored']:,} scored, {run['skipped']:,} without a score"
    took = "" if run["seconds"] is None else f" in {run['seconds']} s"
    why = f": {run['reason']}" if run["reason"] else ""
    return f"{decision.day}  {run['state']}{why}: {counts}{took}", run["state"] in {"done", "skipped"}
