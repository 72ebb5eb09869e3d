"""
`python -m batch --date YYYY-MM-DD`: the morning as a program.

The one place where what went wrong becomes an exit code. A scheduler understands nothing else, so whose fault it is,
which the error tree says, decides here whether trying again makes sense.

As a pod of a Job (BATCH_JOB_NAME is set) it needs no date and does one shard of a run that other pods share.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from batch.exits import Exit

if TYPE_CHECKING:
    from batch.interruption import Stop
    from batch.pod import Pod
    from batch.predictor import BatchPredictor
    from batch.report import BatchReport
    from batch.settings import BatchSettings

log = logging.getLogger("batch")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command line asks for; None: what the settings say."""

    date: date | None
    workers: int | None = None
    output: Path | None = None
    model_version: str | None = None
    allow_stale: bool = False
    allow_missing_tables: bool = False
    upcoming_earnings: bool = False
    database: str | None = None
    registry: Path | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one morning as a command line asks for."""
    return run(Asked(**vars(_parser().parse_args(arguments))))


def run(asked: Asked) -> int:
    """Run one morning; gives the exit code, and says on stderr in one line what stopped it."""
    # Before numpy is loaded: its linear algebra would start threads that nothing here uses, and forking wants none.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from batch.interruption import stop_on_signals  # noqa: PLC0415  # after the line above
    from upper_circuit.models.apart import ahead  # noqa: PLC0415

    with ahead(), stop_on_signals() as stop:
        try:
            return _run(asked, stop)
        except Exception as error:  # noqa: BLE001  # a process must turn anything into an exit code
            return exit_for(error)


def _run(asked: Asked, stop: Stop) -> Exit:
    from batch.freshness import Tolerance  # noqa: PLC0415
    from batch.morning import Choices  # noqa: PLC0415
    from batch.pod import NoRunDate, Pod  # noqa: PLC0415
    from batch.predictor import BatchPredictor, new_run_id  # noqa: PLC0415
    from batch.settings import BatchSettings  # noqa: PLC0415
    from upper_circuit.telemetry import logs  # noqa: PLC0415

    settings = BatchSettings.read(
        batch_workers=asked.workers, output_dir=asked.output, preferred_model_version=asked.model_version
    )
    logs.configure(settings.log_level)
    pod = Pod.of(settings, asked.date, now=time.time())
    run_date = pod.run_date if pod else asked.date
    if run_date is None:
        raise NoRunDate(
            "the following arguments are required: --date (a pod of a Job has it from the Job's name)"
        )
    choices = Choices(
        workers=settings.batch_workers,
        tolerance=Tolerance(settings.batch_min_price_share, asked.allow_stale, asked.allow_missing_tables),
        upcoming_earnings=asked.upcoming_earnings,
        model_version=settings.preferred_model_version,
        other_model_version=settings.other_model_version,
    )
    predictor = BatchPredictor(
        asked.registry or settings.model_registry_path,
        asked.database or settings.database,
        settings.output,
        choices=choices,
        stop=stop,
    )
    run_id = pod.part.run_id if pod else new_run_id(run_date)
    with logs.bound(run_id=run_id, run_date=run_date):
        report = _part(predictor, pod) if pod else predictor.predict_all_stocks(run_date, run_id=run_id)
        if report:
            tell(settings, report, are_files_written=settings.output is not None)
    return Exit.DONE


def _part(predictor: BatchPredictor, pod: Pod) -> BatchReport | None:
    """One pod's part; what ends it before it has a shard is recorded too, where nobody comes after it."""
    from batch.verdict import verdict  # noqa: PLC0415

    try:
        return predictor.predict_part(pod.run_date, pod.part)
    except Exception as error:
        code = verdict(error)
        if code is Exit.NOTHING_CAN or (code is Exit.RETRY and not pod.part.retried):
            reason = f"{type(error).__name__}: {error}"
            with suppress(Exception):  # the database may be what failed
                predictor.give_up(pod.run_date, pod.part.run_id, reason, whole_run=code is Exit.NOTHING_CAN)
        raise


def tell(settings: BatchSettings, report: BatchReport, *, are_files_written: bool) -> None:
    """Print a report and where its files are, and send it to whom it is to be sent."""
    where = (
        f"{report.csv_path}\n{report.skipped_path}\n{report.report_path}\n"
        if are_files_written
        else f"no files were asked for: GET /api/v1/runs/{report.run_date}/report and /predictions.csv have them\n"
    )
    sys.stdout.write(report.text + where)
    if settings.notifies:
        from batch.notify import notify  # noqa: PLC0415  # mail and TLS cost what most never use

        notify(settings, report)


def exit_for(error: Exception) -> Exit:
    """Say in one line what stopped a process, a defect with its stack; gives the exit code."""
    from batch.interruption import Interrupted  # noqa: PLC0415
    from batch.verdict import verdict  # noqa: PLC0415
    from upper_circuit import errors  # noqa: PLC0415

    if isinstance(error, errors.NotASession):
        sys.stdout.write(f"skipped: no session, next is {error.next_session}\n")
    elif isinstance(error, errors.UpperCircuitError | Interrupted):
        sys.stderr.write(f"batch: {error}\n")
    else:
        log.error("batch.failed", exc_info=error)
    return verdict(error)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(Exit.NOTHING_CAN, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m batch", description="Score the whole market as of a morning.")
    parser.add_argument(
        "--date",
        type=date.fromisoformat,
        metavar="YYYY-MM-DD",
        help="the run date, a session [in a pod: what the Job's name ends in]",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes [BATCH_WORKERS, CPUs - 1]")
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder of the files [OUTPUT_DIR]")
    parser.add_argument(
        "--model-version", metavar="V", help="such as 1.3.0 [PREFERRED_MODEL_VERSION, promoted]"
    )
    parser.add_argument(
        "--allow-stale", action="store_true", help="go on without the session before, marking every output"
    )
    parser.add_argument(
        "--allow-missing-tables", action="store_true", help="go on without whole tables, marking every output"
    )
    parser.add_argument(
        "--upcoming-earnings", action="store_true", help="only stocks with results due in the next 30 days"
    )
    return parser


if __name__ == "__main__":
    gc.disable()  # the process lives for seconds, and collections would look at every row again and again
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # All is committed and synced; taking a market's objects apart first costs a quarter of a second.
    os._exit(code)
