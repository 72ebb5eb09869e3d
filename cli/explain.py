"""`upper-circuit explain`: why a stock has its probability, or has none."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.features import AllowMissingTables, AllowStale, RunDate, naming_options
from cli.places import DatabaseOption, RegistryOption, database, registry_path


def explain(
    bse_code: Annotated[str, typer.Argument(help="Six digits")],
    date: RunDate,
    where: DatabaseOption = None,
    registry: RegistryOption = None,
    version: Annotated[str | None, typer.Option("--model-version", help="Default: the promoted one")] = None,
    *,
    allow_stale: AllowStale = False,
    allow_missing_tables: AllowMissingTables = False,
) -> None:
    """Print a stock's 25 values, what was filled and from where, and what each adds to its score."""
    from batch.store import without_band
    from upper_circuit.errors import UnknownStock
    from upper_circuit.features import FEATURE_NAMES, FINGERPRINT, Lists, Tolerance, morning_matrix
    from upper_circuit.market.bands import NO_FIXED_BAND
    from upper_circuit.models.confidence import band
    from upper_circuit.models.registry import Registry
    from upper_circuit.models.scorer import Scorer
    from upper_circuit.models.version import ModelVersion

    run_date = date.date()
    found = database(where)
    lists = Lists.read(found)
    if bse_code not in lists.master.stocks:
        raise UnknownStock(bse_code)
    stock = lists.master.get(bse_code)
    tolerance = Tolerance(allow_stale=allow_stale, allow_missing_tables=allow_missing_tables)
    with naming_options():
        morning = morning_matrix(found, run_date, tolerance, lists=lists, codes=[bse_code])
    matrix = morning.matrix

    symbol = f" ({stock.nse_symbol})" if stock.nse_symbol else ""
    typer.echo(f"{bse_code}{symbol} {stock.company_name or ''}")
    typer.echo(f"run date {run_date}, as of {morning.as_of}, status {stock.status}")
    if bse_code in without_band(found, run_date):
        typer.echo(
            f"{NO_FIXED_BAND}: it trades under a dynamic one and cannot lock at a limit it does not have"
        )
    for mark in morning.marks:
        typer.echo(f"Warning: {mark}")
    if skip := matrix.skipped.get(bse_code):
        typer.echo(f"skipped: {skip.reason} ({skip.detail})")
        return

    models = Registry(registry_path(registry))
    wanted = ModelVersion.parse(version) if version else models.latest()
    manifest = models.verify(wanted, fingerprint=FINGERPRINT)
    scorer = Scorer.load(models.folder(wanted), manifest=manifest)
    scores = scorer.score(matrix.values)
    contributions = scorer.contributions(matrix.values)[0]
    probability = float(scores.probability[0])
    typer.echo(
        f"model XGBoost v{wanted}: probability {probability:.4f}, {band(probability)} confidence, "
        f"raw margin {float(scores.margin[0]):+.4f} = base {contributions[-1]:+.4f} + the contributions below"
    )
    filled = matrix.filled(0)
    typer.echo(f"\n{'feature':<28}{'value':>12}  {'contribution':>12}  filled from")
    for at in sorted(range(len(FEATURE_NAMES)), key=lambda column: -abs(contributions[column])):
        name = FEATURE_NAMES[at]
        typer.echo(
            f"{name:<28}{matrix.values[0, at]:>12.4f}  {contributions[at]:>+12.4f}  {filled.get(name, '')}".rstrip()
        )
