"""
A PostgreSQL of the tests' own: real, private to the run, gone after it, also when the run is killed.

It listens on a unix socket in a folder of its own and never on a port, so that it meets no other server; it does not
sync to disk, because what it holds dies with it anyway. PostgreSQL refuses to run as root, so root starts it as nobody.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from upper_circuit.market import schema
from upper_circuit.market.database import Database
from upper_circuit.market.migrations import PARTS, upgrade

_SETTINGS = "-c listen_addresses='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=50"
_TEMPLATE = "migrated"
_UNPRIVILEGED = "nobody"
_numbers = count(1)


def _programs() -> Path | None:
    """The folder of PostgreSQL's own programs: on the path, or where Debian puts them; the newest."""
    on_path = shutil.which("initdb")
    if on_path and shutil.which("postgres"):
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


_SERVE = """
programs=$1 folder=$2
"$programs/initdb" -D "$folder/data" -U tests --auth=trust --encoding=UTF8 --locale=C --no-sync >"$folder/log" 2>&1 &&
"$programs/pg_ctl" -D "$folder/data" -w -l "$folder/log" -o "-k $folder $3" start >>"$folder/log" 2>&1 &&
echo ready || cat "$folder/log"
read -r the_end_of_the_tests
"$programs/pg_ctl" -D "$folder/data" -w -m immediate stop >/dev/null 2>&1
rm -rf "$folder"
"""
"""A shell that holds the server: it reads from the tests, so it sees them end however they end, also by a kill."""


@contextmanager
def cluster() -> Iterator[str]:
    """A running server; yields the URL of its databases, to be formatted with a name."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's own programs (initdb, postgres) are not installed")
    folder = Path(
        tempfile.mkdtemp(prefix="pg-", dir="/tmp")
    )  # a short path: a socket's name has 107 characters
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        shutil.chown(folder, _UNPRIVILEGED)
        user = {"user": _UNPRIVILEGED, "extra_groups": []}
    command = ["sh", "-c", _SERVE, "sh", str(programs), str(folder), _SETTINGS]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=folder, start_new_session=True, **pipes, **user) as shell:
        assert shell.stdin
        assert shell.stdout
        try:
            first = shell.stdout.readline()
            if first != "ready\n":
                shell.stdin.close()
                pytest.fail(f"PostgreSQL does not start: {first}{shell.stdout.read()}")
            yield f"postgresql://tests@/{{}}?host={folder}"
        finally:
            shell.stdin.close()


def control(url: str, order: str) -> None:
    """`pg_ctl stop` or `start` of a server of one's own, at once and without mercy for who is connected."""
    folder = url.rpartition("host=")[2]
    user: dict[str, Any] = {"user": _UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}
    command = [
        f"{_programs()}/pg_ctl",
        "-D",
        f"{folder}/data",
        "-w",
        "-l",
        f"{folder}/log",
        "-m",
        "immediate",
    ]
    options = ["-o", f"-k {folder} {_SETTINGS}"] if order == "start" else []
    subprocess.run([*command, *options, order], check=True, cwd=folder, stdout=subprocess.DEVNULL, **user)


class Postgres:
    """Hands out databases of one server, each fresh and at the newest schema."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._shared: str | None = None
        with psycopg.connect(url.format("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {_TEMPLATE}")
        template = Database.at(url.format(_TEMPLATE))
        upgrade(template)
        template.dispose()

    def url(self, name: str) -> str:
        """The URL of a database of the server."""
        return self._url.format(name)

    def empty(self) -> str:
        """The URL of a new database without tables."""
        return self._create("template1")

    def migrated(self) -> str:
        """The URL of a new database with every table, all empty."""
        return self._create(_TEMPLATE)

    def copied(self, url: str) -> str:
        """The URL of a new database like that of another URL, to which nobody may be connected."""
        return self._create(str(sa.make_url(url).database))

    def emptied(self) -> str:
        """The URL of one migrated database for all who ask, every table of it empty: sooner done than a new one."""
        self._shared = self._shared or self.migrated()
        names = [
            f"{table.schema}.{table.name}" for part in PARTS for table in getattr(schema, part).sorted_tables
        ]
        with psycopg.connect(self._shared, autocommit=True) as connection:
            connection.execute(f"TRUNCATE {', '.join(names)} RESTART IDENTITY")
        return self._shared

    def _create(self, template: str) -> str:
        name = f"test_{next(_numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server for the whole run; the test is skipped where PostgreSQL's programs are missing."""
    with cluster() as url:
        yield Postgres(url)


@pytest.fixture(scope="session")
def migrated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SQLite files with every table, all empty, to be copied: migrating takes longer than most tests."""
    folder = tmp_path_factory.mktemp("migrated")
    template = Database.at(folder)
    upgrade(template)
    template.dispose()
    return folder


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database at the newest schema: each test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        shutil.copytree(request.getfixturevalue("migrated_folder"), tmp_path / "db")
        opened = Database.at(tmp_path / "db")
    else:
        opened = Database.at(request.getfixturevalue("postgres").emptied())
    yield opened
    opened.dispose()
