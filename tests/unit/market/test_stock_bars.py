"""Bars of several stocks: what is guaranteed, and the rows made of them."""

from __future__ import annotations

import zlib
from datetime import date

import numpy as np
import pytest

from tests.factories.database import NOW, rows
from tests.factories.market import bars as flat_bars
from upper_circuit.market.actions import Actions
from upper_circuit.market.days import day_of
from upper_circuit.market.loading import repack
from upper_circuit.market.loading.stock_bars import StockBars, unpacked
from upper_circuit.market.packed import BAR, FIRST

DAYS = [date(2024, 12, 31), date(2025, 1, 1), date(2025, 4, 1)]
NO_ACTIONS = Actions((), np.zeros(0, dtype=np.int32), np.zeros(0))


def history(*codes: str) -> StockBars:
    """The same three bars for each stock, flags set."""
    one = flat_bars(DAYS, [100.0, 105.0, 105.0])
    stock = np.repeat(np.arange(len(codes)), len(one))
    whole = StockBars.of(codes, stock, np.concatenate([one] * len(codes)))
    return whole.flagged(np.array([day_of(day) for day in DAYS], dtype=np.int32), NO_ACTIONS)


def test_bars_come_sorted_whatever_their_order():
    """Codes ascend, days ascend within a stock."""
    bars = flat_bars([DAYS[1], DAYS[0], DAYS[0]], [2.0, 1.0, 9.0])

    found = StockBars.of(["500002", "500001"], np.array([0, 0, 1]), bars)

    assert ("500001", "500002") == found.codes
    assert [0, 1, 1] == found.stock.tolist()
    assert [900, 100, 200] == found.bars["close"].tolist()


@pytest.mark.parametrize(
    ("stock", "days"),
    [([1, 0], DAYS[:2]), ([0, 0], [DAYS[0], DAYS[0]]), ([0, 0], [DAYS[1], DAYS[0]]), ([0], DAYS[:2])],
    ids=["stocks out of order", "a day twice", "days out of order", "lengths differ"],
)
def test_bars_that_are_not_sorted_are_no_history(stock, days):
    """Flags and packed rows are made by looking at the bar before."""
    with pytest.raises(ValueError, match=r"not sorted by stock|do not ascend"):
        StockBars(("500001", "500002"), np.array(stock), flat_bars(days, [1.0, 1.0]))


def test_a_packed_row_holds_a_year_and_comes_back_whole():
    """With its checksum, so that a damaged page is noticed."""
    whole = history("500001", "500002")

    packed = whole.packed()

    again = unpacked(zip(packed["bse_code"], packed["year"].tolist(), packed["payload"], strict=True))
    assert ["500001", "500001", "500002", "500002"] == packed["bse_code"]
    assert [2024, 2025, 2024, 2025] == packed["year"].tolist()
    assert [1, 2, 1, 2] == packed["bars"].tolist()
    assert [zlib.crc32(payload) for payload in packed["payload"]] == packed["crc32"]
    assert whole.bars.tobytes() == again.bars.tobytes()


def test_quarters_count_locked_days_and_bars_of_a_history():
    """105 after 100 is a lock at 5 %; the flat day after it is none."""
    quarters = history("500001").quarters()

    assert [2024 * 4 + 3, 2025 * 4, 2025 * 4 + 1] == quarters["quarter"].tolist()
    assert [0, 1, 0] == quarters["locked"].tolist()
    assert [1, 1, 1] == quarters["bars"].tolist()
    assert [day_of(DAYS[0])] * 3 == quarters["history_start"].tolist()


def test_no_bars_make_no_rows(database):
    """A database without prices can be packed anew."""
    nothing = StockBars((), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=BAR))

    made = repack(database, now=NOW)

    assert (0, 0) == (made.stocks, made.bars)
    assert [] == rows(database, "packed_prices")
    assert {0} == {len(column) for column in [*nothing.packed().values(), *nothing.quarters().values()]}


def test_a_day_is_taken_out_of_some_stocks_only():
    """The others have no correction."""
    left = history("500001", "500002").without({"500001"}, day_of(DAYS[1]))

    assert [0, 0, 1, 1, 1] == left.stock.tolist()
    assert [FIRST, 0] == left.bars["flags"][:2].tolist()
