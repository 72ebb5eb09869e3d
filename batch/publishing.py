"""
What a run leaves behind: a shard its rows, and whoever finishes the run three files, and report and CSV in the ledger.

The files are made from the database alone, so that any shard's process can do it, also one that scored nothing, and
so that file and table cannot disagree.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

import sqlalchemy as sa

from batch import store
from batch.files import Places, predictions_csv, skipped_csv, write_all
from batch.ledger import Attempt, Ledger, Published, RunEnded, longest_seconds, shard_states
from batch.plan import Plan
from batch.predictions import Prediction, SkippedStock
from batch.report import BatchReport
from upper_circuit.market.database import Database
from upper_circuit.market.master import Master
from upper_circuit.market.schema import runs

log = logging.getLogger(__name__)


def save(
    database: Database,
    ledger: Ledger,
    attempt: Attempt,
    plan: Plan,
    *,
    predictions: Sequence[Prediction],
    skipped: Sequence[SkippedStock],
    seconds: Mapping[str, float],
) -> None:
    """Write a shard's rows and close it, in one transaction; Fenced when the attempt was replaced.

    `seconds` by phase until now; the phase `write` is added.
    """
    start = perf_counter()
    without_band = store.without_band(database, plan.run_date)
    with ledger.writing(attempt) as connection:
        store.replace(
            connection,
            store.Day(plan.run_date, plan.model_type, plan.model_version),
            predictions,
            skipped,
            others=set(plan.codes).difference(plan.shards[attempt.shard]),
            notes=plan.notes,
            without_band=without_band,
        )
        spent = {**seconds, "write": perf_counter() - start}
        counts = {"scored": len(predictions), "skipped": len(skipped)}
        ledger.done(connection, attempt, **counts, seconds=spent)
    rounded = {phase: round(value, 3) for phase, value in spent.items()}
    log.info("shard.finished", extra={**counts, "model_version": plan.model_version, "seconds": rounded})


def publish(
    database: Database, ledger: Ledger, run_id: str, output: Path, master: Master
) -> BatchReport | None:
    """Finish a run whose shards are closed; None when some are open, or another process finished it.

    Args:
        database: the run's.
        ledger: its ledger.
        run_id: which run.
        output: folder of the files, or the path of the predictions' CSV.
        master: market capitalisations, and names of skipped stocks.

    Raises RunEnded where the run was replaced by a newer one.
    """
    made: list[BatchReport] = []

    def write(connection: sa.Connection) -> Published:
        report = _report(connection, database, run_id, now=ledger.clock(), output=output, master=master)
        made.append(report)
        text, table = report.text, predictions_csv(report.predictions, report.notes)
        write_all(
            {
                report.csv_path: table,
                report.skipped_path: skipped_csv(report.skipped, report.notes),
                report.report_path: text,
            }
        )
        return Published(text, table)

    if ledger.close(run_id, write):
        report = made[-1]
        counts = {"scored": len(report.predictions), "skipped": len(report.skipped)}
        log.info("run.finished", extra={**counts, "locks": len(report.locks), "as_of": report.as_of})
        return report
    run = ledger.find(run_id)
    if run is not None and run.state == "failed":
        raise RunEnded.of(run)
    return None


def _report(
    connection: sa.Connection, database: Database, run_id: str, *, now: float, output: Path, master: Master
) -> BatchReport:
    plan = Plan.from_bytes(
        connection.execute(sa.select(runs.c.plan).where(runs.c.run_id == run_id)).scalar_one()
    )
    day = store.Day(plan.run_date, plan.model_type, plan.model_version)
    states = shard_states(connection, run_id)
    if set(states.values()) != {"done"}:
        # What another run said about the stocks of a shard that failed is not this run's answer.
        store.clear(
            connection,
            day,
            keep=[
                code for shard, codes in enumerate(plan.shards) if states[shard] == "done" for code in codes
            ],
        )
    predictions, skipped = store.read(connection, day, master)
    seconds = longest_seconds(connection, run_id)
    places = Places.of(output, plan.run_date)
    return BatchReport(
        run_id=run_id,
        run_date=plan.run_date,
        as_of=plan.as_of,
        model_type=plan.model_type,
        model_version=plan.model_version,
        f1=plan.f1,
        predictions=tuple(predictions),
        skipped=tuple(skipped),
        notes=plan.notes,
        duration=max(now - plan.began, 0.0),
        feature_seconds=seconds.get("features", 0.0),
        model_seconds=seconds.get("model", 0.0),
        write_seconds=seconds.get("write", 0.0),
        database=_name(database),
        csv_path=places.predictions,
        skipped_path=places.skipped,
        report_path=places.report,
    )


def _name(database: Database) -> str:
    return "predictions.db" if database.is_sqlite else f"database {database.predictions.url.database}"
