"""
What became of the morning runs, as their ledger has it.

Kubernetes forgets: a Job's status loses the shards that a deadline killed, and the Job itself is gone after a day. The
ledger stands beside the results and stays, so people are told about runs from there, also about those of last month.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from transformer.errors import NothingRecorded
from upper_circuit.errors import DatabaseAway
from upper_circuit.market.calendar import Calendar
from upper_circuit.market.database import Database
from upper_circuit.market.days import date_of, day_of
from upper_circuit.market.schema import daily_predictions, run_attempts, run_shards, runs

_NOTED = ("running", "done")
"""States in which a run's `reason` is what it was marked with, and not why it ended."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run in one line."""

    run_id: str
    run_date: date
    as_of: date | None
    """The newest session whose prices were used; None before the plan."""
    state: str
    """planned, running, done, failed or skipped."""
    reason: str | None
    """Why it failed or was skipped."""
    notes: str | None
    """What the run was marked with: stale prices, tables not loaded."""
    model_type: str | None
    model_version: str | None
    data_version: int | None
    shards: dict[str, int]
    """How many are open, done, failed, skipped or lost."""
    scored: int
    skipped: int
    """Stocks without a score."""
    started_at: datetime
    finished_at: datetime | None
    seconds: int | None
    """From the beginning to the report; None while it runs."""

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


_FACTS = (
    "run_id", "run_date", "as_of", "state", "reason", "model_type", "model_version", "data_version",
    "started_at", "finished_at",
)  # fmt: skip
_COLUMNS = [runs.c[name] for name in _FACTS]
_NEWEST_FIRST = (runs.c.started_at.desc(), runs.c.run_id.desc())


def recent_runs(database: Database, limit: int) -> list[RunFacts]:
    """The runs begun last, newest first; blocking. Raises DatabaseAway."""
    with _reading(database) as connection:
        return _facts(connection, sa.select(*_COLUMNS).order_by(*_NEWEST_FIRST).limit(limit))


def sessions_of(database: Database, calendar: Calendar, first: date, last: date) -> list[dict[str, Any]]:
    """The sessions from `first` to `last`, each with its newest run or None; blocking. Raises DatabaseAway."""
    asked = sa.select(*_COLUMNS).where(runs.c.run_date.between(first, last))
    with _reading(database) as connection:
        found = _facts(connection, asked.order_by(runs.c.started_at, runs.c.run_id))
    newest = {run.run_date: run.document() for run in found}
    days = [date_of(day) for day in calendar.sessions.tolist() if day_of(first) <= day <= day_of(last)]
    return [{"day": day, "run": newest.get(day)} for day in days]


def run_of(database: Database, day: date) -> dict[str, Any]:
    """The newest run of a date with its shards and attempts, for JSON; blocking.

    `model_versions` are all that have predictions of the date, with how many: a run may score two.
    Raises NothingRecorded, DatabaseAway.
    """
    with _reading(database) as connection:
        newest = sa.select(*_COLUMNS).where(runs.c.run_date == day).order_by(*_NEWEST_FIRST).limit(1)
        found = _facts(connection, newest)
        if not found:
            raise NothingRecorded(f"no run of {day}")
        run = found[0]
        return {
            "run": run.document(),
            "model_versions": _versions(connection, day),
            "shards": _shards(connection, run.run_id),
            "attempts": _attempts(connection, run.run_id),
        }


def left_by(database: Database, day: date, what: str) -> tuple[str, str]:
    """Run id and `report` or `csv` of the newest run of a date that has left one; blocking.

    A run that failed half way leaves them too: of the shards that were done. Raises NothingRecorded, DatabaseAway.
    """
    column = runs.c[what]
    with _reading(database) as connection:
        found = connection.execute(
            sa.select(runs.c.run_id, column)
            .where(runs.c.run_date == day, column.is_not(None))
            .order_by(*_NEWEST_FIRST)
            .limit(1)
        ).first()
    if found is None:
        raise NothingRecorded(f"no run of {day} has left a {what}")
    return found[0], found[1]


@contextmanager
def _reading(database: Database) -> Iterator[sa.Connection]:
    try:
        with database.reading("predictions") as connection:
            yield connection
    except sa.exc.SQLAlchemyError as error:
        raise DatabaseAway(f"the runs cannot be read: {type(error).__name__}") from error


def _facts(connection: sa.Connection, asked: sa.Select[Any]) -> list[RunFacts]:
    """The runs that a selection of `_COLUMNS` gives, in its order."""
    rows = connection.execute(asked).all()
    counts = _counts(connection, [row.run_id for row in rows])
    return [_run(row, counts.get(row.run_id, [])) for row in rows]


def _counts(connection: sa.Connection, run_ids: Sequence[str]) -> dict[str, list[sa.Row[Any]]]:
    """Shards by state and sums of stocks, of each run."""
    table = run_shards.c
    sums = (sa.func.sum(column).label(column.name) for column in (table.scored, table.skipped))
    grouped = (
        sa.select(table.run_id, table.state, sa.func.count().label("shards"), *sums)
        .where(table.run_id.in_(run_ids))
        .group_by(table.run_id, table.state)
        .order_by(table.state)
    )
    found: dict[str, list[sa.Row[Any]]] = {}
    for row in connection.execute(grouped):
        found.setdefault(row.run_id, []).append(row)
    return found


def _run(row: sa.Row[Any], counts: Sequence[sa.Row[Any]]) -> RunFacts:
    is_noted = row.state in _NOTED
    return RunFacts(
        run_id=row.run_id,
        run_date=row.run_date,
        as_of=row.as_of,
        state=row.state,
        reason=None if is_noted else row.reason,
        notes=row.reason if is_noted else None,
        model_type=row.model_type,
        model_version=row.model_version,
        data_version=row.data_version,
        shards={each.state: each.shards for each in counts},
        scored=sum(int(each.scored or 0) for each in counts),
        skipped=sum(int(each.skipped or 0) for each in counts),
        started_at=_moment(row.started_at),
        finished_at=None if row.finished_at is None else _moment(row.finished_at),
        seconds=None if row.finished_at is None else row.finished_at - row.started_at,
    )


def _versions(connection: sa.Connection, day: date) -> list[dict[str, Any]]:
    version = daily_predictions.c.model_version
    counted = (
        sa.select(version, sa.func.count())
        .where(daily_predictions.c.prediction_date == day)
        .group_by(version)
        .order_by(version)
    )
    return [{"model_version": found, "predictions": count} for found, count in connection.execute(counted)]


def _shards(connection: sa.Connection, run_id: str) -> list[dict[str, Any]]:
    asked = sa.select(run_shards).where(run_shards.c.run_id == run_id).order_by(run_shards.c.shard)
    return [
        {
            "shard": row.shard,
            "state": row.state,
            "scored": row.scored,
            "skipped": row.skipped,
            "seconds": json.loads(row.seconds or "{}"),
            "reason": row.reason,
            "finished_at": _moment(row.finished_at),
        }
        for row in connection.execute(asked)
    ]


def _attempts(connection: sa.Connection, run_id: str) -> list[dict[str, Any]]:
    asked = sa.select(run_attempts).where(run_attempts.c.run_id == run_id).order_by(run_attempts.c.token)
    return [
        {
            "token": row.token,
            "shard": row.shard,
            "worker": row.worker,
            "state": row.state,
            "reason": row.reason,
            "started_at": _moment(row.started_at),
            "finished_at": _moment(row.finished_at),
        }
        for row in connection.execute(asked)
    ]


def _moment(seconds: int | None) -> Any:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
