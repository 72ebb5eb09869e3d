"""The label, rule by rule, on histories made by hand: flat prices, and a lock where it matters."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from tests.factories.market import Listing, market, weekdays
from tests.factories.training import labels_on, quiet_bars, values_on
from upper_circuit.features import raw
from upper_circuit.market.bands import Bands
from upper_circuit.market.days import day_of
from upper_circuit.market.packed import SERIES
from upper_circuit.training.label import Labeller, Reason

DAYS = weekdays(500)
TODAY = 130
"""Position of the run date: 130 bars lie before it."""
D = DAYS[TODAY]
OTHER = "500999"


def listing(
    *, locked: tuple[int, ...] = (), without: range = range(0), first: int = 0, price: float = 100.0
) -> Listing:
    """A stock with a bar on every session from `first` on but those `without`; positions count sessions."""
    days = [day for at, day in enumerate(DAYS[:200]) if at >= first and at not in without]
    return Listing(quiet_bars(days, locked=[DAYS[at] for at in locked], price=price))


def in_series(stock: Listing, positions: range, name: str) -> Listing:
    """The same stock, in another series on some sessions."""
    changed = stock.bars.copy()
    changed["series"][np.isin(changed["date"], [day_of(DAYS[at]) for at in positions])] = SERIES.index(name)
    return Listing(changed)


def label(stock: Listing, horizon: int = 5) -> float | None:
    """The stock's label on D, beside another stock that trades on every session."""
    return values_on({"500001": stock, OTHER: listing()}, D, horizon=horizon)["500001"]


def reason(stock: Listing) -> Reason:
    """Why the stock has no label on D."""
    return Reason(labels_on({"500001": stock, OTHER: listing()}, D).reason[0])


@pytest.mark.parametrize(
    ("locked", "expected"),
    [
        pytest.param(TODAY, 1.0, id="on the run date itself"),
        pytest.param(TODAY + 4, 1.0, id="on the fifth bar"),
        pytest.param(TODAY + 5, 0.0, id="on the sixth bar"),
        pytest.param(TODAY - 1, 0.0, id="on the day before"),
    ],
)
def test_a_lock_counts_within_the_first_five_bars_from_the_run_date_on(locked, expected):
    """y_5 = 1 if one of the first five own bars dated >= D is locked."""
    stock = listing(locked=(locked,))

    found = label(stock)

    assert expected == found


@pytest.mark.parametrize(("horizon", "expected"), [(1, 0.0), (3, 0.0), (5, 1.0), (20, 1.0)])
def test_the_horizon_is_how_many_bars_are_looked_at(horizon, expected):
    """N = 1, 3, 5 and 20 are the horizons in use; here the lock is on the fourth bar."""
    stock = listing(locked=(TODAY + 3,))

    found = label(stock, horizon)

    assert expected == found


def test_own_bars_are_counted_not_sessions():
    """A stock that misses five of ten sessions has its fifth bar on the tenth; a lock there counts."""
    stock = listing(locked=(TODAY + 9,), without=range(TODAY + 1, TODAY + 6))

    found = label(stock)

    assert 1.0 == found


def test_a_stock_that_is_suspended_too_long_has_no_label():
    """Fewer than N own bars in the first 2N sessions: nothing is known, and nothing is not 0."""
    stock = listing(without=range(TODAY + 1, TODAY + 7))

    found = label(stock)

    assert found is None
    assert Reason.NOT_KNOWN == reason(stock)


def test_a_delisted_stock_has_no_label():
    """A stock whose bars end before the fifth one is not one that did not lock."""
    days = DAYS[: TODAY + 4]

    found = label(Listing(quiet_bars(days)))

    assert found is None


@pytest.mark.parametrize(("sessions", "expected"), [(5, 0.0), (4, None)])
def test_without_n_sessions_on_file_nobody_has_a_label(sessions, expected):
    """The last N - 1 mornings of the data cannot be judged yet."""
    days = DAYS[: TODAY + sessions]

    found = values_on({OTHER: Listing(quiet_bars(days))}, D)

    assert {OTHER: expected} == found


def test_a_lock_in_another_series_does_not_count():
    """Only locks in EQ, BE, BZ, SM and ST are locks of the label."""
    stock = in_series(listing(locked=(TODAY + 2,)), range(TODAY + 2, TODAY + 3), "SZ")

    found = label(stock)

    assert 0.0 == found


def test_a_lock_counts_when_surveillance_has_moved_the_stock():
    """Series BE is where stocks go that lock too often: leaving it out would drop just those."""
    stock = in_series(listing(locked=(TODAY + 2,)), range(TODAY, TODAY + 5), "BE")

    found = label(stock)

    assert 1.0 == found


def test_a_stock_of_another_series_before_the_run_date_is_not_asked_about():
    """The newest bar before D must be in a series that counts."""
    stock = in_series(listing(), range(TODAY - 1, TODAY), "SZ")

    found = label(stock)

    assert found is None
    assert Reason.OTHER_SERIES == reason(stock)


@pytest.mark.parametrize(("first", "expected"), [(TODAY - 120, 0.0), (TODAY - 119, None)])
def test_120_own_bars_are_needed_before_the_run_date(first, expected):
    """A stock listed lately has no year-high and no long mean to be judged by."""
    stock = listing(first=first)

    found = label(stock)

    assert expected == found


@pytest.mark.parametrize(("price", "expected"), [(5.0, 0.0), (4.95, None)])
def test_below_five_rupees_a_stock_is_not_asked_about(price, expected):
    """There one tick is a percent and limits match by chance; Rs 5 itself counts."""
    stock = listing(price=price)

    found = label(stock)

    assert expected == found


def test_a_stock_without_a_fixed_band_has_no_label():
    """Derivatives bring a dynamic band, in which nothing locks."""
    found = values_on({OTHER: listing()}, D, bands=[(OTHER, date(2023, 1, 1), None)])

    assert {OTHER: None} == found


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        pytest.param([(DAYS[TODAY], None)], None, id="in effect on the run date"),
        pytest.param([(DAYS[10], 5.0), (DAYS[TODAY + 1], None)], 0.0, id="not yet in effect"),
        pytest.param([(DAYS[10], None), (DAYS[TODAY], 20.0)], 0.0, id="derivatives have ended"),
        pytest.param([(DAYS[150], None), (DAYS[160], 20.0)], None, id="before every list: the earliest"),
        pytest.param([], 0.0, id="on no list"),
    ],
)
def test_the_newest_list_of_bands_in_effect_counts(lists, expected):
    """The newest row effective <= D, else the earliest on file; a stock on no list has a band."""
    found = values_on({OTHER: listing()}, D, bands=[(OTHER, day, band) for day, band in lists])

    assert {OTHER: expected} == found


@pytest.mark.parametrize(("missed", "expected"), [(250, 0.0), (251, None)])
def test_bars_after_a_gap_of_more_than_250_sessions_are_another_history(missed, expected):
    """The label's bars must be of the history that was known before D, not of the one that begins after it."""
    back = TODAY + missed
    stocks = {"500001": Listing(quiet_bars(DAYS[:TODAY] + DAYS[back:])), OTHER: Listing(quiet_bars(DAYS))}

    found = values_on(stocks, DAYS[back])

    assert {"500001": expected, OTHER: 0.0} == found


def test_bars_before_such_a_gap_do_not_make_a_history_long():
    """120 bars of the newest history are needed, whatever lies before the gap."""
    back = TODAY + 251
    stocks = {"500001": Listing(quiet_bars(DAYS[:TODAY] + DAYS[back:])), OTHER: Listing(quiet_bars(DAYS))}
    days = [DAYS[back + 100], DAYS[back + 110]]

    found = [values_on(stocks, day)["500001"] for day in days]

    assert [None, None] == found


def test_an_ex_date_is_no_lock():
    """On an ex-date the previous close is not the base of the limit."""
    stock = listing(locked=(TODAY + 2,))
    split = Listing(stock.bars, factors=[(DAYS[TODAY + 2], 0.5)])

    found = label(split)

    assert 0.0 == found


def test_the_last_day_a_label_looks_at_is_its_nth_bar():
    """It decides the period a row may belong to, so it is the bar's day, not the session's."""
    stock = listing(without=range(TODAY + 1, TODAY + 4))

    found = labels_on({"500001": stock, OTHER: listing()}, D)

    assert [day_of(DAYS[TODAY + 7]), day_of(DAYS[TODAY + 4])] == found.last_day.tolist()


def test_each_reason_is_the_first_that_holds():
    """Counts of what gave no row must name one cause a row."""
    stocks = {"500001": listing(first=TODAY - 50, price=4.0), "500002": listing(price=4.0), OTHER: listing()}

    found = labels_on(stocks, D, bands=[("500001", D, None)])

    assert [Reason.NO_FIXED_BAND, Reason.LOW_PRICE, Reason.LABELLED] == found.reason.tolist()
    assert [True, True, False] == np.isnan(found.values).tolist()


def test_a_horizon_of_no_bars_is_refused():
    """A label that looks at nothing would be 0 for everybody."""
    with pytest.raises(ValueError, match="a horizon of 0 bars: at least 1 is needed"):
        values_on({OTHER: listing()}, D, horizon=0)


def test_features_of_another_market_are_refused():
    """Stocks are matched by position: one stock too few would shift every label."""
    one, two = market({OTHER: listing()}), market({"500001": listing(), OTHER: listing()})

    with pytest.raises(ValueError, match="labels are made for every stock of the market"):
        Labeller.of(two, Bands.of([], two.codes)).label(raw(one.as_of(D)))
