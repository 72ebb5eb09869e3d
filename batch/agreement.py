"""
How the shards of a run come to one plan.

Making a plan takes a pass over the whole market. One process makes it, under a lease that it renews while it works,
and the others wait; when the planner dies, its lease runs out and another takes over. A planner that was only slow
finds its lease gone and its plan not wanted: the plan is stored once and never changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from batch.ledger import Attempt, Ledger, require_newest
from batch.plan import Plan
from upper_circuit.market.schema import runs

LEASE_SECONDS = 30
"""A planner that shows no sign of life for so long is replaced."""
LOOK_AGAIN_SECONDS = 0.2

Renew = Callable[[], None]


def agree(
    ledger: Ledger,
    attempt: Attempt,
    make: Callable[[Renew], Plan],
    *,
    pause: Callable[[float], None] = time.sleep,
) -> Plan:
    """The run's plan: as stored, or made here, or waited for.

    Args:
        ledger: where the run is.
        attempt: who asks; Fenced when it was replaced meanwhile.
        make: makes the plan, and calls what it is handed now and then, which keeps the lease. What it raises goes
            through, after the lease was given back.
        pause: how to wait so many seconds while another process plans.
    """
    lease = _Lease(ledger, attempt)
    while True:
        stored = lease.take()
        if stored:
            return stored
        if lease.is_mine:
            with lease.given_back_on_error():
                plan = make(lease.renew)
            lease.store(plan)  # read back above: another planner may have been first
        else:
            pause(LOOK_AGAIN_SECONDS)


class _Lease:
    def __init__(self, ledger: Ledger, attempt: Attempt) -> None:
        self._ledger = ledger
        self._attempt = attempt
        self._owner = f"{ledger.worker} attempt {attempt.token}"
        self._is_run = runs.c.run_id == attempt.run_id
        self._renew_at = 0.0
        self.is_mine = False

    def take(self) -> Plan | None:
        """The stored plan; without one, the lease is taken where it is free."""
        with self._ledger.deciding() as connection:
            require_newest(connection, self._attempt)
            plan, owner, until = connection.execute(
                sa.select(runs.c.plan, runs.c.lease_owner, runs.c.lease_until).where(self._is_run)
            ).one()
            if plan:
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

    def store(self, plan: Plan) -> None:
        """Make this the run's plan, unless the lease went to another."""
        with self._ledger.deciding() as connection:
            require_newest(connection, self._attempt)
            connection.execute(
                self._update().values(
                    plan=plan.to_bytes(),
                    as_of=plan.as_of,
                    data_version=plan.data_version,
                    state="running",
                    reason="; ".join(plan.notes) or None,
                    lease_owner=None,
                )
            )

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
