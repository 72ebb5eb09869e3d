"""
The history of a rollout: who moved traffic, from what to what, and why.

Rows are only ever added. The time is ours and not the caller's, so that steps stand in the order in which they came.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from transformer.questions import Malformed
from upper_circuit.errors import DatabaseAway
from upper_circuit.market.database import Database
from upper_circuit.market.schema import rollout_steps
from upper_circuit.rollout import ACTIONS, LONGEST

_FIELDS = ("who", "action", "from", "to", "why")


@dataclass(frozen=True, slots=True)
class Step:
    """One step, as it is asked for.

    Guaranteed: the action is one of ACTIONS, texts have at most 500 characters.
    """

    who: str
    action: str
    before: str
    after: str
    why: str

    @classmethod
    def of(cls, document: Any) -> Step:
        """From a request's document; raises Malformed."""
        if not isinstance(document, dict) or set(document) != set(_FIELDS):
            raise Malformed(f"a step has exactly the fields {', '.join(_FIELDS)}")
        for name in _FIELDS:
            if not isinstance(document[name], str) or len(document[name]) > LONGEST or "\0" in document[name]:
                raise Malformed(f"{name} must be a text of at most {LONGEST} characters")
        if document["action"] not in ACTIONS:
            raise Malformed(f"action is {document['action']!r:.40}; {', '.join(ACTIONS)} are known")
        return cls(*(document[name] for name in _FIELDS))


def add(database: Database, step: Step, now: datetime) -> dict[str, Any]:
    """Write a step down; blocking. Raises DatabaseAway."""
    row = {
        "taken_at": int(now.timestamp()),
        "who": step.who,
        "action": step.action,
        "slots_before": step.before,
        "slots_after": step.after,
        "why": step.why,
    }
    try:
        with database.writing("predictions") as connection:
            number = connection.execute(rollout_steps.insert().values(row)).inserted_primary_key
    except sa.exc.SQLAlchemyError as error:
        raise DatabaseAway(f"the step cannot be written: {type(error).__name__}") from error
    return _document({**row, "step": number[0] if number else 0})


def newest(database: Database, limit: int) -> list[dict[str, Any]]:
    """The steps taken last, newest first; blocking. Raises DatabaseAway."""
    asked = sa.select(rollout_steps).order_by(rollout_steps.c.step.desc()).limit(limit)
    try:
        with database.reading("predictions") as connection:
            return [_document(dict(row)) for row in connection.execute(asked).mappings()]
    except sa.exc.SQLAlchemyError as error:
        raise DatabaseAway(f"the steps cannot be read: {type(error).__name__}") from error


def _document(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "step": row["step"],
        "taken_at": datetime.fromtimestamp(row["taken_at"], UTC),
        "who": row["who"],
        "action": row["action"],
        "from": row["slots_before"],
        "to": row["slots_after"],
        "why": row["why"],
    }
