"""
The ledger's statements, on a connection that somebody else holds.

What is decided stands in `ledger.py`; here is only how it is read and written, so that one transaction can take several
of these steps: a decision and what follows from it happen together or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from upper_circuit.errors import Fenced
from upper_circuit.market.schema import run_attempts, run_shards, runs

UNFINISHED = ("planned", "running")


@dataclass(frozen=True, slots=True)
class Run:
    """A row of the ledger."""

    run_id: str
    state: str
    """planned, running, done, failed or skipped."""
    shards: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """The right to write one shard of a run, until somebody takes the shard anew."""

    run_id: str
    shard: int
    token: int


@dataclass(frozen=True, slots=True)
class Overview:
    """A run that is not finished, with its shards."""

    run_id: str
    run_date: date
    started_at: int
    shards: dict[int, str]
    """Each one's state."""

    @property
    def is_open(self) -> bool:
        """Whether some shard may still be scored."""
        return "open" in self.shards.values()


def find(connection: sa.Connection, run_id: str) -> Run | None:
    """A run as it stands."""
    row = connection.execute(
        sa.select(runs.c.run_id, runs.c.state, runs.c.shards, runs.c.reason).where(runs.c.run_id == run_id)
    ).one_or_none()
    return Run(*row) if row else None


def unfinished(connection: sa.Connection) -> list[Overview]:
    """Every run that nobody has finished, oldest first."""
    found = connection.execute(
        sa.select(runs.c.run_id, runs.c.run_date, runs.c.started_at)
        .where(runs.c.state.in_(UNFINISHED))
        .order_by(runs.c.started_at, runs.c.run_id)
    ).all()
    return [Overview(*row, shard_states(connection, row.run_id)) for row in found]


def unfinished_of(connection: sa.Connection, run_date: date, versions: Collection[str]) -> list[str]:
    """The unfinished runs of a date that write rows of one of these model versions."""
    query = sa.select(runs.c.run_id).where(
        runs.c.run_date == run_date,
        runs.c.model_version.in_(versions) | runs.c.other_model_version.in_(versions),
        runs.c.state.in_(UNFINISHED),
    )
    return list(connection.scalars(query).all())


def begin(connection: sa.Connection, run_id: str, shards: int, **facts: Any) -> None:
    """A run with its shards, all open."""
    connection.execute(runs.insert().values(run_id=run_id, shards=shards, state="planned", **facts))
    connection.execute(
        run_shards.insert(),
        [{"run_id": run_id, "shard": shard, "state": "open", "token": 0} for shard in range(shards)],
    )


def run_date_of(connection: sa.Connection, run_id: str) -> date:
    """The date of a run that is there."""
    query = sa.select(runs.c.run_date).where(runs.c.run_id == run_id)
    found: date = connection.execute(query).scalar_one()
    return found


def is_shard(run_id: str, shard: int) -> sa.ColumnElement[bool]:
    """Which row of `run_shards`."""
    return (run_shards.c.run_id == run_id) & (run_shards.c.shard == shard)


def require_newest(connection: sa.Connection, attempt: Attempt) -> None:
    """Raise Fenced unless the attempt still owns its open shard; on PostgreSQL it does until the transaction ends."""
    row = connection.execute(
        sa.select(run_shards.c.token, run_shards.c.state)
        .where(is_shard(attempt.run_id, attempt.shard))
        .with_for_update()
    ).one()
    if row != (attempt.token, "open"):
        raise Fenced(attempt.run_id, attempt.shard, attempt.token)


def shard_states(connection: sa.Connection, run_id: str, *, locking: bool = False) -> dict[int, str]:
    """Each shard's state: open, done, failed, skipped or lost; `locking`: nobody changes them until the end."""
    query = sa.select(run_shards.c.shard, run_shards.c.state).where(run_shards.c.run_id == run_id)
    if locking:
        query = query.order_by(run_shards.c.shard).with_for_update()
    return {row.shard: row.state for row in connection.execute(query)}


def shard_reasons(connection: sa.Connection, run_id: str) -> dict[int, str]:
    """Why shards were not done, where it is on record."""
    query = sa.select(run_shards.c.shard, run_shards.c.reason).where(
        run_shards.c.run_id == run_id, run_shards.c.state != "done", run_shards.c.reason.is_not(None)
    )
    return {row.shard: row.reason for row in connection.execute(query.order_by(run_shards.c.shard))}


def longest_seconds(connection: sa.Connection, run_id: str) -> dict[str, float]:
    """The longest that any shard of a run took, by phase: shards run side by side."""
    longest: dict[str, float] = {}
    for text in connection.scalars(sa.select(run_shards.c.seconds).where(run_shards.c.run_id == run_id)):
        for phase, seconds in json.loads(text or "{}").items():
            longest[phase] = max(longest.get(phase, 0.0), seconds)
    return longest


def count(connection: sa.Connection, run_id: str, shard: int, *, scored: int, skipped: int) -> None:
    """Say anew how many stocks of a shard were scored."""
    connection.execute(
        run_shards.update().where(is_shard(run_id, shard)).values(scored=scored, skipped=skipped)
    )


def fail_shard(
    connection: sa.Connection, run_id: str, shard: int, *, token: int, reason: str, now: int
) -> bool:
    """Close a shard as failed; False where it is not open any more, or another's than this token's."""
    failed = run_shards.update().where(
        is_shard(run_id, shard), run_shards.c.state == "open", run_shards.c.token == token
    )
    return bool(connection.execute(failed.values(state="failed", reason=reason, finished_at=now)).rowcount)


def free_lease(connection: sa.Connection, run_id: str, former: sa.ColumnElement[bool]) -> None:
    """Take the lease of the run's plan from these attempts: they cannot store a plan any more."""
    owners = [
        lease_owner(worker, token)
        for worker, token in connection.execute(
            sa.select(run_attempts.c.worker, run_attempts.c.token).where(former)
        )
    ]
    held = (runs.c.run_id == run_id) & runs.c.lease_owner.in_(owners)
    connection.execute(runs.update().where(held).values(lease_owner=None))


def lease_owner(worker: str, token: int) -> str:
    """Who holds a lease, as the ledger names an attempt."""
    return f"{worker} attempt {token}"


def finish(connection: sa.Connection, run_id: str, *, now: int, **facts: Any) -> None:
    """End a run with these facts."""
    connection.execute(runs.update().where(runs.c.run_id == run_id).values(**facts, finished_at=now))


def end_attempts(
    connection: sa.Connection, which: sa.ColumnElement[bool], state: str, reason: str | None, *, now: int
) -> None:
    """End those of these attempts that still run."""
    connection.execute(
        run_attempts.update()
        .where(which, run_attempts.c.state == "running")
        .values(state=state, reason=reason, finished_at=now)
    )


def lose_open_shards(connection: sa.Connection, run_id: str, reason: str, *, now: int) -> None:
    """Take every open shard of a run from whoever has it."""
    is_open = (run_shards.c.run_id == run_id) & (run_shards.c.state == "open")
    connection.execute(
        run_shards.update().where(is_open).values(state="lost", reason=reason, finished_at=now)
    )
    end_attempts(connection, run_attempts.c.run_id == run_id, "fenced", reason, now=now)
