"""
`upper-circuit train`: from history to a published version that nobody uses yet.

Publishing is not promoting: a person looks at the figures first, so the command prints them beside their base rates,
calls too good a figure by its name, and says how to promote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.places import DatabaseOption, RegistryOption, database, registry_path

if TYPE_CHECKING:
    from upper_circuit.market.database import Database
    from upper_circuit.models.registry import Registry
    from upper_circuit.training.train import Trained

REPORTS = Path("data/reports")
_FORMATS = ["%Y-%m-%d"]


def train(
    *,
    fit_until: Annotated[
        datetime | None,
        typer.Option(formats=_FORMATS, help="Last day of the fit period; default: chosen from the data"),
    ] = None,
    calibrate_until: Annotated[
        datetime | None, typer.Option(formats=_FORMATS, help="Last day of the calibration period")
    ] = None,
    test_until: Annotated[
        datetime | None,
        typer.Option(formats=_FORMATS, help="Last day of the test period; default: no test, and F1: n/a"),
    ] = None,
    fit_from: Annotated[
        datetime | None,
        typer.Option(formats=_FORMATS, help="First run date; default: the first with 252 sessions before it"),
    ] = None,
    horizon: Annotated[int, typer.Option(min=1, max=60, help="N: own bars in which a lock counts")] = 5,
    where: DatabaseOption = None,
    registry: RegistryOption = None,
    reports: Annotated[Path, typer.Option(help="Folder that gets a folder of report a version")] = REPORTS,
) -> None:
    """Train on what the database holds and publish a version; nothing uses it before it is promoted."""
    from upper_circuit.models.registry import Registry

    models = Registry(registry_path(registry))
    trained = train_and_report(
        database(where),
        models,
        reports=reports,
        fit_until=_day(fit_until),
        calibrate_until=_day(calibrate_until),
        test_until=_day(test_until),
        fit_from=_day(fit_from),
        horizon=horizon,
    )
    given = f" --registry {registry}" if registry else ""
    typer.echo(f"next: upper-circuit models promote {trained.manifest.version}{given}")


def train_and_report(
    found: Database,
    registry: Registry,
    *,
    reports: Path | None = REPORTS,
    fit_until: date | None = None,
    calibrate_until: date | None = None,
    test_until: date | None = None,
    fit_from: date | None = None,
    horizon: int = 5,
) -> Trained:
    """Train with a bar, print the short report, write the long one into a folder named by the version.

    `reports` None: no long one; its pictures need matplotlib.
    """
    from upper_circuit.training.report import summary, write_report
    from upper_circuit.training.train import train as train_model

    with bars() as progress:
        trained = train_model(
            found,
            registry,
            now=datetime.now(UTC),
            progress=progress,
            fit_until=fit_until,
            calibrate_until=calibrate_until,
            test_until=test_until,
            fit_from=fit_from,
            horizon=horizon,
        )
    typer.echo(summary(trained))
    typer.echo(f"published: {trained.folder}")
    if reports is not None:
        typer.echo(f"report: {write_report(trained, reports / str(trained.manifest.version))[-1]}")
    return trained


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each thing that is counted, one after the other; none where stderr is no terminal."""
    from tqdm import tqdm

    shown: dict[str, tqdm[Any]] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in shown:
            for bar in shown.values():
                bar.close()
            shown[what] = tqdm(total=total, desc=f"{what:<14}", leave=False, disable=None)
        shown[what].update(done - shown[what].n)

    try:
        yield show
    finally:
        for bar in shown.values():
            bar.close()


def _day(given: datetime | None) -> date | None:
    return None if given is None else given.date()
