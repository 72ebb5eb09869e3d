"""
The root of `upper-circuit`.

Turns the domain's refusals into one line on stderr and exit code 1: a person who mistyped a date needs the sentence,
not the stack. So does one who types a command in an image that was built without what the command needs.
"""

from __future__ import annotations

import sys

import typer

from cli import database, models
from cli.backfill import backfill
from cli.bootstrap import bootstrap
from cli.demo import demo
from cli.doctor.commands import doctor
from cli.explain import explain
from cli.features import features
from cli.ingest import import_history, ingest, repack
from cli.model_report import model_report
from cli.rollout.commands import app as rollout
from cli.runs import runs
from cli.score import score
from cli.serve import serve
from cli.train import train
from upper_circuit.errors import UpperCircuitError

app = typer.Typer(
    name="upper-circuit",
    help="Which shares are likely to lock at their upper circuit, told before the market opens.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    demo,
    ingest,
    import_history,
    repack,
    train,
    score,
    features,
    explain,
    serve,
    model_report,
    bootstrap,
    runs,
    backfill,
    doctor,
):
    app.command()(command)
for name, group in {"models": models.app, "database": database.app, "rollout": rollout}.items():
    app.add_typer(group, name=name)


def main() -> None:
    """Run the command line."""
    try:
        app()
    except UpperCircuitError as error:
        typer.echo(f"upper-circuit: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        # A folder that is not there, a full disk: the path stands in it, and a stack helps nobody.
        typer.echo(f"upper-circuit: {error}", err=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        typer.echo(f"upper-circuit: this command needs {error.name}, which is not installed here", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
