"""
`python -m batch --date YYYY-MM-DD`: the morning as a program.

It asks settings and command line once, starts the run, tells of the list, and ends with a number of `exits.py`, since a
scheduler understands nothing else.

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
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from batch.exits import Exit, Parser, exit_code, exit_for

if TYPE_CHECKING:
    from batch.interruption import Stop
    from batch.pod import Pod
    from batch.predictor import BatchPredictor
    from batch.report import BatchReport

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
    from batch.morning import Choices  # noqa: PLC0415
    from batch.pod import NoRunDate, Pod  # noqa: PLC0415
    from batch.predictor import BatchPredictor, new_run_id  # noqa: PLC0415
    from batch.publishing import ListIncomplete  # noqa: PLC0415
    from batch.settings import BatchSettings  # noqa: PLC0415
    from batch.telling import tell  # noqa: PLC0415
    from upper_circuit.features import Tolerance  # noqa: PLC0415
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
        try:
            report = _part(predictor, pod) if pod else predictor.predict_all_stocks(run_date, run_id=run_id)
        except ListIncomplete as incomplete:
            tell(settings, incomplete.report, are_files_written=settings.output is not None)
            raise
        if report:
            tell(settings, report, are_files_written=settings.output is not None)
    return Exit.DONE


def _part(predictor: BatchPredictor, pod: Pod) -> BatchReport | None:
    """One pod's part; what ends it before it has a shard is recorded too, where nobody comes after it."""
    from batch.publishing import ListIncomplete  # noqa: PLC0415

    try:
        return predictor.predict_part(pod.run_date, pod.part)
    except ListIncomplete:  # the run has ended
        raise
    except Exception as error:
        code = exit_code(error)
        if code is Exit.NOTHING_CAN or (code is Exit.RETRY and not pod.part.retried):
            report = _give_up(predictor, pod, error, whole_run=code is Exit.NOTHING_CAN)
            if report:
                raise ListIncomplete(report, error) from error
        raise


def _give_up(predictor: BatchPredictor, pod: Pod, error: Exception, *, whole_run: bool) -> BatchReport | None:
    reason = f"{type(error).__name__}: {error}"
    try:
        return predictor.give_up(pod.run_date, pod.part.run_id, reason, whole_run=whole_run)
    except Exception:  # the database may be what failed; the exit code is still that of the first failure
        log.exception("run.not_given_up")
        return None


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m batch", description="Score the whole market as of a morning.")
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
