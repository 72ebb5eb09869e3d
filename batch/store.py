"""
A morning's rows in the database.

A day run again must leave what a clean run leaves: a stock that is skipped or no longer listed today must not keep
yesterday's answer. So rows are not merged but replaced, those of a whole shard in the one transaction that also proves
the writer's right to do it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from batch import rows
from batch.predictions import Prediction, SkippedStock, ranked
from upper_circuit.market.bands import NO_FIXED_BAND
from upper_circuit.market.database import Database
from upper_circuit.market.master import Master
from upper_circuit.market.schema import daily_predictions, prediction_details, price_bands, skipped_stocks

_TABLES = (daily_predictions, prediction_details, skipped_stocks)
_MOST_PARAMETERS = 10_000
_KEY = ("prediction_date", "model_version")
_PREDICTION = (
    "bse_code", "nse_symbol", "company_name", "predicted_label", "probability", "confidence", "model_type", *_KEY,
)  # fmt: skip
_DETAILS = ("bse_code", "raw_margin", "filled", "notes", *_KEY)
_SKIPPED = ("bse_code", "reason", "detail", *_KEY)


@dataclass(frozen=True, slots=True)
class Day:
    """Whose rows: those of one date and model version."""

    run_date: date
    model_type: str
    model_version: str


def replace(
    connection: sa.Connection,
    day: Day,
    predictions: Sequence[Prediction],
    skipped: Sequence[SkippedStock],
    *,
    others: Collection[str] = (),
    notes: tuple[str, ...] = (),
    without_band: Collection[str] = (),
) -> None:
    """Put these rows in place of those of the day.

    Args:
        connection: holds the transaction.
        day: whose rows.
        predictions: the stocks that were scored.
        skipped: the stocks that were not.
        others: codes of other shards, whose rows stay.
        notes: marks of the run, kept with every prediction.
        without_band: stocks without a fixed price band, which is said with their predictions.
    """
    clear(connection, day, keep=others)
    key = (day.run_date.isoformat(), day.model_version)
    rows.insert(
        connection,
        daily_predictions,
        _PREDICTION,
        (
            (
                p.bse_code,
                p.nse_symbol,
                p.company_name,
                p.label,
                p.probability,
                p.confidence,
                day.model_type,
                *key,
            )
            for p in predictions
        ),
    )
    marked = {True: json.dumps([*notes, NO_FIXED_BAND]), False: json.dumps(notes)}
    patterns = {id(p.filled): p.filled for p in predictions}  # few, shared by thousands
    told = {number: json.dumps(filled, separators=(",", ":")) for number, filled in patterns.items()}
    rows.insert(
        connection,
        prediction_details,
        _DETAILS,
        (
            (p.bse_code, p.margin, told[id(p.filled)], marked[p.bse_code in without_band], *key)
            for p in predictions
        ),
    )
    rows.insert(
        connection, skipped_stocks, _SKIPPED, ((s.bse_code, s.reason, s.detail, *key) for s in skipped)
    )


def without_band(database: Database, run_date: date) -> set[str]:
    """Stocks that have no fixed price band on a date.

    The rule of `Bands.none_fixed`, asked of the database: years of daily lists are two hundred thousand rows, of which
    a morning needs two hundred.
    """
    table = price_bands
    # Few stocks ever had none, and nobody else's lists need to be sorted.
    ever = sa.select(table.c.bse_code).where(table.c.band.is_(None))
    in_effect = sa.func.max(sa.case((table.c.effective_date <= run_date, table.c.effective_date)))
    first = sa.func.min(table.c.effective_date)
    list_of = (
        sa.select(table.c.bse_code, sa.func.coalesce(in_effect, first).label("effective_date"))
        .where(table.c.bse_code.in_(ever))
        .group_by(table.c.bse_code)
        .subquery()
    )
    same = (list_of.c.bse_code == table.c.bse_code) & (list_of.c.effective_date == table.c.effective_date)
    query = sa.select(table.c.bse_code).join(list_of, same).where(table.c.band.is_(None))
    with database.reading("market") as connection:
        return set(connection.scalars(query))


def clear(connection: sa.Connection, day: Day, *, keep: Collection[str]) -> None:
    """Delete every row of the day but those of the codes to keep."""
    kept = set(keep)
    for table in _TABLES:
        of_day = (table.c.prediction_date == day.run_date) & (table.c.model_version == day.model_version)
        if not kept:
            connection.execute(table.delete().where(of_day))
            continue
        present = connection.scalars(sa.select(table.c.bse_code).where(of_day)).all()
        doomed = [code for code in present if code not in kept]
        for at in range(0, len(doomed), _MOST_PARAMETERS):
            codes = doomed[at : at + _MOST_PARAMETERS]
            connection.execute(table.delete().where(of_day, table.c.bse_code.in_(codes)))


def read(connection: sa.Connection, day: Day, master: Master) -> tuple[list[Prediction], list[SkippedStock]]:
    """The day's predictions, ranked and without what was filled, and its skipped stocks, by code."""
    table, details = daily_predictions, prediction_details
    same_row = (
        (details.c.bse_code == table.c.bse_code)
        & (details.c.prediction_date == table.c.prediction_date)
        & (details.c.model_version == table.c.model_version)
    )
    found = connection.execute(
        sa.select(
            table.c.bse_code,
            table.c.nse_symbol,
            table.c.company_name,
            table.c.probability,
            details.c.raw_margin,
            table.c.predicted_label,
            table.c.confidence,
        )
        .join(details, same_row)
        .where(table.c.prediction_date == day.run_date, table.c.model_version == day.model_version)
    ).all()
    predictions = [
        Prediction(
            code, symbol, name, master.get(code).market_cap_cr, probability, margin, label, confidence,
            filled={},
        )
        for code, symbol, name, probability, margin, label, confidence in found
    ]  # fmt: skip
    reasons = connection.execute(
        sa.select(skipped_stocks.c.bse_code, skipped_stocks.c.reason, skipped_stocks.c.detail)
        .where(
            skipped_stocks.c.prediction_date == day.run_date,
            skipped_stocks.c.model_version == day.model_version,
        )
        .order_by(skipped_stocks.c.bse_code)
    ).all()
    skipped = [
        SkippedStock(code, stock.nse_symbol, stock.company_name, reason, detail)
        for code, reason, detail in reasons
        for stock in [master.get(code)]
    ]
    return ranked(predictions), skipped
