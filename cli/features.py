"""`upper-circuit features`: the matrix of a morning as a file, the way to look at what a model sees."""

from __future__ import annotations

import csv
import math
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.places import DatabaseOption, database

RunDate = Annotated[
    datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="Run date: a session of the exchange")
]


def features(
    date: RunDate,
    out: Annotated[Path, typer.Option("--out", help="CSV file to write")],
    where: DatabaseOption = None,
    allow_missing_tables: Annotated[
        bool, typer.Option(help="Go on where a whole table is not loaded; its features are left empty")
    ] = False,
) -> None:
    """Write the 25 final values of every ACTIVE stock on a date, and which of them were filled."""
    from upper_circuit.features import FEATURE_NAMES, CrossSection, fill, raw
    from upper_circuit.market.market import Market
    from upper_circuit.market.master import Master

    run_date = date.date()
    found = database(where)
    market = Market.load(found, run_date=run_date)
    market.calendar.require_session(run_date)
    master = Master.load(found)
    rows = raw(market.as_of(run_date))
    cross = CrossSection.of(rows, master)
    if not allow_missing_tables:
        cross.require_every_feature()
    matrix = fill(rows, cross, master, [stock.bse_code for stock in master.active()])
    part = out.with_name(out.name + ".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["bse_code", *FEATURE_NAMES, "filled"])
        for at, code in enumerate(matrix.codes):
            filled = ";".join(f"{name}:{source}" for name, source in matrix.filled(at).items())
            values = ["" if math.isnan(value) else str(value) for value in matrix.values[at]]
            writer.writerow([code, *values, filled])
    part.replace(out)
    filled_rows = int((matrix.sources > 0).any(axis=1).sum())
    typer.echo(
        f"{out}: {len(matrix.codes):,} stocks as of {market.calendar.session_before(run_date)}, "
        f"{filled_rows:,} filled in at least one feature, {len(matrix.skipped):,} skipped"
    )
    typer.echo(
        f"next: upper-circuit explain {matrix.codes[0] if matrix.codes else 'BSE_CODE'} --date {run_date}"
    )
