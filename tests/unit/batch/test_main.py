"""What became of a run, as a number."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pytest

from batch import __main__ as morning
from batch import sweep
from batch.exits import Exit, exit_code, exit_for
from batch.extraction import WorkersLost
from batch.interruption import Interrupted
from batch.ledger import NoSuchShard, RunEnded
from batch.publishing import ListIncomplete
from tests.unit.batch.test_report import report
from upper_circuit import errors
from upper_circuit.settings import SettingsRefused

DAY = date(2025, 11, 14)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.NotASession(DAY, DAY), Exit.DONE),
        (errors.PricesStale(DAY, DAY, 0.5, 0.9), Exit.RETRY),
        (errors.TableMissing("quarterly_results", DAY), Exit.RETRY),
        (WorkersLost("gone"), Exit.RETRY),
        (OSError("disk full"), Exit.RETRY),
        (NoSuchShard("no shard 7"), Exit.HOPELESS),
        (errors.ModelNotFound("1.0.0", Path("models")), Exit.NOTHING_CAN),
        (errors.ModelRejected("1.0.0", "sha256", "differs"), Exit.NOTHING_CAN),
        (errors.SchemaOutdated(None, "0001"), Exit.NOTHING_CAN),
        (SettingsRefused("LOG_LEVEL='loud'"), Exit.NOTHING_CAN),
        (Interrupted("SIGTERM"), Exit.INTERRUPTED),
        (errors.Fenced("run", 0, 1), Exit.INTERRUPTED),
        (RunEnded("run", 0, 0, "replaced"), Exit.INTERRUPTED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.name,
)
def test_every_kind_of_end_has_its_number(error: Exception, code: Exit) -> None:
    """Retry what may succeed, give up what cannot, and do not call a stop a failure."""
    assert code == exit_for(error)


def test_the_numbers_are_those_the_scheduler_knows() -> None:
    """They stand in charts and cron jobs: changing one is changing an interface."""
    assert {"DONE": 0, "RETRY": 1, "HOPELESS": 42, "NOTHING_CAN": 43, "INTERRUPTED": 75} == {
        code.name: code.value for code in Exit
    }


def test_a_refusal_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """No stack for what a person can mend."""
    exit_for(errors.SchemaOutdated("0000", "0001"))

    assert "batch: database schema is 0000, 0001 is needed; run `upper-circuit database upgrade`\n" == (
        capsys.readouterr().err
    )


def test_a_defect_is_logged_with_its_stack(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody foresaw it, so everything about it is told."""
    with caplog.at_level(logging.ERROR):
        exit_for(ZeroDivisionError("odd"))

    [record] = caplog.records
    assert "batch.failed" == record.message
    assert record.exc_info is not None


def test_help_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    """Asking how to use it is no misuse."""
    with pytest.raises(SystemExit) as ended:
        morning.main(["--help"])

    assert 0 == ended.value.code
    assert "--upcoming-earnings" in capsys.readouterr().out


@pytest.mark.parametrize("program", [morning.main, sweep.main], ids=["batch", "batch.sweep"])
def test_misuse_of_either_program_is_one_line_and_never_tried_again(
    program: Callable[[Sequence[str] | None], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """A CronJob with a wrong argument is as wrong in an hour; argparse's own 2 would mean: try again."""
    with pytest.raises(SystemExit) as ended:
        program(["--nope"])

    assert Exit.NOTHING_CAN == ended.value.code
    [line] = capsys.readouterr().err.splitlines()
    assert "unrecognized arguments: --nope" in line


@pytest.mark.parametrize("because", [errors.SchemaOutdated(None, "0001"), OSError("disk full")])
def test_a_list_without_a_part_ends_as_what_that_part_failed_of(
    because: Exception, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """That something was published beside it makes a failure neither better nor worse."""
    code = exit_for(ListIncomplete(report(), because))

    alone = (capsys.readouterr().err, [record.exc_info for record in caplog.records])
    caplog.clear()
    assert exit_for(because) == code == exit_code(because)
    assert alone == (capsys.readouterr().err, [record.exc_info for record in caplog.records])
