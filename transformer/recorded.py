"""
The lists that morning runs have written, for machines that want them whole.

Read from the predictions' database and never made here: what a desk acted on at 07:10 must be what it is shown at noon.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from transformer.errors import NothingRecorded
from upper_circuit.errors import DatabaseAway
from upper_circuit.market.bands import NO_FIXED_BAND
from upper_circuit.market.database import Database
from upper_circuit.market.schema import daily_predictions, prediction_details, runs


@dataclass(frozen=True, slots=True)
class RecordedList:
    """Rows of one morning and model version, by probability, raw margin, code."""

    prediction_date: date
    model_version: str
    model_type: str | None
    notes: str | None
    """What the run was marked with: stale prices, tables not loaded."""
    recorded: int
    """Predictions of that morning, before `top` and `min_probability` cut."""
    predictions: tuple[dict[str, Any], ...]

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


_COLUMNS = (
    "bse_code",
    "nse_symbol",
    "company_name",
    "predicted_label",
    "probability",
    "confidence",
    "prediction_timestamp",
)


def recorded_list(
    database: Database, run_date: date | None, *, top: int, min_probability: float
) -> RecordedList:
    """The list of a morning, of the newest one without a date; blocking. Raises NothingRecorded, DatabaseAway."""
    try:
        with database.reading("predictions") as connection:
            return _read(connection, run_date, top, min_probability)
    except sa.exc.SQLAlchemyError as error:
        raise DatabaseAway(f"the predictions cannot be read: {type(error).__name__}") from error


def _read(connection: sa.Connection, run_date: date | None, top: int, least: float) -> RecordedList:
    table, details = daily_predictions, prediction_details
    day = run_date or connection.scalar(sa.select(sa.func.max(table.c.prediction_date)))
    run = None if day is None else _run(connection, day)
    if day is None or run is None:
        raise NothingRecorded(f"no predictions of {day}" if day else "no predictions at all")
    version, notes = run
    is_listed = (table.c.prediction_date == day) & (table.c.model_version == version)
    is_same = sa.and_(
        *(table.c[name] == details.c[name] for name in ("bse_code", "prediction_date", "model_version"))
    )
    rows = connection.execute(
        sa.select(*(table.c[name] for name in _COLUMNS), details.c.notes)
        .select_from(table.outerjoin(details, is_same))
        .where(is_listed, table.c.probability >= least)
        .order_by(table.c.probability.desc(), details.c.raw_margin.desc(), table.c.bse_code)
        .limit(top)
    )
    facts = connection.execute(
        sa.select(sa.func.count(), sa.func.max(table.c.model_type)).select_from(table).where(is_listed)
    ).one()
    predictions = tuple(
        {
            **dict(zip(_COLUMNS, map(_in_utc, row), strict=True)),
            "has_fixed_band": NO_FIXED_BAND not in json.loads(noted or "[]"),
        }
        for *row, noted in rows
    )
    return RecordedList(day, version, facts[1], notes, facts[0], predictions)


def _in_utc(value: Any) -> Any:
    """SQLite keeps a timestamp's zone to itself; it is UTC."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _run(connection: sa.Connection, day: date) -> tuple[str, str | None] | None:
    """Version and marks of the last run that was done for a day; of its newest row, where the ledger has none."""
    done = connection.execute(
        sa.select(runs.c.model_version, runs.c.reason)
        .where(runs.c.run_date == day, runs.c.state == "done", runs.c.model_version.is_not(None))
        .order_by(runs.c.finished_at.desc())
        .limit(1)
    ).first()
    if done:
        return done[0], done[1]
    newest = connection.scalar(
        sa.select(daily_predictions.c.model_version)
        .where(daily_predictions.c.prediction_date == day)
        .order_by(daily_predictions.c.prediction_timestamp.desc())
        .limit(1)
    )
    return (newest, None) if newest else None
