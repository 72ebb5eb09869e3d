"""What follows from days of prices as they come in: splits, locked days, histories, whatever the order."""

from __future__ import annotations

from datetime import date

from tests.factories.database import NOW, Trade, day_file, derived, load_days, load_master, rows
from upper_circuit.market.loading import ingest, repack
from upper_circuit.market.packed import FIRST, LOCKED, from_bytes

MON, TUE, WED, THU = (date(2025, 12, day) for day in (15, 16, 17, 18))


def bars(database, code="500001"):
    """The packed bars of a stock."""
    packed = [row for row in rows(database, "packed_prices", "bse_code", "year", "payload") if row[0] == code]
    return from_bytes(payload for _, _, payload in packed)


def test_a_split_is_inferred_and_its_day_is_no_lock(database):
    """2:1: the open halves, the close stands at a 20 % limit of a previous close that is not its base."""
    load_master(database, "500001")
    split = Trade(open=50.0, close=120.0, prev_close=100.0)

    load_days(database, {MON: [Trade()]})
    done = ingest(database, day_file(TUE, split), now=NOW)

    assert ("500001 2025-12-16 x 0.5",) == done.inferred
    assert [("500001", TUE, "inferred", 0.5, "opened at 50.00 after 100.00")] == rows(
        database, "corporate_actions"
    )
    assert [FIRST, 0] == bars(database)["flags"].tolist()


def test_a_correction_takes_an_inferred_split_back(database):
    """The wrong open came from the first file; what was inferred from it goes with it."""
    load_master(database, "500001")
    load_days(database, {MON: [Trade()], TUE: [Trade(open=50.0, close=120.0)]})

    ingest(database, day_file(TUE, Trade(open=100.0, close=120.0)), now=NOW)

    assert [] == rows(database, "corporate_actions")
    assert [FIRST, LOCKED] == bars(database)["flags"].tolist()


def test_a_day_that_comes_late_ends_a_silence(database):
    """12 days after its last bar a gap is no split; with the day between loaded, it is one."""
    load_master(database, "500001")
    load_days(database, {MON: [Trade()], date(2025, 12, 29): [Trade(open=50.0, close=51.0)]})
    silent = rows(database, "corporate_actions", "ex_date")

    load_days(database, {date(2025, 12, 22): [Trade(close=101.0)]})

    assert [] == silent
    assert [(date(2025, 12, 29),)] == rows(database, "corporate_actions", "ex_date")


def test_days_in_any_order_give_the_same_bytes(database):
    """An archive of single files is loaded as the shell lists them."""
    load_master(database, "500001", "500002")
    days = {
        WED: [Trade(close=110.0, prev_close=105.0), Trade("500002", close=52.5, prev_close=50.0)],
        MON: [Trade(close=100.0), Trade("500002", close=50.0, prev_close=50.0)],
        THU: [Trade(close=115.5, prev_close=110.0)],
        TUE: [Trade(close=105.0, prev_close=100.0)],
    }

    load_days(database, days)

    before = derived(database)
    repack(database, now=NOW)
    assert before == derived(database)
    assert [FIRST, LOCKED, 0, LOCKED] == bars(database)["flags"].tolist()


def test_a_year_s_first_bar_knows_the_year_before(database):
    """The packed row of the new year begins empty; the history does not."""
    load_master(database, "500001")

    load_days(database, {date(2025, 12, 31): [Trade()], date(2026, 1, 1): [Trade(close=105.0)]})

    assert [FIRST, LOCKED] == bars(database)["flags"].tolist()
    assert [(2025, 1), (2026, 1)] == rows(database, "packed_prices", "year", "bars")


def test_the_last_month_s_close_sets_the_tick_across_the_turn_of_the_year(database):
    """302.35 + 5 % is 317.4675: 317.46 by the tick of December's close of 80, 317.45 by that of the price itself."""
    load_master(database, "500001")
    days = {
        date(2025, 12, 31): [Trade(close=80.0, prev_close=80.0)],
        date(2026, 1, 1): [Trade(close=302.35, prev_close=80.0)],
        date(2026, 1, 2): [Trade(close=317.46, prev_close=302.35)],
    }

    load_days(database, days)

    assert LOCKED == bars(database)["flags"][-1]
