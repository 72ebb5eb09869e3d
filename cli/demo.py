"""
`upper-circuit demo`: the whole product on one machine, from an empty folder to a morning's list.

Nothing here is a short cut: it runs what a user would run, on a synthetic market or on the user's own history, and each
step says the command it stands for. What is there already is not made again.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from time import perf_counter
from typing import Annotated
from zlib import crc32

import typer

SEED = 7
STOCKS = 600
SESSIONS = 750
UNTIL = dt.date(2025, 12, 30)
"""A fixed last session, so that everybody sees the same demo."""


def demo(
    history: Annotated[
        Path | None,
        typer.Option(help="Your own history folder (docs/history-layout.md); default: a synthetic market"),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Where everything is made; default: data/demo, or one beside it for each history"),
    ] = None,
) -> None:
    """Make or import a market, train and promote a model, score the newest morning, ask the API for its first stock."""
    import json

    from batch.predictor import BatchPredictor
    from cli.ingest import load_history
    from cli.login import login
    from cli.pair import free_port, pair
    from cli.serve import settings_of
    from cli.train import train_and_report
    from upper_circuit.features import FINGERPRINT
    from upper_circuit.market.calendar import load_calendar
    from upper_circuit.market.database import Database
    from upper_circuit.models.registry import Registry

    start = perf_counter()
    folder = folder or folder_of(history)
    places = f"--database {folder / 'db'}"
    registry = Registry(folder / "models")
    models = f"--registry {registry.root}"
    if history is None:
        history = folder / "history"
        if not history.exists():
            make_market(history)
    database = Database.at(folder / "db")
    _step(f"$ upper-circuit import-history {history} {places}")
    load_history(database, history)
    if registry.promoted() is None:
        _step(f"$ upper-circuit train {places} {models}")
        trained = train_and_report(database, registry, reports=folder / "reports")
        version = trained.manifest.version
        _step(f"$ upper-circuit models promote {version} {models}")
        registry.promote(version, by=login(), at=dt.datetime.now(dt.UTC), fingerprint=FINGERPRINT)
    calendar = load_calendar(database)
    morning = calendar.next_session(calendar.newest + dt.timedelta(days=1))
    _step(f"$ upper-circuit score --date {morning} {places} {models}")
    report = BatchPredictor(registry.root, folder / "db", folder / "predictions").predict_all_stocks(morning)
    typer.echo(report.text)
    typer.echo(f"{report.csv_path}\n{report.skipped_path}\n{report.report_path}")
    database.dispose()
    if not report.predictions:
        typer.echo("no stock could be scored; the skipped file has the reasons")
        return
    best = report.predictions[0].bse_code
    _step(f"$ upper-circuit serve {places} {models}")
    with pair(
        settings_of(str(folder / "db"), registry.root), port=free_port(), logs=folder / "logs"
    ) as running:
        question = {"bse_code": best, "prediction_date": str(morning)}
        typer.echo(f"POST /api/v1/predict {json.dumps(question)}")
        typer.echo(json.dumps(running.ask("/api/v1/predict", question), indent=2))
    typer.echo(f"\ndone in {perf_counter() - start:.0f} s")
    typer.echo(f"next: upper-circuit explain {best} --date {morning} {places} {models}")


def folder_of(history: Path | None) -> Path:
    """Where a history's demo is made: two in one database would be a market that never was, under one's model."""
    if history is None:
        return Path("data/demo")
    whole = history.resolve()
    return Path("data", f"demo-{whole.name}-{crc32(str(whole).encode()):08x}")


def make_market(folder: Path, *, stocks: int = STOCKS, sessions: int = SESSIONS) -> None:
    """Write the demo's history into a folder, which must not exist; the same files every time."""
    from upper_circuit.market.synthetic import generate

    _step(f"a synthetic market: {stocks} stocks, {sessions} sessions")
    generate(folder, seed=SEED, stocks=stocks, sessions=sessions, until=UNTIL, progress=_say)


def _step(command: str) -> None:
    typer.secho(f"\n{command}", bold=True)


def _say(line: str) -> None:
    typer.echo(f"  {line}")
