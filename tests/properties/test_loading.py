"""Whatever way the rows came in, what is derived from them is the same, byte for byte."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories.database import NOW, Trade, day_file, derived, load_days, load_master, write_archive
from upper_circuit.market import circuits
from upper_circuit.market.database import Database
from upper_circuit.market.loading import import_history, ingest, repack

CODES = ("500001", "500002", "500003")
DAYS = (
    *(
        date(2025, month, day)
        for month, day in ((9, 29), (9, 30), (10, 1), (10, 3), (11, 28), (12, 30), (12, 31))
    ),
    date(2026, 1, 1),
    date(2026, 1, 2),
)
SHORT_GAP = 2
"""Sessions after which a history ends here, so that nine days hold several."""

Files = list[tuple[date, list[Trade]]]


@st.composite
def trades(draw: st.DrawFn, code: str, number: int) -> Trade:
    """A bar that may lock, split or do nothing. Volumes tell files apart, so that none is another day's copy."""
    base, limit = draw(st.sampled_from([(80.0, 84.0), (100.0, 120.0), (302.35, 317.46), (302.35, 317.45)]))
    close = draw(st.sampled_from([base, limit]))
    opened = draw(st.sampled_from([close, base, round(base / 2, 2)]))
    return Trade(code, close=close, prev_close=base, open=opened, volume=1_000 + number)


@st.composite
def deliveries(draw: st.DrawFn) -> Files:
    """Files in the order of arrival: days in any order, a day again being its correction."""
    days = draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=14))
    return [
        (
            day,
            [
                draw(trades(code, number))
                for code in sorted(draw(st.sets(st.sampled_from(CODES), min_size=1)))
            ],
        )
        for number, day in enumerate(days)
    ]


@contextmanager
def empty_database(migrated_folder: Path) -> Iterator[Database]:
    """A database with the three stocks."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(migrated_folder, f"{folder}/db")
        database = Database.at(f"{folder}/db")
        load_master(database, *CODES)
        yield database
        database.dispose()


def made_of(database: Database) -> dict[str, Sequence[object]]:
    """What is derived from rows; the published calendar is not."""
    found = derived(database)
    return {**found, "trading_calendar": [row for row in found["trading_calendar"] if row[1] == "data"]}


@given(deliveries())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_order_of_files_gives_the_bytes_of_one_import(migrated_folder, arrived):
    """Files in any order with corrections between, the last word of each day in order, all at once, packed anew."""
    last_word = dict(sorted(dict(arrived).items()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(circuits, "NEW_HISTORY_AFTER", SHORT_GAP)
        with empty_database(migrated_folder) as database:
            for number, (day, day_trades) in enumerate(arrived):
                ingest(database, day_file(day, *day_trades, text=str(number)), now=NOW)
            as_they_came = made_of(database)
            repack(database, now=NOW)
            packed_anew = made_of(database)
        with empty_database(migrated_folder) as database:
            load_days(database, last_word)
            in_order = made_of(database)
        with empty_database(migrated_folder) as database, tempfile.TemporaryDirectory() as folder:
            import_history(database, write_archive(Path(folder), last_word, CODES), now=NOW)
            at_once = made_of(database)

    assert at_once["packed_prices"]
    assert at_once == as_they_came
    assert at_once == packed_anew
    assert at_once == in_order
