"""Two places tell what tables there are: the migrations, which made them, and `schema.py`, which the code uses."""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from upper_circuit.market import schema
from upper_circuit.market.database import REVISION, Database, Part
from upper_circuit.market.migrations import PARTS, head, upgrade

TABLES = [(part, table) for part in PARTS for table in getattr(schema, part).sorted_tables]

USERS_TABLE = """
CREATE TABLE IF NOT EXISTS daily_predictions (
    prediction_id INTEGER PRIMARY KEY AUTOINCREMENT, bse_code TEXT NOT NULL, nse_symbol TEXT, company_name TEXT, prediction_date DATE NOT NULL,
    predicted_label INTEGER NOT NULL CHECK(predicted_label IN (0, 1)), probability REAL NOT NULL CHECK(probability BETWEEN 0 AND 1),
    confidence TEXT CHECK(confidence IN ('LOW', 'MEDIUM', 'HIGH')), model_version TEXT, model_type TEXT,
    prediction_timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, UNIQUE(bse_code, prediction_date, model_version));
CREATE INDEX idx_date_prob ON daily_predictions(prediction_date, probability DESC);
CREATE INDEX idx_bse_date ON daily_predictions(bse_code, prediction_date);
"""


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def migrated(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database that nothing but the migrations made; these tests only look at it."""
    if request.param == "sqlite":
        found = Database.at(request.getfixturevalue("migrated_folder"))
    else:
        found = Database.at(request.getfixturevalue("postgres").migrated())
    yield found
    found.dispose()


@pytest.mark.parametrize("part", PARTS)
def test_the_program_asks_for_the_newest_revision(part: Part) -> None:
    """A revision that `require_schema` does not know would lock everybody out of a database just upgraded."""
    assert REVISION == head(part)


@pytest.mark.parametrize(("part", "table"), TABLES, ids=[table.name for _, table in TABLES])
def test_a_migrated_table_is_the_one_the_code_knows(migrated: Database, part: Part, table: sa.Table) -> None:
    """Columns with type, nullability and place in the key, and indexes, are those of schema.py."""
    inspector = sa.inspect(migrated.part(part))
    where = None if migrated.is_sqlite else part

    key = inspector.get_pk_constraint(table.name, where)["constrained_columns"]
    columns = {column["name"]: _shape(column, key) for column in inspector.get_columns(table.name, where)}
    indexes = _indexes(inspector.get_indexes(table.name, where))

    assert [column.name for column in table.primary_key] == key
    assert {column.name: _shape(column.__dict__, key) for column in table.c} == columns
    assert {index.name: _names(index) for index in table.indexes} == indexes


@pytest.mark.parametrize("part", PARTS)
def test_a_migrated_database_has_no_other_tables(migrated: Database, part: Part) -> None:
    """A table that schema.py has forgotten is one that nobody migrates any more."""
    found = set(sa.inspect(migrated.part(part)).get_table_names(None if migrated.is_sqlite else part))

    assert {table.name for table in getattr(schema, part).sorted_tables} | {"alembic_version"} == found


def test_the_table_of_predictions_is_the_users_own(tmp_path: Path) -> None:
    """On SQLite daily_predictions is what the users wrote: their tools read it."""
    upgrade(Database.at(tmp_path))
    theirs = sqlite3.connect(":memory:")
    theirs.executescript(USERS_TABLE)

    ours = sqlite3.connect(tmp_path / "predictions.db")

    assert _ddl(theirs) == _ddl(ours)
    theirs.close()
    ours.close()


def _shape(column: Mapping[str, Any], key: list[str]) -> tuple[type[Any], bool]:
    """Kind of type, and whether it may be NULL: a key may not, whatever SQLite says of the users' own."""
    kind = column["type"]
    affinity = sa.Integer if isinstance(kind, sa.Integer) else kind._type_affinity
    return affinity, bool(column["nullable"]) and column["name"] not in key


def _names(index: sa.Index) -> list[str]:
    return [str(expression).split(".")[-1].split()[0] for expression in index.expressions]


def _indexes(found: list[Any]) -> dict[str, list[str]]:
    """Indexes by name; those that only keep a UNIQUE constraint are the constraint's."""
    return {
        index["name"]: [
            name or index["expressions"][at].split()[0] for at, name in enumerate(index["column_names"])
        ]
        for index in found
        if "duplicates_constraint" not in index
    }


def _ddl(connection: sqlite3.Connection) -> list[str]:
    query = (
        "SELECT sql FROM sqlite_master WHERE tbl_name = 'daily_predictions' AND sql IS NOT NULL ORDER BY name"
    )
    return [" ".join(sql.split()).replace(" )", ")") for (sql,) in connection.execute(query)]
