"""
What an error means to whoever started the process.

The tree of errors says whose fault it is; here it is said once whether trying again can help, and for whom, since the
exit code, the ledger and the sweeper must agree on it.
"""

from __future__ import annotations

from batch.exits import Exit
from batch.interruption import Interrupted
from batch.ledger import NoSuchShard
from upper_circuit import errors


def verdict(error: Exception) -> Exit:
    """The exit code of an error."""
    match error:
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
