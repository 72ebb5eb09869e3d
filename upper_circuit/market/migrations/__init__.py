"""
Bringing a database to the form this program was written for.

Anyone may start first: a person's ingest, a batch pod, a rollout. So `upgrade` creates what is missing, changes
nothing where all is in place, and may run in several processes at once: one does the work, the others wait for it
and find it done. Why changes come in two steps is said in `env.py`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from upper_circuit.errors import DataUnavailable
from upper_circuit.market.database import Database, Part
from upper_circuit.market.migrations.lock import exclusive

PARTS: tuple[Part, ...] = ("market", "predictions")

_HERE = Path(__file__).parent
_ADVISORY_LOCK = 7_311_207_004  # any number that nothing else in the database uses


def upgrade(database: Database) -> None:
    """Create or change the tables of both halves; folder, files and schemas are made where they are missing.

    Each half changes in one transaction: a process that is killed leaves it as it was. Raises DataUnavailable where
    a newer program made the database.
    """
    with _sole_migrator(database):
        for part in PARTS:
            with database.writing(part) as connection:
                if not database.is_sqlite:
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
                    connection.execute(sa.schema.CreateSchema(part, if_not_exists=True))
                config = _config(part)
                config.attributes["connection"] = connection
                try:
                    command.upgrade(config, "head")
                except CommandError as error:
                    reason = (
                        f"{part} in {database.location} was made by a newer version of the program: {error}"
                    )
                    raise DataUnavailable(reason) from error


def head(part: Part) -> str | None:
    """The newest revision in the folder of one half."""
    return ScriptDirectory.from_config(_config(part)).get_current_head()


def _config(part: Part) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("version_locations", str(_HERE / part))
    config.set_main_option("path_separator", "os")
    config.attributes["part"] = part
    return config


def _sole_migrator(database: Database) -> AbstractContextManager[None]:
    if not database.is_sqlite:
        return nullcontext()
    folder = Path(database.location)
    folder.mkdir(parents=True, exist_ok=True)
    # Two processes that create one SQLite file at once can both fail to switch it to its log: no time-out helps there.
    return exclusive(folder / "upgrade.lock")
