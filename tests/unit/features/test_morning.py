"""The matrix of a morning: of one state of the database, or refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.factories import batch as factory
from tests.factories.batch import LittleMarket
from tests.factories.loading import loading
from upper_circuit.errors import DatabaseAway, DataUnavailable, NotASession, PricesStale, TableMissing
from upper_circuit.features import READINGS, CrossSection, Lists, Tolerance, fill, morning_matrix, raw
from upper_circuit.market.database import Database
from upper_circuit.market.market import Market
from upper_circuit.market.master import Master


@pytest.fixture
def own(little: LittleMarket, tmp_path: Path) -> LittleMarket:
    """A copy of the little market that a test may change."""
    return little.copied(tmp_path / "db")


@pytest.fixture
def database(own: LittleMarket) -> Iterator[Database]:
    """The way into it."""
    opened = own.database
    yield opened
    opened.dispose()


def later(own: LittleMarket) -> date:
    """A run date whose session before is not loaded."""
    return own.sessions[own.sessions.index(own.run_date) + 3]


def test_it_is_what_the_single_steps_give(own: LittleMarket, database: Database) -> None:
    """Of every ACTIVE stock, or of those asked for with the medians of all."""
    rows, master = (
        raw(Market.load(database, run_date=own.run_date).as_of(own.run_date)),
        Master.load(database),
    )
    expected = fill(rows, CrossSection.of(rows, master), master, [each.bse_code for each in master.active()])

    found = morning_matrix(database, own.run_date, Tolerance())
    one = morning_matrix(database, own.run_date, Tolerance(), codes=["500001"])

    np.testing.assert_array_equal(expected.values, found.matrix.values)
    np.testing.assert_array_equal(expected.values[expected.codes.index("500001")], one.matrix.values[0])
    assert (expected.codes, ("500001",)) == (found.matrix.codes, one.matrix.codes)
    assert ((), (), {}) == (found.marks, found.missing_tables, dict(found.unreadable))


def test_prices_of_an_older_day_are_refused_or_marked(own: LittleMarket, database: Database) -> None:
    """Where they are allowed, the as-of date is the day they are of."""
    newest = own.sessions[own.sessions.index(own.run_date) - 1]

    with pytest.raises(PricesStale):
        morning_matrix(database, later(own), Tolerance())
    found = morning_matrix(database, later(own), Tolerance(allow_stale=True))

    assert newest == found.as_of
    assert ["stale prices: 0.0% of the stocks traded lately have a bar of "] == [
        mark.removesuffix(str(own.sessions[own.sessions.index(later(own)) - 1])) for mark in found.marks
    ]


@pytest.mark.parametrize("lacking", [3, 2], ids=["too many lack it", "few lack it"])
def test_nine_of_ten_stocks_must_have_the_session_before(tmp_path: Path, lacking: int) -> None:
    """Of 24 stocks, 22 are enough and 21 are not, unless less is asked for."""
    days = factory.weekdays(140, factory.LISTED)
    stocks = factory.listings(24, days)
    for code in list(stocks)[:lacking]:
        stocks[code] = factory.changed(stocks[code], bars=stocks[code].bars[:-1])
    little = factory.write(tmp_path, stocks, days)

    if lacking > 2:
        with pytest.raises(PricesStale, match=r"87\.5%"):
            morning_matrix(little.database, little.run_date, Tolerance())
    else:
        assert () == morning_matrix(little.database, little.run_date, Tolerance()).marks
    assert () == morning_matrix(little.database, little.run_date, Tolerance(0.8)).marks


def test_a_table_that_is_not_loaded_is_refused_or_marked(own: LittleMarket, database: Database) -> None:
    """Its features are nobody's, and NaN."""
    factory.change_market(own.folder, "DELETE FROM announcement_scores")

    with pytest.raises(TableMissing, match="announcement_scores"):
        morning_matrix(database, own.run_date, Tolerance())
    found = morning_matrix(database, own.run_date, Tolerance(allow_missing_tables=True))

    assert ("announcement_scores",) == found.missing_tables
    assert ("tables not loaded: announcement_scores",) == found.marks
    assert np.isnan(found.matrix.values).any()


def test_a_day_without_trade_is_told_by_name(database: Database) -> None:
    """Before any price is read."""
    with pytest.raises(NotASession):
        morning_matrix(database, date(2023, 7, 2), Tolerance())


def test_lists_and_prices_are_of_one_state(own: LittleMarket, database: Database) -> None:
    """Two files come in while it is read: the third reading has them both, and is of one state."""
    delisted = "UPDATE master_stock_list SET status = 'DELISTED' WHERE bse_code = '500002'"

    with loading(database, own.folder, delisted, files=2):
        found = morning_matrix(database, own.run_date, Tolerance())

    assert 3 == found.data_version
    assert "500002" not in found.matrix.codes


def test_lists_of_an_older_state_are_read_again(own: LittleMarket, database: Database) -> None:
    """Whoever keeps them in memory need not know that."""
    old = Lists.read(database)
    factory.change_market(
        own.folder, "UPDATE master_stock_list SET status = 'DELISTED' WHERE bse_code = '500002'"
    )

    found = morning_matrix(database, own.run_date, Tolerance(), lists=old)

    assert 2 == found.data_version
    assert "500002" not in found.matrix.codes


def test_a_market_that_does_not_keep_still_is_given_up(own: LittleMarket, database: Database) -> None:
    """After three readings, with a sentence: nobody else is answered meanwhile."""
    with (
        loading(database, own.folder) as loads,
        pytest.raises(DatabaseAway, match=r"changed during each of 3 readings .* when the ingest has ended"),
    ):
        morning_matrix(database, own.run_date, Tolerance())

    assert 2 * READINGS + 1 >= len(loads)  # of lists and of prices by turns


def test_prices_none_of_which_can_be_read_are_an_error_of_the_database(
    own: LittleMarket, database: Database
) -> None:
    """Not stale, and not a market without stocks."""
    factory.change_market(own.folder, "UPDATE packed_prices SET payload = x'00'")

    with pytest.raises(DataUnavailable, match="no packed prices can be read"):
        morning_matrix(database, own.run_date, Tolerance())
