"""Training rows are the rows that serving would have made that morning."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache

import numpy as np

from tests.factories.market import Filing, Item, Listing, bars, market, master, weekdays
from upper_circuit.features import CrossSection, fill, raw
from upper_circuit.market.bands import Bands
from upper_circuit.market.days import IST, date_of, day_of, moment_of
from upper_circuit.market.packed import SERIES
from upper_circuit.training.dataset import Dataset, stack
from upper_circuit.training.label import Labeller
from upper_circuit.training.split import Period

DAYS = weekdays(200)
RUN_DAYS = [day_of(day) for day in DAYS[150:180:10]]
UNTIL = day_of(DAYS[176])
TOLD = moment_of(datetime(2023, 7, 20, 18, 0, tzinfo=IST))
DELISTED, DERIVATIVES, YOUNG, SMALL, LATE = "500003", "500004", "500005", "500006", "500007"


@cache
def listings() -> dict[str, Listing]:
    """Random walks; some of them leave, come late, or have derivatives."""
    rng = np.random.default_rng(3)
    days = dict.fromkeys(("500001", "500002", DERIVATIVES, SMALL), DAYS)
    days |= {DELISTED: DAYS[:166], YOUNG: DAYS[70:], LATE: DAYS[:171] + DAYS[175:]}
    found = {}
    for code, own in days.items():
        close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.02, len(own)))), 2)
        spread = np.round(close * 0.01, 2)
        found[code] = Listing(
            bars(
                own,
                close,
                high=close + spread,
                low=close - spread,
                volume=rng.integers(1_000, 9_000, len(own)),
            ),
            filings=[Filing(date(2023, 6, 30), TOLD, revenue=1e9, net_profit=1e8, eps=2.0)],
            items=[Item(TOLD, score=0.5, event=1)],
            status="DELISTED" if code == DELISTED else "ACTIVE",
        )
    locked = found["500002"].bars
    locked["high"][148] = locked["close"][148] = locked["prev_close"][148] * 105 // 500 * 5
    locked["prev_close"][149] = locked["close"][148]
    found[SMALL].bars["series"] = SERIES.index("SM")
    return found


@cache
def stacked() -> Dataset:
    """Three mornings of that market."""
    whole = market(listings())
    bands = Bands.of([(DERIVATIVES, DAYS[0], None)], whole.codes)
    period = Period(np.array(RUN_DAYS, np.int32), UNTIL)
    return stack(Labeller.of(whole, bands), master(listings()), period, name="rows", progress=lambda *_: None)


def rows_of(code: str) -> np.ndarray:
    """Which rows are a stock's."""
    dataset = stacked()
    return dataset.stock == dataset.codes.index(code)


def test_a_row_is_what_serving_made_of_that_morning():
    """The same as_of, cross-section and fill: bit for bit, over every row."""
    whole, names, dataset = market(listings()), master(listings()), stacked()
    expected = []
    for day in RUN_DAYS:
        features = raw(whole.as_of(date_of(day)))
        matrix = fill(features, CrossSection.of(features, names), names, whole.codes)
        at = {code: row for row, code in enumerate(matrix.codes)}
        expected += [matrix.values[at[dataset.codes[stock]]] for stock in dataset.stock[dataset.day == day]]

    assert len(dataset) == len(expected) > 0
    assert np.array_equal(np.array(expected), dataset.values, equal_nan=True)
    assert (np.float32, True) == (dataset.values.dtype, dataset.values.flags.c_contiguous)


def test_a_stock_counts_on_the_days_it_traded_whatever_became_of_it():
    """Leaving out the delisted would train on survivors."""
    found = stacked().day[rows_of(DELISTED)]

    assert RUN_DAYS[:2] == found.tolist()


def test_stocks_without_a_label_give_no_row_and_are_counted():
    """Derivatives on three mornings; fewer than 120 bars on all of them, but enough for features on the last two."""
    dataset = stacked()

    assert not rows_of(DERIVATIVES).any()
    assert not rows_of(YOUNG).any()
    assert {"NO_FIXED_BAND": 3, "FEW_BARS": 3} == {
        name: dataset.left_out[name] for name in ("NO_FIXED_BAND", "FEW_BARS")
    }


def test_a_row_whose_label_reaches_past_the_period_is_left_out():
    """The stock that pauses for four sessions has its fifth bar two sessions after the period."""
    found = stacked()

    assert RUN_DAYS[:2] == found.day[rows_of(LATE)].tolist()
    assert 1 == found.left_out["BEYOND_PERIOD"]


def test_rows_know_their_series_and_whether_a_run_of_locks_is_on():
    """Fresh: no lock in the newest five own bars; the lock of session 148 is old on the second morning."""
    dataset = stacked()

    assert dataset.of_series("SM").tolist() == rows_of(SMALL).tolist()
    assert [False, True, True] == dataset.fresh[rows_of("500002")].tolist()
    assert [True, True, True] == dataset.fresh[rows_of("500001")].tolist()


def test_tables_that_were_not_loaded_are_counted_by_morning():
    """A user with prices alone is told so; features of the tables are missing, not 0."""
    prices = {code: Listing(listing.bars) for code, listing in listings().items()}
    whole = market(prices)
    labeller = Labeller.of(whole, Bands.of([], whole.codes))
    period = Period(np.array(RUN_DAYS[:2], np.int32), UNTIL)

    dataset = stack(labeller, master(prices), period, name="rows", progress=lambda *_: None)

    assert {"announcement_scores": 2, "quarterly_results": 2} == dataset.missing_tables
    assert len(dataset) > 0
    assert np.isnan(dataset.values[:, 12:24]).all()


def test_progress_is_told_morning_by_morning():
    """Three mornings: 1, 2 and 3 of 3."""
    told = []
    whole = market(listings())
    labeller = Labeller.of(whole, Bands.of([], whole.codes))

    stack(
        labeller,
        master(listings()),
        Period(np.array(RUN_DAYS, np.int32), UNTIL),
        name="rows",
        progress=lambda *of: told.append(of),
    )

    assert [("rows", 1, 3), ("rows", 2, 3), ("rows", 3, 3)] == told
