"""Being asked to stop, by a real signal."""

from __future__ import annotations

import os
import signal

import pytest

from batch.interruption import Interrupted, Stop, stop_on_signals


def test_nothing_stops_before_it_was_asked_to() -> None:
    """A mark that nobody set lets work go on."""
    with stop_on_signals() as stop:
        stop.check()

    assert Stop().check() is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_stops_work_where_it_looks(name: str) -> None:
    """The signal itself interrupts nothing; the next look does, and says which signal it was."""
    with stop_on_signals() as stop:
        os.kill(os.getpid(), signal.Signals[name])

        with pytest.raises(Interrupted, match=name):
            stop.check()


def test_a_second_signal_does_what_it_always_did() -> None:
    """Somebody who presses Ctrl-C twice does not want to wait."""
    with stop_on_signals():
        os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_signals_mean_afterwards_what_they_meant_before() -> None:
    """A program that scores a morning among other things keeps its own handlers."""
    before = signal.getsignal(signal.SIGTERM)

    with stop_on_signals():
        pass

    assert before is signal.getsignal(signal.SIGTERM)
