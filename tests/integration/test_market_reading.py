"""The market read for one run date, for some stocks or for all of history gives the same features to the bit."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.factories import batch as factory
from upper_circuit.errors import DataUnavailable
from upper_circuit.features import raw
from upper_circuit.market.calendar import load_calendar
from upper_circuit.market.database import Database
from upper_circuit.market.days import date_of, day_of, moment_of
from upper_circuit.market.loading import import_history
from upper_circuit.market.market import Market
from upper_circuit.market.master import Master
from upper_circuit.market.migrations import upgrade
from upper_circuit.market.reading import read_quarters
from upper_circuit.market.schema import circuit_quarters
from upper_circuit.market.synthetic import generate

UNTIL = date(2025, 12, 30)


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """60 stocks over three years, some thin, suspended or new, in SQLite."""
    folder = tmp_path_factory.mktemp("synthetic")
    generate(folder / "history", seed=11, stocks=60, sessions=700, until=UNTIL)
    database = Database.at(folder / "db")
    upgrade(database)
    import_history(database, folder / "history", now=moment_of(datetime(2026, 1, 1)))  # noqa: DTZ001  # IST
    return database


@pytest.fixture(scope="module")
def whole(synthetic: Database) -> Market:
    """All of history."""
    return Market.load(synthetic)


def mornings(market: Market) -> list[date]:
    """The newest morning, one early in January, and one in the first year."""
    return [date(2025, 12, 31), date(2025, 1, 3), date_of(int(market.calendar.traded[130]))]


@pytest.mark.parametrize("number", [0, 1, 2], ids=["newest", "early in January", "first year"])
def test_reading_for_one_date_equals_reading_everything(synthetic, whole, number):
    """Two or three years of packed rows hold a window, and the older ones are read for stocks that need them."""
    run_date = mornings(whole)[number]

    part = raw(Market.load(synthetic, run_date=run_date).as_of(run_date))
    everything = raw(whole.as_of(run_date))

    rows = [everything.codes.index(code) for code in part.codes]
    assert len(rows) > 40
    assert everything.values[rows].tobytes() == part.values.tobytes()
    assert everything.bars[rows].tolist() == part.bars.tolist()
    assert everything.year_bars[everything.traded].sum() == part.year_bars[part.traded].sum()
    assert everything.quarter_bars[rows].tolist() == part.quarter_bars.tolist()
    assert everything.has_result[rows].tolist() == part.has_result.tolist()


def test_quarters_of_a_former_history_never_count(tmp_path):
    """A stock that came back after more than 250 sessions is a new one: its old locks are another story's."""
    database = Database.at(tmp_path)
    upgrade(database)
    came_back, newest = date(2025, 3, 3), date(2025, 12, 16)
    rows = [
        {"history_start": date(2021, 1, 4), "quarter": 2022 * 4 + 3, "locked": 9, "bars": 60},
        {"history_start": came_back, "quarter": 2025 * 4, "locked": 0, "bars": 20},
    ]
    with database.writing("market") as connection:
        connection.execute(circuit_quarters.insert(), [{"bse_code": "500001"} | row for row in rows])
    this_quarter = 2025 * 4 + 3

    with database.reading("market") as connection:
        quarters = read_quarters(connection, ("500001",), [this_quarter - back for back in (4, 8, 12)])

    for day, expected in ((newest, (0, 0)), (date(2022, 12, 1), (9, 60))):
        locked, bars = quarters.counts(this_quarter, np.array([day_of(day)], dtype=np.int32))
        assert expected == (locked[0], bars[0])


def test_a_thin_stock_s_window_reaches_back_as_far_as_it_must(synthetic, whole):
    """252 own bars of a stock that trades now and then lie in more years than other stocks' do."""
    run_date = mornings(whole)[0]
    part = Market.load(synthetic, run_date=run_date)
    years = {code: set() for code in part.codes}
    for at, code in enumerate(part.codes):
        own = part.histories.bars[part.histories.starts[at] : part.histories.starts[at + 1]]["date"]
        years[code] = {date_of(int(day)).year for day in own}

    assert len({len(spread) for spread in years.values()}) > 1
    assert whole.as_of(run_date).window.count.max() == part.as_of(run_date).window.count.max() == 252


def test_blocks_of_stocks_add_up_to_the_market(synthetic):
    """What a worker reads for its block equals the same stocks in the whole market."""
    run_date = date(2025, 12, 31)
    calendar = load_calendar(synthetic)
    market = Market.load(synthetic, run_date=run_date)
    blocks = [
        raw(
            Market.load(synthetic, run_date=run_date, codes=market.codes[at::3], calendar=calendar).as_of(
                run_date
            )
        )
        for at in range(3)
    ]

    joined = type(blocks[0]).concat(blocks)

    expected = raw(market.as_of(run_date))
    assert expected.codes == joined.codes
    assert expected.values.tobytes() == joined.values.tobytes()
    assert expected.items.tolist() == joined.items.tolist()


def test_a_code_nobody_has_reads_as_no_stock(synthetic):
    """Not an error: the caller learns that it has no bars."""
    market = Market.load(synthetic, run_date=date(2025, 12, 31), codes=["123456"])

    assert () == market.codes
    assert (0, 25) == raw(market.as_of(date(2025, 12, 31))).values.shape


def test_a_morning_before_the_first_bar_has_no_market(synthetic):
    """The refusal names the date."""
    with pytest.raises(DataUnavailable, match="no prices before 2020-01-01"):
        Market.load(synthetic, run_date=date(2020, 1, 1))


def test_the_master_lists_active_stocks_by_market_capitalisation(synthetic):
    """Largest first; a stock that only prices know is nobody's active stock."""
    master = Master.load(synthetic)
    active = master.active()

    assert {"ACTIVE"} == {stock.status for stock in active}
    caps = [stock.market_cap_cr or 0.0 for stock in active]
    assert sorted(caps, reverse=True) == caps
    assert "OTHER" == master.get("000000").status
    assert np.isfinite(caps).all()


def test_a_schema_that_is_not_there_names_the_command(tmp_path: Path):
    """A newcomer's first error says what to type."""
    from upper_circuit.errors import SchemaOutdated

    with pytest.raises(SchemaOutdated, match="upper-circuit database upgrade"):
        Database.at(tmp_path).require_schema()


def test_damaged_bytes_cost_their_stock_and_nobody_else(tmp_path: Path) -> None:
    """Whichever year they are of, and whether all stocks are read or some; the others' features are as before."""
    little = factory.market(tmp_path, stocks=4, sessions=300)
    whole = raw(Market.load(little.database, run_date=little.run_date).as_of(little.run_date))
    factory.change_market(
        tmp_path,
        "UPDATE packed_prices SET payload = substr(payload, 2) WHERE bse_code = '500002' AND year = "
        "(SELECT min(year) FROM packed_prices)",
    )

    for market in (
        Market.load(little.database),
        Market.load(little.database, run_date=little.run_date),
        Market.load(little.database, run_date=little.run_date, codes=["500002", "500003"]),
    ):
        left = raw(market.as_of(little.run_date))
        assert ["500002"] == list(left.unreadable)
        assert "500002" not in left.codes
        assert np.array_equal(left.values[left.codes.index("500003")], whole.values[2], equal_nan=True)
        with pytest.raises(DataUnavailable, match="500002"):
            market.require_readable()
