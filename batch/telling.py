"""
Who hears of a list that was published, by whichever process did it.

A morning's process and the sweeper say the same: the report and where its files are on stdout, which is what a log
keeps, and both to whom the settings name.
"""

from __future__ import annotations

import sys

from batch.report import BatchReport
from batch.settings import BatchSettings


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
