"""Limits, ticks and locks, with examples from the exchange's own lists of hitters."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from tests.factories.market import bars, weekdays
from upper_circuit.market import circuits
from upper_circuit.market.days import day_of
from upper_circuit.market.packed import FIRST, LOCKED

DECEMBER_2025 = date(2025, 12, 17)


@pytest.mark.parametrize(
    ("base", "band", "limit"),
    [
        pytest.param(14_516, 20, 17_419, id="AGRITECH"),
        pytest.param(14_253, 5, 14_965, id="RELINFRA"),
        pytest.param(1_120, 20, 1_344, id="TCIFINANCE"),
        pytest.param(309, 2, 315, id="GVKPIL"),
        pytest.param(77_505, 10, 85_255, id="PKTEA"),
        pytest.param(321_490, 10, 353_630, id="THANGAMAYL"),
    ],
)
def test_upper_limits_are_those_of_the_exchange(base, band, limit):
    """Prices in paise of stocks that hit their band in December 2025."""
    price = np.array([base])
    size = circuits.tick(price, np.array([day_of(DECEMBER_2025)]), np.array([False]))

    assert [limit] == circuits.upper_limit(price, band, size).tolist()


@pytest.mark.parametrize(
    ("day", "rupees", "sme", "paise"),
    [
        pytest.param(date(2024, 6, 9), 100.0, False, 5, id="five paise for all until 9 June 2024"),
        pytest.param(date(2024, 6, 10), 249.99, False, 1, id="one paisa below Rs 250 from 10 June 2024"),
        pytest.param(date(2024, 6, 10), 250.0, False, 5, id="a price on the step takes the upper tick"),
        pytest.param(date(2024, 6, 10), 100.0, True, 5, id="SME series stay at five paise"),
        pytest.param(date(2025, 4, 14), 2_000.0, False, 5, id="five paise above Rs 250 until 14 April 2025"),
        pytest.param(date(2025, 4, 15), 999.95, False, 5, id="below Rs 1,000"),
        pytest.param(date(2025, 4, 15), 1_000.0, False, 10, id="Rs 1,000 sharp: 0.10"),
        pytest.param(date(2025, 4, 15), 5_000.0, False, 50, id="Rs 5,000"),
        pytest.param(date(2025, 4, 15), 10_000.0, False, 100, id="Rs 10,000"),
        pytest.param(date(2025, 4, 15), 20_000.0, False, 500, id="Rs 20,000"),
        pytest.param(date(2025, 4, 15), 30_000.0, True, 5, id="an SME share at any price"),
    ],
)
def test_ticks_follow_the_exchange_s_table(day, rupees, sme, paise):
    """The tick table of each period, at its edges."""
    size = circuits.tick(np.array([round(rupees * 100)]), np.array([day_of(day)]), np.array([sme]))

    assert [paise] == size.tolist()


def flags(rows, *, start=DECEMBER_2025 - timedelta(days=60), series="EQ", ex_day=None):
    """Flags of one stock from (high, close) a session; the previous close is the close before."""
    days = weekdays(len(rows), start)
    stock = bars(days, [close for _, close in rows], high=[high for high, _ in rows], series=series)
    return circuits.flags(
        stock,
        np.zeros(len(rows), dtype=np.int64),
        np.array([day_of(day) for day in days], dtype=np.int32),
        np.array([at == ex_day for at in range(len(rows))]),
    )


def test_a_day_that_closes_at_its_limit_is_locked():
    """Close = high = the 5 % limit of the close before."""
    assert [FIRST, LOCKED] == flags([(100.0, 100.0), (105.0, 105.0)]).tolist()


def test_a_day_that_touches_its_limit_and_comes_off_is_not_locked():
    """A touch is another event: somebody could buy."""
    assert [FIRST, 0] == flags([(100.0, 100.0), (105.0, 104.0)]).tolist()


def test_five_percent_up_is_no_circuit():
    """A close near the limit, but not on it to the paisa."""
    assert [FIRST, 0] == flags([(100.0, 100.0), (105.01, 105.01)]).tolist()


def test_an_ex_date_is_never_locked():
    """Its previous close in the file is not the base of the limit."""
    assert [FIRST, 0] == flags([(100.0, 100.0), (105.0, 105.0)], ex_day=1).tolist()


def test_a_first_bar_is_never_locked():
    """The first session has no usable previous close, whatever the file says."""
    day = [DECEMBER_2025]
    stock = bars(day, [105.0], prev_close=[100.0])

    found = circuits.flags(
        stock, np.zeros(1, np.int64), np.array([day_of(day[0])], np.int32), np.array([False])
    )

    assert [FIRST] == found.tolist()


def test_below_five_rupees_nothing_is_locked():
    """One tick there is more than a percent: limits match by chance."""
    assert [FIRST, 0] == flags([(4.99, 4.99), (5.23, 5.23)]).tolist()
    assert [FIRST, LOCKED] == flags([(5.0, 5.0), (5.25, 5.25)]).tolist()


def test_a_stock_near_a_step_may_carry_its_neighbour_s_tick():
    """GABRIEL, 18 December 2025: base 958.30 has tick 0.05 now; last month it closed above 1,000, tick 0.10."""
    november = weekdays(22, date(2025, 11, 3))
    december = weekdays(14, date(2025, 12, 1))
    closes = [1_010.0] * 22 + [990.0] * 12 + [958.3] + [1_149.9]
    stock = bars([*november[:20], *december], closes[2:])
    sessions = np.unique(stock["date"])

    found = circuits.flags(stock, np.zeros(len(stock), np.int64), sessions, np.zeros(len(stock), bool))

    assert LOCKED == found[-1]
    assert 114_995 == circuits.upper_limit(np.array([95_830]), 20, np.array([5]))[0]


def test_a_gap_of_more_than_250_sessions_begins_a_new_history():
    """251 sessions strictly between two bars: what was before is another stock's story."""
    days = weekdays(260)
    sessions = np.array([day_of(day) for day in days], dtype=np.int32)

    found = {
        gap: circuits.flags(
            bars([days[0], days[gap + 1]], [100.0, 105.0]), np.zeros(2, np.int64), sessions, np.zeros(2, bool)
        ).tolist()
        for gap in (250, 251)
    }

    assert {250: [FIRST, LOCKED], 251: [FIRST, FIRST]} == found
