"""What only a server has: two halves in one database, writers that meet, readers in between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Event

import pytest
import sqlalchemy as sa

from tests.factories.database import NOW, Trade, day_file, derived, load_days, load_master, rows
from upper_circuit.market.database import Database
from upper_circuit.market.loading import ingest, registry, repack
from upper_circuit.market.migrations import upgrade

pytestmark = pytest.mark.postgres

MON, TUE, WED = (date(2025, 12, day) for day in (15, 16, 17))


@pytest.fixture
def server(postgres):
    """A migrated database of the server."""
    opened = Database.at(postgres.migrated())
    yield opened
    opened.dispose()


def test_the_halves_are_two_schemas_each_with_its_own_revision(server):
    """So that one database holds both, and a backup of one half is one of all of it."""
    inspector = sa.inspect(server.market)

    assert {"market", "predictions"} < set(inspector.get_schema_names())
    assert inspector.has_table("alembic_version", "market")
    assert inspector.has_table("alembic_version", "predictions")
    assert [] == inspector.get_table_names("public")


def test_a_schema_that_somebody_made_before_is_used(postgres):
    """Where programs may not make schemas, an administrator does."""
    database = Database.at(postgres.empty())
    with database.market.begin() as connection:
        connection.execute(sa.schema.CreateSchema("market"))

    upgrade(database)

    database.require_schema()
    database.dispose()


def test_files_that_are_loaded_at_once_wait_for_each_other(server):
    """Two jobs, two exchanges or two days: each sees what the other did, and the bytes are those of one by one."""
    load_master(server, "500001", "500002")
    files = [
        day_file(day, Trade(close=close), Trade("500002", close=close))
        for day, close in ((MON, 100.0), (TUE, 105.0), (WED, 110.0))
    ]

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda file: ingest(server, file, now=NOW), files))

    as_they_came = derived(server)
    repack(server, now=NOW)
    assert [2, 2, 2] == [one.rows for one in done]
    assert as_they_came == derived(server)
    assert 6 == len(rows(server, "daily_prices"))


def test_a_reader_sees_nothing_of_a_change_under_way(server):
    """And one that began before it sees the same state to its end."""
    load_master(server, "500001")
    load_days(server, {MON: [Trade()]})
    changed, go_on = Event(), Event()

    def write() -> None:
        with registry.changing(server) as connection:
            connection.execute(sa.text("UPDATE market.daily_prices SET close = 7"))
            changed.set()
            go_on.wait(30)

    query = sa.text("SELECT close FROM market.daily_prices")
    with ThreadPoolExecutor(1) as pool, server.reading("market") as connection:
        writing = pool.submit(write)
        assert changed.wait(30)
        during = connection.execute(query).scalar()
        go_on.set()
        writing.result()
        after = connection.execute(query).scalar()

    assert (100.0, 100.0) == (during, after)
    assert [(7.0,)] == rows(server, "daily_prices", "close")
