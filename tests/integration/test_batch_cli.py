"""`upper-circuit score` is the batch with the options of the other commands."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.score import score
from tests.factories import batch as factory

app = typer.Typer()
app.command()(score)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small market and a model."""
    made = tmp_path_factory.mktemp("little")
    factory.market(made / "db", stocks=8, sessions=130)
    factory.registry(made / "models")
    return made


def ask(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output of the command."""
    where = [
        "--database",
        str(folder / "db"),
        "--registry",
        str(folder / "models"),
        "--output",
        str(folder / "out"),
    ]
    ended = CliRunner().invoke(app, [*arguments, *where])
    return ended.exit_code, ended.output


def test_a_person_scores_a_morning_with_one_command(folder: Path) -> None:
    """Database, registry and output by option; the report on the screen is the report on disk."""
    code, output = ask(folder, "--date", "2023-07-03", "--workers", "1")

    assert 0 == code
    assert (folder / "out" / "report_2023-07-03.txt").read_text() in output
    assert 8 == len(factory.predictions(folder / "db"))


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--date", "2023-07-02"], 0, "skipped: no session, next is 2023-07-03"),
        (
            ["--date", "2023-07-05"],
            1,
            "are needed for 2023-07-05; ingest that session's files, or go on with --allow-stale",
        ),
        (["--date", "2023-07-03", "--model-version", "2.0.0"], 43, "model XGBoost 2.0.0 is not in"),
    ],
    ids=["no session", "stale", "no model"],
)
def test_its_exit_codes_are_those_of_the_program(
    folder: Path, arguments: list[str], code: int, told: str
) -> None:
    """A script may use either."""
    ended, output = ask(folder, *arguments)

    assert code == ended
    assert told in output


def test_its_date_is_a_day(folder: Path) -> None:
    """An hour in it would be ignored; so it is refused."""
    code, _ = ask(folder, "--date", "2023-07-03T07:00")

    assert 2 == code
