"""Bringing a database up to date: from nothing, again, twice at once, from too far ahead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.factories.database import rows
from upper_circuit.errors import DataUnavailable, SchemaOutdated
from upper_circuit.market.database import Database
from upper_circuit.market.migrations import upgrade
from upper_circuit.market.schema import data_version

VERSION = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.Text), schema="market")
UPGRADE = """
import sys
from upper_circuit.market.database import Database
from upper_circuit.market.migrations import upgrade
upgrade(Database.at(sys.argv[1]))
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def nowhere(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a database could be: a folder that is not there, or a PostgreSQL database without tables."""
    if request.param == "sqlite":
        return str(tmp_path / "not" / "there" / "yet")
    return request.getfixturevalue("postgres").empty()


def test_an_upgrade_makes_everything_from_nothing(nowhere):
    """Folder, files, schemas and tables."""
    database = Database.at(nowhere)
    with pytest.raises(SchemaOutdated, match="is not there"):
        database.require_schema()

    upgrade(database)

    database.require_schema()
    database.dispose()


def test_a_second_upgrade_changes_nothing(database):
    """Every program may call it at its start."""
    with database.writing("market") as connection:
        connection.execute(sa.insert(data_version).values(only_row=1, version=7, changed_at=0))

    upgrade(database)

    assert [(1, 7, 0)] == rows(database, "data_version")


def test_processes_that_upgrade_at_once_all_find_it_done(nowhere):
    """Pods start together; one migrates, the others wait for it."""
    command = [sys.executable, "-c", UPGRADE, nowhere]

    pods = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [pod.communicate(timeout=60)[1] for pod in pods]

    assert ["", ""] == errors
    database = Database.at(nowhere)
    database.require_schema()
    database.dispose()


def test_a_database_of_a_newer_program_is_left_alone(nowhere):
    """An older pod must not touch what it does not know."""
    database = Database.at(nowhere)
    upgrade(database)
    with database.writing("market") as connection:
        connection.execute(sa.update(VERSION).values(version_num="9999"))

    with pytest.raises(DataUnavailable, match=r"made by a newer version of the program: .*9999"):
        upgrade(database)

    with database.reading("market") as connection:
        assert "9999" == connection.execute(sa.select(VERSION)).scalar()
    database.dispose()


def test_an_upgrade_that_fails_leaves_nothing_behind(tmp_path):
    """A table is in the way: the half stays without any of its own."""
    database = Database.at(tmp_path)
    with database.writing("market") as connection:
        connection.exec_driver_sql("CREATE TABLE price_bands (in_the_way INTEGER)")

    with pytest.raises(sa.exc.OperationalError, match="price_bands already exists"):
        upgrade(database)

    assert ["price_bands"] == sa.inspect(database.market).get_table_names()
    database.dispose()


def test_a_program_works_on_the_schema_of_a_newer_one(nowhere):
    """While a release rolls out, and after going back, pods of the old one meet what the new one has added to."""
    # One of its own: what it does to the revision would trip whoever comes next.
    database = Database.at(nowhere)
    upgrade(database)
    with database.writing("market") as connection:
        connection.execute(sa.update(VERSION).values(version_num="9999"))

    database.require_schema()

    with database.writing("market") as connection:
        connection.execute(sa.update(VERSION).values(version_num="0001"))
    with pytest.raises(SchemaOutdated, match="0001"):
        database.require_schema()
    database.dispose()
