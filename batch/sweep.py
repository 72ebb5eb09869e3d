"""
`python -m batch.sweep`: what nobody else finishes.

Pods die between their last row and the report, and a Job that meets its deadline kills them all without a word. So
every few minutes somebody looks at the runs that are still open: one whose shards are all closed is published, and one
that is older than its Job can be gives up its open shards and is published without them. Beside running pods this does
no harm: whoever lost a shard cannot write it any more.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence

from batch.exits import Exit, Parser, exit_for
from batch.ledger import Ledger
from batch.ledger_rows import Overview
from batch.outcomes import fill_outcomes
from batch.publishing import close
from batch.report import BatchReport
from batch.settings import BatchSettings
from batch.telling import tell
from upper_circuit.market.database import Database

log = logging.getLogger("batch.sweep")


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep once; gives the exit code."""
    parser = Parser(
        prog="python -m batch.sweep", description="Finish runs that nobody else finishes, and fill outcomes."
    )
    parser.parse_args(arguments)
    try:
        return _sweep()
    except Exception as error:  # noqa: BLE001  # a process must turn anything into an exit code
        return exit_for(error)


def _sweep() -> Exit:
    from upper_circuit.telemetry import logs  # noqa: PLC0415

    settings = BatchSettings.read()
    logs.configure(settings.log_level)
    database = Database.at(settings.database)
    database.require_schema()
    ledger = Ledger(database, worker=f"sweeper {socket.gethostname()}:{os.getpid()}")
    sweeper = Sweeper(
        settings,
        database,
        ledger,
        tell=lambda report: tell(settings, report, are_files_written=settings.output_of_sweeper is not None),
    )
    try:
        is_clean = sweeper.finish_runs()
        dates = fill_outcomes(database, now=int(time.time()))
    finally:
        database.dispose()
    if dates:
        log.info("outcomes.filled", extra={"dates": [str(each) for each in dates]})
    return Exit.DONE if is_clean else Exit.RETRY


class Sweeper:
    """Finishes what is left.

    Args:
        settings: of the batch; how old a run may be, and where files go.
        database: where the runs are.
        ledger: its ledger.
        tell: what is done with a report that was published here.
    """

    def __init__(
        self,
        settings: BatchSettings,
        database: Database,
        ledger: Ledger,
        *,
        tell: Callable[[BatchReport], None],
    ) -> None:
        self._settings = settings
        self._database = database
        self._ledger = ledger
        self._tell = tell

    def finish_runs(self) -> bool:
        """Finish every run that is due; whether none of them failed to be. One that does keeps nobody else from it."""
        is_clean = True
        for run in self._ledger.unfinished():
            reason = self._reason(run)
            if reason is None:
                continue
            try:
                report = close(
                    self._database, self._ledger, run.run_id, self._settings.output_of_sweeper, reason
                )
            except Exception:
                log.exception("run.not_swept", extra={"run_id": run.run_id})
                is_clean = False
                continue
            log.warning("run.swept", extra={"run_id": run.run_id, "reason": reason})
            if report:
                self._tell(report)
        return is_clean

    def _reason(self, run: Overview) -> str | None:
        """Why a run is to be finished; None where somebody may still be at it."""
        if not run.is_open:
            return "every shard was closed and nobody published"
        age, most = self._ledger.clock() - run.started_at, self._settings.batch_run_deadline_seconds
        if age > most:
            return f"not finished within {most} s of the run's start"
        return None


if __name__ == "__main__":
    sys.exit(main())
