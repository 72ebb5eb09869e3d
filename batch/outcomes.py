"""
What became of the stocks that were scored: did they lock?

The answer comes a week after the question, by the very rule that training labels by, and is kept beside the predictions
so that two models can be judged on what happened. Once written an outcome stays: a verdict on a model must not change
because a vendor corrected a bar of last year.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from upper_circuit.features import raw
from upper_circuit.market.bands import Bands
from upper_circuit.market.calendar import Calendar, read_calendar
from upper_circuit.market.database import Database
from upper_circuit.market.days import day_of
from upper_circuit.market.market import Market
from upper_circuit.market.reading import read_data_version
from upper_circuit.market.schema import daily_predictions, outcome_dates, outcomes, runs
from upper_circuit.training.label import HORIZON, Labeller, Reason

BLOCK = 1_000
"""Stocks whose bars are in memory at a time: two years of a thousand stocks are 20 MiB."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A date whose outcomes may be known."""

    run_date: date
    is_settled: bool
    """Whether every label that will ever be known is known: 2N sessions are on file."""


def fill_outcomes(database: Database, *, now: int) -> list[date]:
    """Write what is known by now of the stocks predicted on matured dates, and not written yet; gives the dates.

    A date matures with N sessions on file from it on, and is settled with 2N: a stock that was suspended meanwhile may
    have its N bars in between. A date that was looked at is looked at again only when the market database changed, or
    another run for it ended. `now` in seconds since 1970-01-01 UTC.
    """
    with database.reading("market") as connection:
        data_version, calendar = read_data_version(connection), read_calendar(connection)
    due = list(_due(database, calendar, data_version))
    for each in due:
        codes = _without_outcome(database, each.run_date)
        written = 0
        for at in range(0, len(codes), BLOCK):
            labels = _labels(database, calendar, each, codes[at : at + BLOCK])
            _write(database, each, labels, now)
            written += len(labels)
        # A stock whose prices are damaged is waited for: they come back with the next repack.
        is_settled = each.is_settled and written == len(codes)
        _note(database, replace(each, is_settled=is_settled), data_version, now)
    return [each.run_date for each in due]


def _due(database: Database, calendar: Calendar, data_version: int) -> Iterator[_Due]:
    ended = (
        sa.select(runs.c.run_date, sa.func.max(runs.c.finished_at).label("finished_at"))
        .where(runs.c.finished_at.is_not(None), runs.c.plan.is_not(None))
        .group_by(runs.c.run_date)
        .subquery()
    )
    looked = outcome_dates.c
    query = (
        sa.select(ended.c.run_date)
        .outerjoin(outcome_dates, looked.prediction_date == ended.c.run_date)
        .where(
            looked.prediction_date.is_(None)
            | (ended.c.finished_at >= looked.filled_at)
            | ((looked.is_settled == 0) & (looked.data_version != data_version))
        )
        .order_by(ended.c.run_date)
    )
    with database.reading("predictions") as connection:
        dates = connection.scalars(query).all()
    for run_date in dates:
        on_file = int((calendar.traded >= day_of(run_date)).sum())
        if on_file >= HORIZON:
            yield _Due(run_date, is_settled=on_file >= 2 * HORIZON)


def _without_outcome(database: Database, run_date: date) -> list[str]:
    known = sa.select(outcomes.c.bse_code).where(outcomes.c.prediction_date == run_date)
    query = (
        sa.select(daily_predictions.c.bse_code)
        .where(daily_predictions.c.prediction_date == run_date, daily_predictions.c.bse_code.not_in(known))
        .distinct()
        .order_by(daily_predictions.c.bse_code)
    )
    with database.reading("predictions") as connection:
        return list(connection.scalars(query).all())


def _labels(database: Database, calendar: Calendar, due: _Due, codes: Sequence[str]) -> dict[str, int | None]:
    """What is known of these stocks for good: 0, 1, or None where the rule gives no label; of damaged ones nothing."""
    market = Market.load(database, run_date=due.run_date, codes=codes, calendar=calendar)
    labeller = Labeller.of(market, Bands.load(database, market.codes))
    labels = labeller.label(raw(market.as_of(due.run_date)))
    known = labels.reason != Reason.NOT_KNOWN
    found: dict[str, int | None] = {}
    if due.is_settled:
        found = dict.fromkeys(code for code in codes if code not in market.histories.unreadable)
    for at in np.flatnonzero(known):
        is_labelled = labels.reason[at] == Reason.LABELLED
        found[market.codes[at]] = int(labels.values[at]) if is_labelled else None
    return found


def _write(database: Database, due: _Due, labels: dict[str, int | None], now: int) -> None:
    if not labels:
        return
    insert = sqlite.insert if database.is_sqlite else postgresql.insert
    facts = {"prediction_date": due.run_date, "filled_at": now}
    with database.writing("predictions") as connection:
        connection.execute(
            insert(outcomes).on_conflict_do_nothing(),  # another sweeper may have been at it
            [{"bse_code": code, "label": label, **facts} for code, label in labels.items()],
        )


def _note(database: Database, due: _Due, data_version: int, now: int) -> None:
    """Remember that the date was looked at, so that the next sweep need not."""
    insert = sqlite.insert if database.is_sqlite else postgresql.insert
    facts = {"data_version": data_version, "is_settled": int(due.is_settled), "filled_at": now}
    statement = insert(outcome_dates).values(prediction_date=due.run_date, **facts)
    with database.writing("predictions") as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["prediction_date"], set_=facts))
