"""How a database and a registry are looked at: real SQLite, real PostgreSQL, real models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from cli.__main__ import app
from cli.doctor.data import (
    Data,
    Packed,
    Run,
    database_findings,
)
from cli.doctor.finding import read
from cli.doctor.inside import look_at_database, look_at_registry
from tests.factories.registries import Shelf
from tests.postgres import Postgres
from upper_circuit.features import FINGERPRINT
from upper_circuit.market import schema
from upper_circuit.market.database import REVISION, Database
from upper_circuit.market.days import IST
from upper_circuit.market.packed import BAR

TODAY = date(2025, 12, 17)
MORNING = datetime(2025, 12, 17, 9, 0, tzinfo=IST)
YESTERDAY = TODAY - timedelta(days=1)


def fill(database: Database, *, newest: date = YESTERDAY, codes: tuple[str, ...] = ("500001",)) -> None:
    """A bar a year and stock, sessions on weekdays until the end of the next month, one run."""
    first = date(2025, 12, 1)
    days = [first + timedelta(days=at) for at in range(62) if (first + timedelta(days=at)).weekday() < 5]
    bar = np.zeros(1, dtype=BAR).tobytes()
    run = {"run_id": "r", "run_date": newest, "state": "done", "shards": 1, "started_at": 1}
    with database.writing("market") as connection:
        sources = [("data", day) for day in days if day <= newest] + [("calendar", day) for day in days]
        for table, rows in (
            (schema.master_stock_list, [{"bse_code": code, "status": "ACTIVE"} for code in codes]),
            (schema.trading_calendar, [{"day": d, "source": s, "is_session": 1} for s, d in sources]),
            (
                schema.packed_prices,
                [
                    {"bse_code": code, "year": y, "bars": 1, "crc32": zlib.crc32(bar), "payload": bar}
                    for code in codes
                    for y in (2024, 2025)
                ],
            ),
        ):
            connection.execute(sa.insert(table), rows)
    with database.writing("predictions") as connection:
        connection.execute(sa.insert(schema.runs), run)


class TestLookingAtADatabase:
    """SQLite and PostgreSQL alike."""

    def test_everything_of_a_good_one_is_seen(self, database: Database) -> None:
        """Rights, tables, checksums, sessions, runs."""
        fill(database)

        facts = look_at_database(database, now=MORNING)

        assert Packed(2, 2) == facts.packed
        assert (REVISION, True, ()) == (facts.schema, facts.rights and facts.rights.owns_all, facts.rights and facts.rights.lacks)  # fmt: skip
        assert Data(YESTERDAY, YESTERDAY, 0, date(2026, 1, 30), Run(YESTERDAY, "done"), TODAY) == facts.data

    def test_before_eight_the_run_of_today_is_not_missed(self, database: Database) -> None:
        """It may still be under way; last night's prices are due by then."""
        fill(database)

        early, late = (look_at_database(database, now=MORNING.replace(hour=hour)).data for hour in (6, 7))

        assert early
        assert late
        assert [(YESTERDAY, False), (YESTERDAY, True)] == [
            (each.run_expected, each.is_due) for each in (early, late)
        ]

    def test_sessions_that_are_missing_are_counted(self, database: Database) -> None:
        """From Friday's bars to Wednesday morning: Monday and Tuesday."""
        fill(database, newest=date(2025, 12, 12))

        facts = look_at_database(database, now=MORNING)

        assert facts.data
        assert (2, YESTERDAY) == (facts.data.behind, facts.data.expected)

    def test_rows_that_are_not_what_was_written_are_found(self, database: Database) -> None:
        """A changed byte, and a row that lost its end with a checksum that fits."""
        fill(database, codes=("500001", "500002"))
        table, bar = schema.packed_prices, np.ones(1, dtype=BAR).tobytes()
        with database.writing("market") as connection:
            connection.execute(sa.update(table).where(table.c.bse_code == "500002").values(payload=bar))
            connection.execute(
                sa.update(table)
                .where(table.c.bse_code == "500001", table.c.year == 2024)
                .values(payload=bar[:8], crc32=zlib.crc32(bar[:8]))
            )

        facts = look_at_database(database, now=MORNING)

        assert Packed(4, 4, (("500001", 2024), ("500002", 2024), ("500002", 2025))) == facts.packed

    def test_of_many_rows_a_sample_is_read(self, database: Database) -> None:
        """As many as were allowed."""
        fill(database, codes=tuple(str(500_001 + at) for at in range(8)))

        facts = look_at_database(database, now=MORNING, most=5)

        assert Packed(16, 5) == facts.packed

    def test_the_synthetic_market_is_known(self, database: Database) -> None:
        """It ends when it ends."""
        fill(database, codes=("900001", "900002"))

        facts = look_at_database(database, now=MORNING)

        assert facts.data
        assert facts.data.is_synthetic

    def test_an_empty_one_has_no_prices_and_no_runs(self, database: Database) -> None:
        """Two findings, each with its command."""
        found = database_findings(look_at_database(database, now=MORNING), TODAY)

        assert ["no prices are loaded", "none on record yet"] == [each.what for each in found if each.todo]

    def test_a_folder_without_a_database_stays_without(self, tmp_path: Path) -> None:
        """Looking makes nothing."""
        facts = look_at_database(Database.at(tmp_path), now=MORNING)

        assert ("not there", None) == (facts.schema_trouble, facts.data)
        assert [] == list(tmp_path.iterdir())

    def test_a_file_that_is_no_database_is_a_trouble(self, tmp_path: Path) -> None:
        """In SQLite's own words."""
        (tmp_path / "market.db").write_bytes(b"never a database" * 100)

        assert "file is not a database" == look_at_database(Database.at(tmp_path), now=MORNING).trouble


@pytest.fixture
def reader(postgres: Postgres) -> Iterator[str]:
    """The URL of a migrated PostgreSQL for a role that may read one of its halves and nothing else."""
    url = postgres.migrated()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN")
        connection.execute("GRANT USAGE ON SCHEMA market TO reader")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA market TO reader")
    yield url.replace("tests@", "reader@")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP OWNED BY reader")
        connection.execute("DROP ROLE reader")


@pytest.mark.postgres
class TestRights:
    """Of PostgreSQL's roles."""

    def test_a_role_that_may_only_read_learns_what_it_lacks(self, reader: str) -> None:
        """Without an error on the way, and nothing behind it is looked at."""
        database = Database.at(reader)

        facts = look_at_database(database, now=MORNING)
        database.dispose()

        assert facts.rights
        assert {"USAGE on schema predictions", "INSERT on market.daily_prices"} <= set(facts.rights.lacks)
        assert "SELECT on market.daily_prices" not in facts.rights.lacks
        assert (None, None, False) == (facts.trouble, facts.data, facts.rights.owns_all)

    def test_a_role_that_may_use_but_not_change_the_tables(self, reader: str) -> None:
        """Enough for every morning, not for an upgrade."""
        with psycopg.connect(reader.replace("reader@", "tests@"), autocommit=True) as connection:
            for part in ("market", "predictions"):
                connection.execute(f"GRANT USAGE ON SCHEMA {part} TO reader")
                connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {part} TO reader")
        database = Database.at(reader)

        facts = look_at_database(database, now=MORNING)
        database.dispose()

        assert facts.rights
        assert ((), False, REVISION) == (facts.rights.lacks, facts.rights.owns_all, facts.schema)

    def test_a_role_that_may_not_create_is_told_before_the_migration(
        self, reader: str, postgres: Postgres
    ) -> None:
        """In a database without tables."""
        name = postgres.empty().partition("@/")[2].partition("?")[0]
        database = Database.at(reader.replace(reader.partition("@/")[2].partition("?")[0], name))

        facts = look_at_database(database, now=MORNING)
        database.dispose()

        assert (f"CREATE on database {name}",) == (facts.rights and facts.rights.lacks)

    def test_a_server_that_is_away_is_a_trouble(self, tmp_path: Path) -> None:
        """The password is not in what is said."""
        database = Database.at(f"postgresql://desk:secret@/desk?host={tmp_path}")

        facts = look_at_database(database, now=MORNING)

        assert "connection failed" in (facts.trouble or "") or "No such file" in (facts.trouble or "")
        assert "secret" not in f"{facts.location} {facts.trouble}"


class TestLookingAtARegistry:
    """Real models and the gate itself."""

    def test_promoted_and_wanted_versions_are_proven(self, tmp_path: Path) -> None:
        """Each by the gate; one that is missing is a trouble of its own."""
        shelf = Shelf(tmp_path, FINGERPRINT).put("1.0.0", "1.1.0").promote("1.0.0").damage("1.1.0")

        facts = look_at_registry(shelf.registry, ["1.1.0", "2.0.0"])

        assert (("1.0.0",), "1.0.0", ("1.0.0", "1.1.0")) == (facts.sound, facts.promoted, facts.versions)
        assert ["1.1.0", "2.0.0"] == list(facts.troubles)

    def test_a_pointer_that_cannot_be_read_is_a_trouble(self, tmp_path: Path) -> None:
        """The versions beside it are listed all the same."""
        facts = look_at_registry(Shelf(tmp_path).put("1.0.0").promote("newest").registry)

        assert (["stable"], ("1.0.0",)) == (list(facts.troubles), facts.versions)

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        """No error."""
        facts = look_at_registry(Shelf(tmp_path / "nowhere").registry)

        assert not facts.is_there


_WITHOUT_KUBERNETES = """
import sys
sys.modules["kubernetes"] = None
from cli.__main__ import main
main()
"""


def test_inside_a_cluster_no_client_of_kubernetes_is_needed(migrated_folder: Path, tmp_path: Path) -> None:
    """The image of the tools has none; what is printed is what the command outside reads."""
    where = {"FEATURE_DBS_PATH": str(migrated_folder), "MODEL_REGISTRY_PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_KUBERNETES, "doctor", "--inside", "--model", "1.0.0"],
        env={**os.environ, **where},
        capture_output=True,
        text=True,
        check=True,
    )

    lines = done.stdout.splitlines()

    assert {"database", "rights", "schema", "registry", "freshness", "runs", "model"} == {
        each.subject for each in read(lines)
    }
    assert all(json.loads(line) for line in lines)


def test_what_lies_here_is_shown_as_a_table(migrated_folder: Path, tmp_path: Path) -> None:
    """With exit code 1 for what fails, and the next command."""
    words = ["doctor", "--database", str(migrated_folder), "--registry", str(tmp_path)]

    done = CliRunner().invoke(app, words)

    lines = done.stdout.splitlines()
    assert 1 == done.exit_code
    assert f"ok    schema     revision {REVISION}" in lines
    assert [
        "3 ok, 1 warn, 2 FAIL",
        "next: do what stands behind the arrows, then upper-circuit doctor again",
    ] == lines[-2:]
