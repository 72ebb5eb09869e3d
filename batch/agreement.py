"""
How the shards of a run come to one plan.

Making a plan takes a pass over the whole market. One process makes it, under a lease that it renews while it works,
and the others wait; when the planner dies, its lease runs out and another takes over. A planner that was only slow
finds its lease gone and its plan not wanted: of one state of the market there is one plan, and it never changes.

Where the market changed before every shard was read, no plan of the state that was can be fulfilled. Then one of those
who found out plans anew, under the same lease, and writes the shards that were done anew in the transaction that stores
the plan: a run's rows are of one state of the market, always (docs/adr/0011).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from batch.ledger import Ledger
from batch.ledger_rows import Attempt, lease_owner, require_newest, shard_states
from batch.plan import Plan
from upper_circuit.market.schema import runs

LEASE_SECONDS = 30
"""A planner that shows no sign of life for so long is replaced."""
LOOK_AGAIN_SECONDS = 0.2

Renew = Callable[[], None]
Rewrite = Callable[[sa.Connection, Plan, Sequence[int]], None]
"""Writes shards anew that were done under the plan before, inside the transaction that stores this one."""


def _nothing_to_rewrite(_connection: sa.Connection, _plan: Plan, _shards: Sequence[int]) -> None:
    """For plans that are the first of their run."""


def agree(
    ledger: Ledger,
    attempt: Attempt,
    make: Callable[[Renew], Plan],
    *,
    after: int | None = None,
    rewrite: Rewrite = _nothing_to_rewrite,
    pause: Callable[[float], None] = time.sleep,
) -> Plan:
    """The run's plan: as stored, or made here, or waited for.

    Args:
        ledger: where the run is.
        attempt: who asks; Fenced when it was replaced meanwhile.
        make: makes the plan, and calls what it is handed now and then, which keeps the lease. What it raises goes
            through, after the lease was given back.
        after: a state of the market that is gone: only the plan of a later one will do. None: any plan.
        rewrite: called where `make` was and its plan takes the place of another.
        pause: how to wait so many seconds while another process plans.
    """
    lease = _Lease(ledger, attempt, after)
    while True:
        stored = lease.take()
        if stored:
            return stored
        if lease.is_mine:
            with lease.given_back_on_error():
                lease.store(make(lease.renew), rewrite)  # read back above: another may have been first
        else:
            pause(LOOK_AGAIN_SECONDS)


class _Lease:
    def __init__(self, ledger: Ledger, attempt: Attempt, after: int | None) -> None:
        self._ledger = ledger
        self._attempt = attempt
        self._after = -1 if after is None else after
        self._owner = lease_owner(ledger.worker, attempt.token)
        self._is_run = runs.c.run_id == attempt.run_id
        self._renew_at = 0.0
        self.is_mine = False

    def take(self) -> Plan | None:
        """The stored plan; without one that will do, the lease is taken where it is free."""
        with self._ledger.deciding() as connection:
            require_newest(connection, self._attempt)
            data_version, owner, until = connection.execute(
                sa.select(runs.c.data_version, runs.c.lease_owner, runs.c.lease_until).where(self._is_run)
            ).one()
            if data_version is not None and data_version > self._after:
                plan = connection.execute(sa.select(runs.c.plan).where(self._is_run)).scalar_one()
                return Plan.from_bytes(plan)
            self.is_mine = owner is None or until <= self._ledger.clock()
            if self.is_mine:
                connection.execute(runs.update().where(self._is_run).values(lease_owner=self._owner))
                self._extend(connection)
            return None

    def renew(self) -> None:
        """Keep the lease; asks the database only every third of its length."""
        if self._ledger.clock() >= self._renew_at:
            with self._ledger.deciding() as connection:
                self._extend(connection)

    def store(self, plan: Plan, rewrite: Rewrite) -> None:
        """Make this the run's plan, unless the lease went to another."""
        with self._ledger.deciding() as connection:
            require_newest(connection, self._attempt)
            states = shard_states(connection, self._attempt.run_id, locking=self._after >= 0)
            stored = connection.execute(
                self._update().values(
                    plan=plan.to_bytes(),
                    as_of=plan.as_of,
                    data_version=plan.data_version,
                    other_model_version=plan.other_version,
                    state="running",
                    reason="; ".join(plan.remarks) or None,
                    lease_owner=None,
                )
            ).rowcount
            done = [shard for shard, state in states.items() if state == "done"]
            if stored and done:
                rewrite(connection, plan, done)

    @contextmanager
    def given_back_on_error(self) -> Iterator[None]:
        """Let the next one plan at once when planning failed."""
        is_made = False
        try:
            yield
            is_made = True
        finally:
            if not is_made:
                with self._ledger.deciding() as connection:
                    connection.execute(self._update().values(lease_owner=None))

    def _extend(self, connection: sa.Connection) -> None:
        now = self._ledger.clock()
        self._renew_at = now + LEASE_SECONDS / 3
        connection.execute(self._update().values(lease_until=int(now) + LEASE_SECONDS))

    def _update(self) -> sa.Update:
        return runs.update().where(self._is_run, runs.c.lease_owner == self._owner)
