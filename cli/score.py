"""`upper-circuit score`: the morning's list, as `python -m batch` makes it, with the options of the other commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.features import RunDate
from cli.places import DatabaseOption, RegistryOption


def score(
    date: RunDate,
    *,
    workers: Annotated[int | None, typer.Option(help="Processes [BATCH_WORKERS, CPUs - 1]")] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder of the files, or the CSV itself [OUTPUT_DIR, data/predictions]"),
    ] = None,
    model_version: Annotated[
        str | None, typer.Option(help="Such as 1.3.0 [PREFERRED_MODEL_VERSION, the promoted one]")
    ] = None,
    allow_stale: Annotated[
        bool, typer.Option(help="Go on without the session before the date, marking every output")
    ] = False,
    allow_missing_tables: Annotated[
        bool, typer.Option(help="Go on without whole tables, marking every output")
    ] = False,
    upcoming_earnings: Annotated[
        bool, typer.Option(help="Only stocks with results due in the next 30 days")
    ] = False,
    where: DatabaseOption = None,
    registry: RegistryOption = None,
) -> None:
    """Score every ACTIVE stock as of a morning: table, CSV, skipped stocks and report."""
    from batch.__main__ import Asked, run

    asked = Asked(
        date=date.date(),
        workers=workers,
        output=output,
        model_version=model_version,
        allow_stale=allow_stale,
        allow_missing_tables=allow_missing_tables,
        upcoming_earnings=upcoming_earnings,
        database=where,
        registry=registry,
    )
    raise typer.Exit(run(asked))
