"""
Exit codes, the only words a scheduler understands.

A failure that can never succeed must not be tried again, and one that may succeed must: whoever runs the batch (cron,
a Job's podFailurePolicy) decides by these numbers alone. So each has one meaning, and here is the one place where what
went wrong becomes a number, for every program of the batch and for the ledger: the tree of errors says whose fault it
is, this says whether trying again can help, and for whom.
"""

from __future__ import annotations

import argparse
import logging
import sys
from enum import IntEnum
from typing import NoReturn

log = logging.getLogger("batch")


class Exit(IntEnum):
    """How a run ended."""

    DONE = 0
    """Everything is written; also: no session on that day, which is recorded."""
    RETRY = 1
    """Something was not there or broke: stale prices, a database that is away, a defect. Again may help."""
    HOPELESS = 42
    """This shard can never succeed; others may."""
    NOTHING_CAN = 43
    """No shard can: model, schema, settings or usage."""
    INTERRUPTED = 75
    """Asked to stop, or replaced by a newer attempt, after saving what was done."""


class Parser(argparse.ArgumentParser):
    """A command line whose misuse is one line and a code of ours; argparse's own 2 would be tried again."""

    def error(self, message: str) -> NoReturn:
        """End the process."""
        self.exit(Exit.NOTHING_CAN, f"{self.prog}: {message}\n")


def exit_code(error: Exception) -> Exit:
    """What an error means to whoever started the process."""
    from batch.interruption import Interrupted  # noqa: PLC0415  # programs import this before they may load numpy
    from batch.ledger import NoSuchShard  # noqa: PLC0415
    from batch.publishing import ListIncomplete  # noqa: PLC0415
    from upper_circuit import errors  # noqa: PLC0415

    match error:
        case ListIncomplete():
            return exit_code(error.because)
        case errors.NotASession():
            return Exit.DONE
        case Interrupted() | errors.Fenced():
            return Exit.INTERRUPTED
        case NoSuchShard():
            return Exit.HOPELESS
        case errors.ModelUnavailable() | errors.SchemaOutdated() | errors.BadInput():
            return Exit.NOTHING_CAN
        case _:
            return Exit.RETRY


def exit_for(error: Exception) -> Exit:
    """Say in one line what stopped a process, a defect with its stack; gives the exit code."""
    from batch.interruption import Interrupted  # noqa: PLC0415
    from batch.publishing import ListIncomplete  # noqa: PLC0415
    from upper_circuit import errors  # noqa: PLC0415
    from upper_circuit.features import allowed_by  # noqa: PLC0415

    match error:
        case ListIncomplete():
            return exit_for(error.because)
        case errors.NotASession():
            sys.stdout.write(f"skipped: no session, next is {error.next_session}\n")
        case errors.UpperCircuitError() | Interrupted():
            allowed = allowed_by(error)
            instead = f", or go on with --{allowed.replace('_', '-')}" if allowed else ""
            sys.stderr.write(f"batch: {error}{instead}\n")
        case _:
            log.error("batch.failed", exc_info=error)
    return exit_code(error)
