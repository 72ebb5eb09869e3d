"""
`upper-circuit bootstrap`: the demo's market and model, so that an installation alone ends in a right answer.

They are made from the seed of `upper-circuit demo` and are the same bit for bit, so that the answers of a cluster and
of a laptop can be compared. Whatever is there already stays as it is: a job may run again, and nobody's own market
gets a model that nobody asked for.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.demo import SESSIONS, STOCKS, make_market
from cli.places import DatabaseOption, RegistryOption, database, registry_path

if TYPE_CHECKING:
    from upper_circuit.market.database import Database
    from upper_circuit.models.registry import Registry

PROMOTED_BY = "bootstrap"
"""Who promoted the model, in the registry's log."""


def bootstrap(where: DatabaseOption = None, registry: RegistryOption = None) -> None:
    """Make the demo's market and a model of it, where there is none; what is there stays."""
    from upper_circuit.market.calendar import load_calendar
    from upper_circuit.models.registry import Registry

    found = database(where, migrate=True)
    if not fill(found, Registry(registry_path(registry))):
        typer.echo("next: upper-circuit models list")
        return
    calendar = load_calendar(found)
    morning = calendar.next_session(calendar.newest + timedelta(days=1))
    typer.echo(f"the market ends on {calendar.newest}; {morning} is the morning to ask for")


def fill(found: Database, registry: Registry, *, stocks: int = STOCKS, sessions: int = SESSIONS) -> bool:
    """Market, then model, each where it is missing; False where the market is not the demo's and all was left alone."""
    from upper_circuit.market.master import Master

    codes = frozenset(Master.load(found).stocks)
    if not codes:
        _load(found, stocks, sessions)
    elif is_synthetic(codes):
        typer.echo(f"{found.location} holds the synthetic market already")
    else:
        typer.echo(f"{found.location} holds {len(codes):,} stocks of your own: nothing is added to them")
        return False
    promoted = registry.promoted()
    if promoted is None:
        _train(found, registry)
    else:
        typer.echo(f"{registry.root} has {promoted} promoted already")
    return True


def is_synthetic(codes: frozenset[str]) -> bool:
    """Whether these stocks are those of the synthetic market."""
    from upper_circuit.market.synthetic.companies import FIRST_CODE

    return codes == {str(FIRST_CODE + at) for at in range(len(codes))}


def _load(found: Database, stocks: int, sessions: int) -> None:
    from cli.ingest import load_history

    with tempfile.TemporaryDirectory(prefix="upper-circuit-") as folder:
        history = Path(folder) / "history"
        make_market(history, stocks=stocks, sessions=sessions)
        load_history(found, history)


def _train(found: Database, registry: Registry) -> None:
    from cli.train import train_and_report
    from upper_circuit.features import FINGERPRINT

    version = train_and_report(found, registry, reports=None).manifest.version
    registry.promote(version, by=PROMOTED_BY, at=datetime.now(UTC), fingerprint=FINGERPRINT)
    typer.echo(f"{version} is promoted")
