"""
The ledger: which runs there were, and who may write.

Processes die, pause and come twice, on one machine as in a cluster, and nobody can tell a paused writer from a dead
one. So nobody is waited for and nobody is believed: whoever takes a shard gets a new token, and rows are only written
in a transaction that finds its token still the newest. A writer that was replaced while it slept changes nothing.

A run under a name that is known is joined (the pods of one Job); a run under a new name replaces those that are still
open for its date and model version: their shards are lost to them, whatever they do afterwards.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import sqlalchemy as sa

from upper_circuit.errors import BadInput, Fenced
from upper_circuit.market.database import Database
from upper_circuit.market.schema import run_attempts, run_shards, runs

UNFINISHED = ("planned", "running")
_LOCK = 7_311_207_005  # PostgreSQL's advisory lock over all changes of `runs`; any number nothing else uses

Clock = Callable[[], float]


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
class Published:
    """What whoever finishes a run leaves in the ledger."""

    report: str
    csv: str


class NoSuchShard(BadInput):
    """This shard can never be scored, whoever tries; others can."""


@dataclass(eq=False)
class RunEnded(Fenced):
    """The run ended, and not by this process: a newer one replaced it."""

    reason: str = ""

    @classmethod
    def of(cls, run: Run) -> RunEnded:
        """For a run that the ledger says has failed."""
        return cls(run.run_id, 0, 0, run.reason or "no reason is on record")

    def __str__(self) -> str:
        return f"run {self.run_id} has ended: {self.reason}"


class Ledger:
    """The run ledger in a database's predictions half, beside the results.

    Args:
        database: where it is.
        worker: who acts, for people: a pod's name or host:pid.
        clock: seconds since 1970-01-01 UTC.
    """

    def __init__(self, database: Database, *, worker: str, clock: Clock = time.time) -> None:
        self._database = database
        self.worker = worker
        self.clock = clock

    def begin(
        self, run_id: str, run_date: date, model_type: str, model_version: str, *, shards: int = 1
    ) -> Run:
        """Begin a run, or join the one that has begun under this name (with the shards it was begun with)."""
        with self.deciding() as connection:
            found = _find(connection, run_id)
            if found:
                return found
            self._replace_unfinished(connection, run_id, run_date, model_version)
            facts = {"run_id": run_id, "run_date": run_date, "shards": shards, "started_at": self._now()}
            connection.execute(
                runs.insert().values(
                    **facts, state="planned", model_type=model_type, model_version=model_version
                )
            )
            connection.execute(
                run_shards.insert(),
                [{"run_id": run_id, "shard": shard, "state": "open", "token": 0} for shard in range(shards)],
            )
            return Run(run_id, "planned", shards, None)

    def skip(self, run_id: str, run_date: date, reason: str) -> None:
        """Record that nothing was to be done on a date; a run of that name that is there already stays."""
        with self.deciding() as connection:
            if _find(connection, run_id) is None:
                now = self._now()
                facts = {"run_id": run_id, "run_date": run_date, "started_at": now, "finished_at": now}
                connection.execute(runs.insert().values(**facts, state="skipped", reason=reason, shards=0))

    def take(self, run_id: str, shard: int) -> Attempt | None:
        """Take a shard, which fences every attempt before; None when it is closed (done, failed or lost)."""
        with self._database.writing("predictions") as connection:
            state = connection.execute(
                sa.select(run_shards.c.state).where(_is_shard(run_id, shard)).with_for_update()
            ).scalar()
            if state is None:
                raise NoSuchShard(f"run {run_id} has no shard {shard}; shards are counted from 0")
            if state != "open":
                return None
            former = (run_attempts.c.run_id == run_id) & (run_attempts.c.shard == shard)
            self._end_attempts(connection, former, "fenced", "taken over")
            taken = run_attempts.insert().values(
                run_id=run_id, shard=shard, worker=self.worker, state="running", started_at=self._now()
            )
            token = connection.execute(taken.returning(run_attempts.c.token)).scalar_one()
            connection.execute(run_shards.update().where(_is_shard(run_id, shard)).values(token=token))
            return Attempt(run_id, shard, token)

    @contextmanager
    def writing(self, attempt: Attempt) -> Iterator[sa.Connection]:
        """The one transaction for a shard's rows; Fenced when the attempt was replaced. End it with `done`."""
        with self._database.writing("predictions") as connection:
            require_newest(connection, attempt)
            yield connection

    def done(
        self,
        connection: sa.Connection,
        attempt: Attempt,
        *,
        scored: int,
        skipped: int,
        seconds: Mapping[str, float],
    ) -> None:
        """Close the shard with its rows; `seconds` by phase: features, model, write."""
        facts = {"scored": scored, "skipped": skipped, "seconds": json.dumps(dict(seconds))}
        connection.execute(
            run_shards.update()
            .where(_is_shard(attempt.run_id, attempt.shard))
            .values(**facts, state="done", finished_at=self._now())
        )
        self._end_attempts(connection, run_attempts.c.token == attempt.token, "done", None)

    def give_up(
        self,
        attempt: Attempt,
        state: Literal["failed", "interrupted", "fenced"],
        reason: str,
        *,
        closing: bool,
    ) -> None:
        """Record that an attempt ended without rows.

        `closing`: nobody will try again, so its shard fails with it, and the run, once no shard is open or done.
        """
        with self.deciding() as connection:
            self._end_attempts(connection, run_attempts.c.token == attempt.token, state, reason)
            if closing:
                closed = connection.execute(
                    run_shards.update()
                    .where(_is_shard(attempt.run_id, attempt.shard), run_shards.c.state == "open")
                    .where(run_shards.c.token == attempt.token)
                    .values(state="failed", reason=reason, finished_at=self._now())
                ).rowcount
                if closed and not {"open", "done"} & set(shard_states(connection, attempt.run_id).values()):
                    self._finish(connection, attempt.run_id, state="failed", reason=reason)

    def close(self, run_id: str, publish: Callable[[sa.Connection], Published]) -> Run | None:
        """Finish a run whose shards are all closed; None when one is open, none is done, or the run is finished.

        `publish` runs inside the transaction that finishes the run: of several who find themselves last one publishes
        at a time, and a run that was replaced publishes nothing. Whoever dies inside leaves the run open, so publishing
        again must do no harm.
        """
        with self.deciding() as connection:
            run, states = _find(connection, run_id), shard_states(connection, run_id)
            if run is None or run.state not in UNFINISHED or "open" in states.values():
                return None
            if "done" not in states.values():
                self._finish(connection, run_id, state="failed", reason="no shard was done")
                return None
            published = publish(connection)
            missing = [f"{shard} {state}" for shard, state in sorted(states.items()) if state != "done"]
            state = "failed" if missing else "done"
            reason = f"shard {', '.join(missing)}" if missing else run.reason
            facts = {"report": published.report, "csv": published.csv}
            self._finish(connection, run_id, state=state, reason=reason, **facts)
            return Run(run_id, state, run.shards, reason)

    def find(self, run_id: str) -> Run | None:
        """A run as it stands now."""
        with self._database.reading("predictions") as connection:
            return _find(connection, run_id)

    @contextmanager
    def deciding(self) -> Iterator[sa.Connection]:
        """A transaction that changes runs; one at a time in the whole database."""
        with self._database.writing("predictions") as connection:
            if not self._database.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            yield connection

    def _replace_unfinished(
        self, connection: sa.Connection, run_id: str, run_date: date, model_version: str
    ) -> None:
        older = connection.scalars(
            sa.select(runs.c.run_id).where(
                runs.c.run_date == run_date,
                runs.c.model_version == model_version,
                runs.c.state.in_(UNFINISHED),
            )
        ).all()
        because = f"replaced by run {run_id}"
        lost = {"state": "lost", "reason": because, "finished_at": self._now()}
        for old in older:
            self._finish(connection, old, state="failed", reason=because)
            self._end_attempts(connection, run_attempts.c.run_id == old, "fenced", because)
            is_open = (run_shards.c.run_id == old) & (run_shards.c.state == "open")
            connection.execute(run_shards.update().where(is_open).values(**lost))

    def _finish(self, connection: sa.Connection, run_id: str, **facts: Any) -> None:
        connection.execute(
            runs.update().where(runs.c.run_id == run_id).values(**facts, finished_at=self._now())
        )

    def _end_attempts(
        self, connection: sa.Connection, which: sa.ColumnElement[bool], state: str, reason: str | None
    ) -> None:
        connection.execute(
            run_attempts.update()
            .where(which, run_attempts.c.state == "running")
            .values(state=state, reason=reason, finished_at=self._now())
        )

    def _now(self) -> int:
        return int(self.clock())


def require_newest(connection: sa.Connection, attempt: Attempt) -> None:
    """Raise Fenced unless the attempt still owns its open shard; on PostgreSQL it does until the transaction ends."""
    row = connection.execute(
        sa.select(run_shards.c.token, run_shards.c.state)
        .where(_is_shard(attempt.run_id, attempt.shard))
        .with_for_update()
    ).one()
    if row != (attempt.token, "open"):
        raise Fenced(attempt.run_id, attempt.shard, attempt.token)


def longest_seconds(connection: sa.Connection, run_id: str) -> dict[str, float]:
    """The longest that any shard of a run took, by phase: shards run side by side."""
    longest: dict[str, float] = {}
    for text in connection.scalars(sa.select(run_shards.c.seconds).where(run_shards.c.run_id == run_id)):
        for phase, seconds in json.loads(text or "{}").items():
            longest[phase] = max(longest.get(phase, 0.0), seconds)
    return longest


def _is_shard(run_id: str, shard: int) -> sa.ColumnElement[bool]:
    return (run_shards.c.run_id == run_id) & (run_shards.c.shard == shard)


def _find(connection: sa.Connection, run_id: str) -> Run | None:
    row = connection.execute(
        sa.select(runs.c.run_id, runs.c.state, runs.c.shards, runs.c.reason).where(runs.c.run_id == run_id)
    ).one_or_none()
    return Run(*row) if row else None


def shard_states(connection: sa.Connection, run_id: str) -> dict[int, str]:
    """Each shard's state: open, done, failed, skipped or lost."""
    query = sa.select(run_shards.c.shard, run_shards.c.state).where(run_shards.c.run_id == run_id)
    return {row.shard: row.state for row in connection.execute(query)}
