"""
Where a person's data lie: one set of names for every command, the same as for the programs.

Kept apart from the commands so that `--registry` and `--database` mean the same everywhere and no command reads the
environment by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upper_circuit.errors import DatabaseAway, SchemaOutdated
from upper_circuit.settings import MarketSettings

if TYPE_CHECKING:
    from upper_circuit.market.database import Database


class Places(MarketSettings):
    """Folders and database, from the environment or `.env`."""

    model_registry_path: Path = Path("data/models")
    """Root of the model registry."""


DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database", help="Folder of SQLite files or postgresql:// URL [FEATURE_DBS_PATH, DATABASE_URL]"
    ),
]
RegistryOption = Annotated[
    Path | None, typer.Option("--registry", help="Root of the model registry [MODEL_REGISTRY_PATH]")
]


def database(option: str | None, *, migrate: bool = False) -> Database:
    """The database asked for, else that of the environment; raises SchemaOutdated unless it is up to date.

    Commands that write migrate first: a newcomer's first command must not fail for want of an empty table. Where all
    is in place they do not try: in a cluster their user may have no right to.
    """
    from sqlalchemy.exc import OperationalError

    from upper_circuit.market.database import Database

    found = Database.at(option or Places.read().database)
    try:
        found.require_schema()
    except OperationalError as error:
        raise DatabaseAway(f"{found.location}: {' '.join(str(error.orig).split())}") from error
    except SchemaOutdated:
        if not migrate:
            raise
        from upper_circuit.market.migrations import upgrade

        upgrade(found)
    return found


def registry_path(option: Path | None) -> Path:
    """The registry asked for, else that of the environment."""
    return option or Places.read().model_registry_path
