"""
What two models said of the same mornings, for whoever has to choose between them.

The morning run records a canary's rows beside those of the model that answers; here they are laid side by side, stock
by stock, with what happened since. Nothing is judged: that takes limits, and limits are the reader's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from transformer.errors import NothingRecorded
from transformer.mornings import Morning
from upper_circuit.errors import BadAnswer, DatabaseAway
from upper_circuit.features import FEATURE_NAMES
from upper_circuit.market.database import Database
from upper_circuit.market.schema import daily_predictions, outcomes, prediction_details
from upper_circuit.models.bins import Bins

MOST_MORNINGS = 60
_REACH = timedelta(days=120)
"""Calendar days that hold so many mornings; older ones are not looked for."""
SCORES = "probability"


@dataclass(frozen=True, slots=True)
class Compared:
    """One morning of two models, column by column: row i of each list is the same stock."""

    prediction_date: date
    stable_version: str
    canary_version: str
    missed: int
    """Stocks that only the stable version scored."""
    bse_codes: list[str]
    stable: list[float]
    stable_margin: list[float | None]
    canary: list[float]
    canary_margin: list[float | None]
    labels: list[int | None]
    """None: not known yet, or none by the rule."""

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def mornings_of_both(database: Database, stable: str, canary: str, limit: int) -> list[date]:
    """The newest mornings for which both versions have recorded rows, newest first; blocking. Raises DatabaseAway."""
    table = daily_predictions
    newest = sa.select(sa.func.max(table.c.prediction_date)).where(table.c.model_version == canary)
    try:
        with database.reading("predictions") as connection:
            last = connection.scalar(newest)
            if last is None:
                return []
            found = connection.scalars(
                sa.select(table.c.prediction_date)
                .where(table.c.model_version.in_((stable, canary)), table.c.prediction_date > last - _REACH)
                .group_by(table.c.prediction_date)
                .having(sa.func.count(sa.distinct(table.c.model_version)) == len({stable, canary}))
                .order_by(table.c.prediction_date.desc())
                .limit(limit)
            )
            return list(found)
    except sa.exc.SQLAlchemyError as error:
        raise _away(error) from error


def compared(database: Database, day: date, stable: str, canary: str) -> Compared:
    """One morning of both; blocking. Raises NothingRecorded where one has no rows, DatabaseAway."""
    try:
        with database.reading("predictions") as connection:
            ours, theirs = (_scores(connection, day, version) for version in (stable, canary))
            labels = _labels(connection, day)
    except sa.exc.SQLAlchemyError as error:
        raise _away(error) from error
    for version, rows in ((stable, ours), (canary, theirs)):
        if not rows:
            raise NothingRecorded(f"no predictions of {day} by model {version}")
    codes = sorted(set(ours) & set(theirs))
    return Compared(
        prediction_date=day,
        stable_version=stable,
        canary_version=canary,
        missed=len(set(ours) - set(theirs)),
        bse_codes=codes,
        stable=[ours[code][0] for code in codes],
        stable_margin=[ours[code][1] for code in codes],
        canary=[theirs[code][0] for code in codes],
        canary_margin=[theirs[code][1] for code in codes],
        labels=[labels.get(code) for code in codes],
    )


def drift(database: Database, morning: Morning, told: dict[str, Any]) -> dict[str, Any]:
    """How features of a morning, and recorded scores, lie in the training bins that the predictor told; blocking.

    Scores are missing where that model has not recorded the newest morning yet. Raises BadAnswer, DatabaseAway.
    """
    try:
        version, bins = told["model_version"], {name: Bins(**of) for name, of in told["features"].items()}
        of_scores = Bins(**told["probability"])
        values = morning.matrix.values
        columns = [(name, bins[name], values[:, at]) for at, name in enumerate(FEATURE_NAMES)]
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer(f"the predictor's training bins cannot be read: {error}") from error
    scores = np.array(_newest_scores(database, version))
    if len(scores):
        columns.insert(0, (SCORES, of_scores, scores))
    return {
        "model_version": version,
        "prediction_date": morning.run_date,
        "spreads": [_spread(name, of, found) for name, of, found in columns if len(found)],
    }


def _spread(name: str, bins: Bins, values: np.ndarray[Any, Any]) -> dict[str, Any]:
    now, missing = bins.spread(values)
    return {
        "name": name,
        "trained": [*bins.shares, bins.missing],
        "now": [*now, max(0.0, missing)],
        "rows": len(values),
    }


def _scores(connection: sa.Connection, day: date, version: str) -> dict[str, tuple[float, float | None]]:
    table, details = daily_predictions, prediction_details
    is_same = sa.and_(
        *(table.c[name] == details.c[name] for name in ("bse_code", "prediction_date", "model_version"))
    )
    rows = connection.execute(
        sa.select(table.c.bse_code, table.c.probability, details.c.raw_margin)
        .select_from(table.outerjoin(details, is_same))
        .where(table.c.prediction_date == day, table.c.model_version == version)
    )
    return {code: (probability, margin) for code, probability, margin in rows}


def _labels(connection: sa.Connection, day: date) -> dict[str, int | None]:
    asked = sa.select(outcomes.c.bse_code, outcomes.c.label).where(outcomes.c.prediction_date == day)
    return {code: label for code, label in connection.execute(asked)}  # noqa: C416  # rows are no pairs to a type checker


def _newest_scores(database: Database, version: str) -> list[float]:
    table = daily_predictions
    day = sa.select(sa.func.max(table.c.prediction_date)).where(table.c.model_version == version)
    try:
        with database.reading("predictions") as connection:
            return list(
                connection.scalars(
                    sa.select(table.c.probability).where(
                        table.c.model_version == version, table.c.prediction_date == day.scalar_subquery()
                    )
                )
            )
    except sa.exc.SQLAlchemyError as error:
        raise _away(error) from error


def _away(error: sa.exc.SQLAlchemyError) -> DatabaseAway:
    return DatabaseAway(f"the predictions cannot be read: {type(error).__name__}")
