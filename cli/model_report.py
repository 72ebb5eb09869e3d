"""
`upper-circuit model-report`: how good the model is on real history, from files to figures, in one command.

A figure in a document that nobody can make again is a rumour. This imports a history, trains on it with fixed dates,
holds the test period to the gates, and writes docs/model-report.md.
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.places import DatabaseOption, database

if TYPE_CHECKING:
    from upper_circuit.market.database import Database
    from upper_circuit.training.gates import Gate
    from upper_circuit.training.train import Trained

FIT_UNTIL = date(2024, 12, 31)
CALIBRATE_UNTIL = date(2025, 6, 30)
TEST_UNTIL = date(2025, 12, 31)


def model_report(
    history: Annotated[
        Path | None,
        typer.Option(envvar="MARKET_DATA", help="History folder (docs/history-layout.md), 2021 to 2025"),
    ] = None,
    where: DatabaseOption = None,
    out: Annotated[Path, typer.Option(help="File to write")] = Path("docs/model-report.md"),
) -> None:
    """Import a history (or take --database), train to the end of 2024, test the second half of 2025, write the report.

    Exits 1 where a gate is missed. Takes less than 10 minutes on 2 cores.
    """
    from upper_circuit.training.report import write_whole

    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="model-report-") as folder:
        found = database(where) if where else _import(history, Path(folder) / "db")
        trained, gates = _train(found, Path(folder))
        found.dispose()
    minutes, busy = (time.monotonic() - started) / 60, time.process_time() / 60
    write_whole(out, _page(trained, gates, f"{minutes:.1f} minutes ({busy:.1f} of processor time)").encode())
    for gate in gates:
        typer.echo(_gate_line(gate))
    typer.echo(f"report: {out} ({minutes:.1f} minutes)")
    if not all(gate.passed for gate in gates):
        raise typer.Exit(1)


def _import(history: Path | None, folder: Path) -> Database:
    from cli.ingest import load_history
    from upper_circuit.market.database import Database

    if history is None:
        raise typer.BadParameter("name a history folder with --history or MARKET_DATA, or give --database")
    found = Database.at(folder)
    load_history(found, history)
    return found


def _train(found: Database, folder: Path) -> tuple[Trained, tuple[Gate, ...]]:
    from cli.train import bars
    from upper_circuit.models.registry import Registry
    from upper_circuit.training.gates import gates
    from upper_circuit.training.report import summary
    from upper_circuit.training.train import train

    with bars() as progress:
        trained = train(
            found,
            Registry(folder / "models"),
            now=datetime.now(UTC),
            progress=progress,
            fit_until=FIT_UNTIL,
            calibrate_until=CALIBRATE_UNTIL,
            test_until=TEST_UNTIL,
        )
    typer.echo(summary(trained))
    return trained, gates(trained.evaluation.metrics["EQ"])


def _gate_line(gate: Gate) -> str:
    value = "n/a" if gate.value is None else f"{gate.value:.4f}"
    return f"{'passed' if gate.passed else 'MISSED'}: {gate.name} {value}, wanted {gate.wanted}"


def _page(trained: Trained, gates: tuple[Gate, ...], took: str) -> str:
    from upper_circuit.training.page import page_sections, table

    rows = [
        (
            gate.name,
            "n/a" if gate.value is None else f"{gate.value:.4f}",
            gate.wanted,
            "yes" if gate.passed else "**no**",
        )
        for gate in gates
    ]
    lines = [
        "# How good the model is",
        "",
        f"Written by `make model-report` on {datetime.now(UTC):%Y-%m-%d}, in {took},",
        "from the real exchange history that `MARKET_DATA` names (2021 to 2025; not part of the project). The same by hand:",
        "",
        "```",
        'upper-circuit import-history "$MARKET_DATA"',
        f"upper-circuit train --fit-until {FIT_UNTIL} --calibrate-until {CALIBRATE_UNTIL} --test-until {TEST_UNTIL}",
        "```",
        "",
        "## Gates, series EQ of the test period",
        "",
        *table([("figure", "reached", "wanted", "passed"), *rows]),
        "",
        "Far above these figures there would be a leak: PR-AUC above 0.5 or F1 above 0.6 on series EQ raises an alarm.",
        "",
        *page_sections(trained),
    ]
    return "\n".join(lines).rstrip() + "\n"
