"""
Being asked to stop.

A scheduler sends SIGTERM and kills half a minute later. An exception thrown into whatever line happens to run could
tear a commit from its record, so the signal only leaves a mark, and the work looks at it where stopping is clean.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(Exception):
    """The process was asked to stop and did."""


class Stop:
    """The mark that a signal leaves."""

    def __init__(self) -> None:
        self._because: str | None = None

    def request(self, because: str) -> None:
        """Ask for a stop at the next clean place."""
        self._because = because

    def check(self) -> None:
        """Raise Interrupted once a stop was asked for."""
        if self._because:
            raise Interrupted(self._because)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """A mark set by SIGTERM and Ctrl-C; a second signal of the kind does what it always did."""
    stop = Stop()
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def note(number: int, _frame: FrameType | None) -> None:
        stop.request(signal.Signals(number).name)
        signal.signal(number, former[signal.Signals(number)])

    for number in former:
        signal.signal(number, note)
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
