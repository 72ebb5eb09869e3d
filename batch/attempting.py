"""
How an attempt ended, written down whatever ends it.

An attempt that dies without a word looks like one that still works. Everything but a killed process can say why it
ended, and says it here; what cannot be written (the database may be what failed) must not hide the error itself.
"""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType

import sqlalchemy as sa

from batch.interruption import Interrupted
from batch.ledger import Ledger
from batch.ledger_rows import Attempt
from upper_circuit.errors import Fenced


class Attempting:
    """Writes into the ledger how an attempt ended when an error ends the block; the error goes on.

    Args:
        ledger: where the attempt is.
        attempt: whose end.
        is_retried: whether somebody tries the shard again, so that it stays open; else its failure is final.
        is_replaced_when_stopped: whether that holds for a stop in any case: in a cluster nodes are emptied, and an
            eviction is no failure.
    """

    def __init__(
        self, ledger: Ledger, attempt: Attempt, *, is_retried: bool, is_replaced_when_stopped: bool = False
    ) -> None:
        self._ledger = ledger
        self._attempt = attempt
        self._is_retried = is_retried
        self._is_replaced_when_stopped = is_replaced_when_stopped

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is None:
            return
        reason = f"{type(error).__name__}: {error}"
        with suppress(sa.exc.SQLAlchemyError):
            closing = not self._is_retried
            match error:
                case Fenced():
                    self._ledger.give_up(self._attempt, "fenced", reason, closing=False)
                case Interrupted():
                    closing = closing and not self._is_replaced_when_stopped
                    self._ledger.give_up(self._attempt, "interrupted", reason, closing=closing)
                case _:
                    self._ledger.give_up(self._attempt, "failed", reason, closing=closing)
