"""One plan a run, whoever makes it, and however its maker ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from batch.agreement import LEASE_SECONDS, agree
from batch.ledger import Ledger, Replanned
from batch.ledger_rows import Attempt
from batch.plan import Plan
from tests.factories.batch import asked
from tests.unit.batch.test_plan import plan
from upper_circuit.errors import Fenced
from upper_circuit.market.database import Database

RUN = "2025-11-14"


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """The time now."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time of all shards."""
    return Clock()


@pytest.fixture
def ledger(database: Database, clock: Clock) -> Ledger:
    """A run of two shards has begun."""
    made = Ledger(database, worker="here:1", clock=clock)
    made.begin(RUN, date(2025, 11, 14), "XGBoost", "1.2.0", shards=2)
    return made


def taken(ledger: Ledger, shard: int) -> Attempt:
    """A shard of the run."""
    attempt = ledger.take(RUN, shard)
    assert attempt is not None
    return attempt


def nobody_waits(_seconds: float) -> None:
    """A pause that must not come."""
    pytest.fail("waited")


def never(_renew: Callable[[], None]) -> Plan:
    """A plan that must not be made."""
    pytest.fail("planned again")


def test_the_first_to_ask_makes_the_plan_and_the_others_read_it(ledger: Ledger, database: Database) -> None:
    """The second shard gets the stored plan and makes none."""
    made = agree(ledger, taken(ledger, 0), lambda _renew: plan(), pause=nobody_waits)

    read = agree(ledger, taken(ledger, 1), never, pause=nobody_waits)

    assert plan() == made == read
    assert [("running", "2025-11-13", 7, None, "stale prices: \u0928")] == asked(
        database, "SELECT state, as_of, data_version, lease_owner, reason FROM runs"
    )


def test_a_plan_is_never_made_twice_even_by_its_maker(ledger: Ledger) -> None:
    """Settings and data that changed after the plan was stored do not change it."""
    attempt = taken(ledger, 0)
    agree(ledger, attempt, lambda _renew: plan())

    again = agree(ledger, attempt, never)

    assert plan() == again


def test_others_wait_while_the_planner_shows_signs_of_life(ledger: Ledger, clock: Clock) -> None:
    """A plan may take longer than a lease, if its maker renews it."""
    waited: list[float] = []

    def make(renew: Callable[[], None]) -> Plan:
        for _ in range(4):
            clock.now += LEASE_SECONDS * 0.9
            renew()
        agree_meanwhile(renew)
        return plan()

    def agree_meanwhile(_renew: Callable[[], None]) -> None:
        def give_up(seconds: float) -> None:
            waited.append(seconds)
            raise TimeoutError

        with pytest.raises(TimeoutError):
            agree(ledger, taken(ledger, 1), never, pause=give_up)

    agree(ledger, taken(ledger, 0), make, pause=nobody_waits)

    assert [0.2] == waited


def test_a_planner_that_died_is_replaced_when_its_lease_ran_out(ledger: Ledger, clock: Clock) -> None:
    """Another takes over; the first one, waking, finds its plan not wanted and takes the stored one."""
    second = taken(ledger, 1)

    def make_slowly(_renew: Callable[[], None]) -> Plan:
        clock.now += LEASE_SECONDS + 1
        agree(ledger, second, lambda _renew: plan(data_version=8), pause=nobody_waits)
        return plan(data_version=7)

    agreed = agree(ledger, taken(ledger, 0), make_slowly, pause=nobody_waits)

    assert 8 == agreed.data_version


def test_a_planner_that_failed_gives_the_lease_back_at_once(ledger: Ledger) -> None:
    """Stale prices may be there a minute later: the next one need not wait for a lease to run out."""

    def fail(_renew: Callable[[], None]) -> Plan:
        raise LookupError("stale")

    with pytest.raises(LookupError, match="stale"):
        agree(ledger, taken(ledger, 0), fail)

    assert plan() == agree(ledger, taken(ledger, 1), lambda _renew: plan(), pause=nobody_waits)


def test_a_planner_whose_shard_was_taken_meanwhile_stores_nothing(ledger: Ledger, database: Database) -> None:
    """Planning is under the same token as writing."""

    def make(_renew: Callable[[], None]) -> Plan:
        taken(ledger, 0)
        return plan()

    with pytest.raises(Fenced):
        agree(ledger, taken(ledger, 0), make)

    assert [("planned", None)] == asked(database, "SELECT state, plan FROM runs")


def test_a_lease_is_not_written_anew_with_every_block(
    ledger: Ledger, clock: Clock, database: Database
) -> None:
    """Renewing costs a transaction only every third of a lease."""
    seen = []

    def make(renew: Callable[[], None]) -> Plan:
        for _ in range(12):
            clock.now += LEASE_SECONDS / 12
            renew()
            seen.extend(asked(database, "SELECT lease_until FROM runs"))
        return plan()

    agree(ledger, taken(ledger, 0), make)

    assert 4 == len(set(seen))


def done(ledger: Ledger, shard: int) -> None:
    """Close a shard under the plan that stands."""
    attempt = taken(ledger, shard)
    with ledger.writing(attempt) as connection:
        ledger.done(connection, attempt, scored=1, skipped=0, seconds={})


def newer(_renew: Callable[[], None]) -> Plan:
    """A plan of the state after that of the others."""
    return replace(plan(), data_version=plan().data_version + 1)


def test_a_plan_of_a_state_that_is_gone_is_made_anew_with_the_shards_that_were_done(ledger: Ledger) -> None:
    """Whoever finds out plans; what was done is handed over to be written anew, in the same transaction."""
    agree(ledger, taken(ledger, 0), lambda _: plan())
    done(ledger, 0)
    rewritten: list[tuple[int, list[int]]] = []

    found = agree(
        ledger,
        taken(ledger, 1),
        newer,
        after=plan().data_version,
        rewrite=lambda _connection, given, shards: rewritten.append((given.data_version, list(shards))),
        pause=nobody_waits,
    )

    assert newer(lambda: None) == found
    assert [(found.data_version, [0])] == rewritten


def test_a_newer_plan_that_stands_is_not_made_again(ledger: Ledger) -> None:
    """Several pods find out at once; the second takes what the first made."""
    first, second = taken(ledger, 0), taken(ledger, 1)
    agree(ledger, first, lambda _: plan())
    agree(ledger, first, newer, after=plan().data_version)

    found = agree(ledger, second, never, after=plan().data_version, pause=nobody_waits)

    assert newer(lambda: None) == found


def test_rows_of_the_plan_before_are_refused(ledger: Ledger) -> None:
    """An attempt that sleeps through a new plan is told so when it writes, and keeps its shard."""
    sleeper = taken(ledger, 1)
    agree(ledger, sleeper, lambda _: plan())
    agree(ledger, taken(ledger, 0), newer, after=plan().data_version)

    with (
        pytest.raises(Replanned, match="rows of state"),
        ledger.writing(sleeper, data_version=plan().data_version),
    ):
        pytest.fail("written")

    with ledger.writing(sleeper, data_version=plan().data_version + 1) as connection:
        ledger.done(connection, sleeper, scored=1, skipped=0, seconds={})


def test_a_rewriting_that_fails_leaves_the_plan_before(ledger: Ledger) -> None:
    """Plan and rows change together or not at all."""
    agree(ledger, taken(ledger, 0), lambda _: plan())
    done(ledger, 0)

    def fail(*_given: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        agree(ledger, taken(ledger, 1), newer, after=plan().data_version, rewrite=fail)

    assert plan() == agree(ledger, taken(ledger, 1), never)
