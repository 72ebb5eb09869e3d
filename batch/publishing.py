"""
What a run leaves behind: a shard its rows, and whoever finishes the run three files, and report and CSV in the ledger.

The files are made from the database alone, so that any shard's process can do it, also one that scored nothing, and
so that file and table cannot disagree.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import sqlalchemy as sa

from batch import ledger_rows, store
from batch.files import Places, predictions_csv, skipped_csv, write_all
from batch.ledger import Ledger, Published, RunEnded
from batch.ledger_rows import Attempt
from batch.plan import Plan
from batch.report import BatchReport
from batch.scoring import ShardRows
from upper_circuit.market.database import Database
from upper_circuit.market.master import Master
from upper_circuit.market.schema import runs

log = logging.getLogger(__name__)

INCOMPLETE = "the list is incomplete"
"""What the aside of a report begins with that says how many stocks are missing; who is told of a list looks for it."""


@dataclass(eq=False)
class ListIncomplete(Exception):
    """A part of a run failed for good, and the list was published without it.

    Not the failure, which is `because` and has its own exit code, but the report beside it: the process that publishes
    is the only one that will ever have it in hand.
    """

    report: BatchReport
    because: Exception

    def __str__(self) -> str:
        return f"the list was published without a part that failed: {self.because}"


def save(
    database: Database,
    ledger: Ledger,
    attempt: Attempt,
    plan: Plan,
    *,
    rows: ShardRows,
    seconds: Mapping[str, float],
) -> None:
    """Write a shard's rows and close it, in one transaction.

    `seconds` by phase until now; the phase `write` is added. Raises Fenced when the attempt was replaced, Replanned
    when the plan was.
    """
    start = perf_counter()
    without_band = store.without_band(database, plan.run_date)
    with ledger.writing(attempt, data_version=plan.data_version) as connection:
        _replace(connection, plan, [attempt.shard], rows, without_band)
        spent = {**seconds, "write": perf_counter() - start}
        counts = _counts(plan, rows)
        ledger.done(connection, attempt, **counts, seconds=spent)
    rounded = {phase: round(value, 3) for phase, value in spent.items()}
    log.info("shard.finished", extra={**counts, "model_version": plan.model_version, "seconds": rounded})


def rewrite(
    connection: sa.Connection,
    run_id: str,
    plan: Plan,
    shards: Sequence[int],
    *,
    rows: ShardRows,
    without_band: Collection[str],
) -> None:
    """Write shards anew that were done under another plan, in the transaction that stores this one.

    `rows` may be of more stocks than theirs.
    """
    theirs = rows.of([code for shard in shards for code in plan.shards[shard]])
    _replace(connection, plan, shards, theirs, without_band)
    for shard in shards:
        ledger_rows.count(connection, run_id, shard, **_counts(plan, rows.of(plan.shards[shard])))
    log.warning("run.replanned", extra={"shards": list(shards), "data_version": plan.data_version})


def _replace(
    connection: sa.Connection,
    plan: Plan,
    shards: Sequence[int],
    rows: ShardRows,
    without_band: Collection[str],
) -> None:
    """Put these rows in the place of those of the shards, and of nobody else's; a version without rows has none."""
    written = {code for shard in shards for code in plan.shards[shard]}
    others = set(plan.codes) - written
    for version in plan.versions:
        day = store.Day(plan.run_date, plan.model_type, version)
        if version not in rows.scored:
            store.clear(connection, day, keep=others)
            continue
        store.replace(
            connection,
            day,
            rows.scored[version],
            rows.skipped,
            others=others,
            notes=plan.notes,
            without_band=without_band,
        )


def _counts(plan: Plan, rows: ShardRows) -> dict[str, int]:
    return {"scored": len(rows.scored[plan.model_version]), "skipped": len(rows.skipped)}


def publish(
    database: Database, ledger: Ledger, run_id: str, output: Path | None, master: Master
) -> BatchReport | None:
    """Finish a run whose shards are closed; None when some are open, or another process finished it.

    Args:
        database: the run's.
        ledger: its ledger.
        run_id: which run.
        output: folder of the files, or the path of the predictions' CSV; None: the ledger alone has report and CSV.
        master: market capitalisations, and names of skipped stocks.

    Raises RunEnded where the run was replaced by a newer one.
    """
    made: list[BatchReport] = []

    def write(connection: sa.Connection) -> Published:
        report = _report(connection, database, run_id, now=ledger.clock(), output=output, master=master)
        made.append(report)
        text, table = report.text, predictions_csv(report.predictions, report.notes)
        if output is not None:
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


def close(
    database: Database, ledger: Ledger, run_id: str, output: Path | None, reason: str
) -> BatchReport | None:
    """End a run that nobody will go on with: what is open is lost, with the reason, and what is done is published.

    None where nothing was done, or another process finished it.
    """
    ledger.abandon(run_id, reason)
    with suppress(RunEnded):
        return publish(database, ledger, run_id, output, Master.load(database))
    return None


def _report(
    connection: sa.Connection,
    database: Database,
    run_id: str,
    *,
    now: float,
    output: Path | None,
    master: Master,
) -> BatchReport:
    plan = Plan.from_bytes(
        connection.execute(sa.select(runs.c.plan).where(runs.c.run_id == run_id)).scalar_one()
    )
    missing = _clear_missing(connection, run_id, plan)
    day = store.Day(plan.run_date, plan.model_type, plan.model_version)
    predictions, skipped = store.read(connection, day, master)
    seconds = ledger_rows.longest_seconds(connection, run_id)
    places = Places.of(output or Path(), plan.run_date)
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
        asides=(*plan.asides, *missing),
        duration=max(now - plan.began, 0.0),
        feature_seconds=seconds.get("features", 0.0),
        model_seconds=seconds.get("model", 0.0),
        write_seconds=seconds.get("write", 0.0),
        database=_name(database),
        csv_path=places.predictions,
        skipped_path=places.skipped,
        report_path=places.report,
    )


def _clear_missing(connection: sa.Connection, run_id: str, plan: Plan) -> list[str]:
    """Say which shards are missing, and leave no rows of their stocks: another run's answer is not this run's."""
    states = ledger_rows.shard_states(connection, run_id)
    missing = [shard for shard, state in sorted(states.items()) if state != "done"]
    if not missing:
        return []
    reasons = ledger_rows.shard_reasons(connection, run_id)
    kept = [code for shard, codes in enumerate(plan.shards) if shard not in missing for code in codes]
    for version in plan.versions:
        store.clear(connection, store.Day(plan.run_date, plan.model_type, version), keep=kept)
    lost = sum(len(plan.shards[shard]) for shard in missing)
    return [
        f"{INCOMPLETE}: {lost:,} of {len(plan.codes):,} stocks are missing",
        *(
            f"shard {shard} of {len(states)} is missing ({len(plan.shards[shard]):,} stocks), {states[shard]}: "
            f"{reasons.get(shard, 'no reason is on record')}"
            for shard in missing
        ),
    ]


def _name(database: Database) -> str:
    return "predictions.db" if database.is_sqlite else f"database {database.predictions.url.database}"
