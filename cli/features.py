"""`upper-circuit features`: the matrix of a morning as a file, the way to look at what a model sees."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.places import DatabaseOption, database
from upper_circuit.errors import DataUnavailable

if TYPE_CHECKING:
    from upper_circuit.features import FeatureMatrix

RunDate = Annotated[
    datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="Run date: a session of the exchange")
]
AllowStale = Annotated[
    bool, typer.Option(help="Go on without the session before the date, marking the output")
]
AllowMissingTables = Annotated[
    bool,
    typer.Option(
        help="Go on where a whole table is not loaded; its features are left empty, the output marked"
    ),
]


def features(
    date: RunDate,
    out: Annotated[Path, typer.Option("--out", help="CSV file to write")],
    where: DatabaseOption = None,
    *,
    allow_stale: AllowStale = False,
    allow_missing_tables: AllowMissingTables = False,
) -> None:
    """Write the 25 final values of every ACTIVE stock on a date, and which of them were filled."""
    from upper_circuit.features import Tolerance, morning_matrix

    run_date = date.date()
    tolerance = Tolerance(allow_stale=allow_stale, allow_missing_tables=allow_missing_tables)
    with naming_options():
        morning = morning_matrix(database(where), run_date, tolerance)
    matrix = morning.matrix
    _write(out, matrix, morning.marks)
    filled_rows = int((matrix.sources > 0).any(axis=1).sum())
    typer.echo(
        f"{out}: {len(matrix.codes):,} stocks as of {morning.as_of}, "
        f"{filled_rows:,} filled in at least one feature, {len(matrix.skipped):,} skipped"
    )
    for mark in morning.marks:
        typer.echo(f"Warning: {mark}")
    typer.echo(
        f"next: upper-circuit explain {matrix.codes[0] if matrix.codes else 'BSE_CODE'} --date {run_date}"
    )


@contextmanager
def naming_options() -> Iterator[None]:
    """A refusal that an option would have let pass names it; the domain knows of no options."""
    from upper_circuit.features import allowed_by

    try:
        yield
    except DataUnavailable as error:
        allowed = allowed_by(error)
        if allowed is None:
            raise
        raise DataUnavailable(f"{error}, or go on with --{allowed.replace('_', '-')}") from error


def _write(out: Path, matrix: FeatureMatrix, marks: tuple[str, ...]) -> None:
    """A whole file or none; where there are marks, every row has them."""
    from upper_circuit.features import FEATURE_NAMES

    part = out.with_name(out.name + ".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["bse_code", *FEATURE_NAMES, "filled", *(["notes"] if marks else [])])
        for at, code in enumerate(matrix.codes):
            filled = ";".join(f"{name}:{source}" for name, source in matrix.filled(at).items())
            values = ["" if math.isnan(value) else str(value) for value in matrix.values[at]]
            writer.writerow([code, *values, filled, *(["; ".join(marks)] if marks else [])])
    part.replace(out)
