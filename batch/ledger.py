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
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Literal

import sqlalchemy as sa

from batch import ledger_rows
from batch.ledger_rows import UNFINISHED, Attempt, Overview, Run, is_shard, require_newest, shard_states
from batch.report import no_list
from upper_circuit.errors import BadInput, DataUnavailable, Fenced
from upper_circuit.market.database import Database
from upper_circuit.market.schema import run_attempts, run_shards, runs

_LOCK = 7_311_207_005  # PostgreSQL's advisory lock over all changes of `runs`; any number nothing else uses

_PATIENCE = "SET LOCAL statement_timeout = '60s'; SET LOCAL idle_in_transaction_session_timeout = '60s'"

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Published:
    """What whoever finishes a run leaves in the ledger."""

    report: str
    csv: str


class NoSuchShard(BadInput):
    """This shard can never be scored, whoever tries; others can."""


class Replanned(DataUnavailable):
    """The run was planned anew, from a newer state of the market, while an attempt made rows of the older one."""


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
        self,
        run_id: str,
        run_date: date,
        model_type: str,
        model_version: str,
        *,
        shards: int = 1,
        other_version: str | None = None,
    ) -> Run:
        """Begin a run, or join the one that has begun under this name (with the shards it was begun with).

        `other_version`: what is scored beside in the same pass, where it can be.
        """
        with self.deciding() as connection:
            found = ledger_rows.find(connection, run_id)
            if found:
                return found
            versions = (model_version, *filter(None, [other_version]))
            self._replace_unfinished(connection, run_id, run_date, versions)
            ledger_rows.begin(
                connection,
                run_id,
                shards,
                run_date=run_date,
                model_type=model_type,
                model_version=model_version,
                other_model_version=other_version,
                started_at=self._now(),
            )
            return Run(run_id, "planned", shards, None)

    def skip(self, run_id: str, run_date: date, reason: str) -> None:
        """Record that nothing was to be done on a date; a run of that name that is there already stays."""
        self._record(run_id, run_date, state="skipped", reason=reason)

    def refuse(self, run_id: str, run_date: date, reason: str) -> None:
        """Record a run that failed before it could begin; one that has begun under this name stays."""
        self._record(
            run_id, run_date, state="failed", reason=reason, report=no_list(run_date, run_id, reason)
        )

    def abandon(self, run_id: str, reason: str) -> None:
        """Nobody will score the shards that are still open: they are lost, whoever has them."""
        with self.deciding() as connection:
            run = ledger_rows.find(connection, run_id)
            if run and run.state in UNFINISHED:
                ledger_rows.lose_open_shards(connection, run_id, reason, now=self._now())

    def take(self, run_id: str, shard: int) -> Attempt | None:
        """Take a shard, which fences every attempt before; None when it is closed (done, failed or lost)."""
        with self._changing() as connection:
            state = connection.execute(
                sa.select(run_shards.c.state).where(is_shard(run_id, shard)).with_for_update()
            ).scalar()
            if state is None:
                raise NoSuchShard(f"run {run_id} has no shard {shard}; shards are counted from 0")
            if state != "open":
                return None
            former = (run_attempts.c.run_id == run_id) & (run_attempts.c.shard == shard)
            ledger_rows.end_attempts(connection, former, "fenced", "taken over", now=self._now())
            ledger_rows.free_lease(connection, run_id, former)
            taken = run_attempts.insert().values(
                run_id=run_id, shard=shard, worker=self.worker, state="running", started_at=self._now()
            )
            token = connection.execute(taken.returning(run_attempts.c.token)).scalar_one()
            connection.execute(run_shards.update().where(is_shard(run_id, shard)).values(token=token))
            return Attempt(run_id, shard, token)

    @contextmanager
    def writing(self, attempt: Attempt, *, data_version: int | None = None) -> Iterator[sa.Connection]:
        """The one transaction for a shard's rows; end it with `done`.

        `data_version`: the state of the market that the rows were made from. Raises Fenced when the attempt was
        replaced, Replanned when the run's plan is of another state by now.
        """
        with self._changing() as connection:
            require_newest(connection, attempt)
            if data_version is not None:
                planned = sa.select(runs.c.data_version).where(runs.c.run_id == attempt.run_id)
                found = connection.execute(planned).scalar_one()
                if found != data_version:
                    raise Replanned(
                        f"run {attempt.run_id} was planned anew from state {found} of the market database, "
                        f"rows of state {data_version} are not its own"
                    )
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
            .where(is_shard(attempt.run_id, attempt.shard))
            .values(**facts, state="done", finished_at=self._now())
        )
        ledger_rows.end_attempts(
            connection, run_attempts.c.token == attempt.token, "done", None, now=self._now()
        )

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
            closed = closing and ledger_rows.fail_shard(
                connection, attempt.run_id, attempt.shard, token=attempt.token, reason=reason, now=self._now()
            )
            ledger_rows.end_attempts(
                connection, run_attempts.c.token == attempt.token, state, reason, now=self._now()
            )
            if closed and not {"open", "done"} & set(shard_states(connection, attempt.run_id).values()):
                self._fail(connection, attempt.run_id, reason)

    def close(self, run_id: str, publish: Callable[[sa.Connection], Published]) -> Run | None:
        """Finish a run whose shards are all closed; None when one is open, none is done, or the run is finished.

        `publish` runs inside the transaction that finishes the run: of several who find themselves last one publishes
        at a time, and a run that was replaced publishes nothing. Whoever dies inside leaves the run open, so publishing
        again must do no harm.
        """
        with self.deciding() as connection:
            run, states = ledger_rows.find(connection, run_id), shard_states(connection, run_id)
            if run is None or run.state not in UNFINISHED or "open" in states.values():
                return None
            if "done" not in states.values():
                reasons = dict.fromkeys(ledger_rows.shard_reasons(connection, run_id).values())
                self._fail(connection, run_id, "; ".join(reasons) or "no shard was done")
                return None
            published = publish(connection)
            missing = [f"{shard} {state}" for shard, state in sorted(states.items()) if state != "done"]
            state = "failed" if missing else "done"
            reason = f"shard {', '.join(missing)}" if missing else run.reason
            facts = {"report": published.report, "csv": published.csv}
            ledger_rows.finish(connection, run_id, state=state, reason=reason, **facts, now=self._now())
            return Run(run_id, state, run.shards, reason)

    def find(self, run_id: str) -> Run | None:
        """A run as it stands now."""
        with self._database.reading("predictions") as connection:
            return ledger_rows.find(connection, run_id)

    @contextmanager
    def deciding(self) -> Iterator[sa.Connection]:
        """A transaction that changes runs; one at a time in the whole database."""
        with self._changing() as connection:
            if not self._database.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            yield connection

    @contextmanager
    def _changing(self) -> Iterator[sa.Connection]:
        """A transaction that the server ends when its owner sleeps in it: what it has locked, others wait for.

        Rows are locked in one order: shards, then their attempts, then the run.
        """
        with self._database.writing("predictions") as connection:
            if not self._database.is_sqlite:
                connection.exec_driver_sql(_PATIENCE)
            yield connection

    def unfinished(self) -> list[Overview]:
        """Every run that nobody has finished, oldest first."""
        with self._database.reading("predictions") as connection:
            return ledger_rows.unfinished(connection)

    def _record(self, run_id: str, run_date: date, **facts: str) -> None:
        """A run that ends as it begins, unless one of that name is there."""
        with self.deciding() as connection:
            if ledger_rows.find(connection, run_id) is None:
                now = self._now()
                times = {"started_at": now, "finished_at": now}
                connection.execute(
                    runs.insert().values(run_id=run_id, run_date=run_date, shards=0, **times, **facts)
                )

    def _replace_unfinished(
        self, connection: sa.Connection, run_id: str, run_date: date, versions: Collection[str]
    ) -> None:
        because = f"replaced by run {run_id}"
        for old in ledger_rows.unfinished_of(connection, run_date, versions):
            ledger_rows.lose_open_shards(connection, old, because, now=self._now())
            ledger_rows.finish(connection, old, state="failed", reason=because, now=self._now())

    def _fail(self, connection: sa.Connection, run_id: str, reason: str) -> None:
        text = no_list(ledger_rows.run_date_of(connection, run_id), run_id, reason)
        ledger_rows.finish(connection, run_id, state="failed", reason=reason, report=text, now=self._now())

    def _now(self) -> int:
        return int(self.clock())
