"""Which bars are locked at their upper circuit, and which bars are one stock's own history.

The label and three features are counts of this flag, so it is written here a second time, in whole paise,
from section 2.2 (limits and ticks) and the paragraph "Locked" of section 3.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

Paise = npt.NDArray[np.int64]

BANDS = (5, 10, 20)  # percent; bands on file are not used
LOWEST_PREV_CLOSE = 500  # paise: below, one tick is a percent and matches are chance
LONGEST_BREAK = 250  # sessions without a bar; one more and a new history begins
SME_SERIES = ("SM", "ST", "SZ")  # kept the tick of 0.05 at every price and date

FINER_TICK_FROM = pd.Timestamp("2024-06-10")
TICK_TABLE_FROM = pd.Timestamp("2025-04-15")
# A price on a boundary takes the upper row: 1,000.00 has 0.10.
TICK_BOUNDS = np.array([250_00, 1_000_00, 5_000_00, 10_000_00, 20_000_00])
TICKS = np.array([1, 5, 10, 50, 100, 500])


def tick(price: Paise, day: pd.DatetimeIndex, series: npt.NDArray[np.str_]) -> Paise:
    """The tick in paise for prices in paise, all arrays of one shape (n,)."""
    row = np.searchsorted(TICK_BOUNDS, price, side="right")
    by_table = TICKS[row]
    finer = np.where(price < TICK_BOUNDS[0], 1, 5)
    by_date = np.select([day >= TICK_TABLE_FROM, day >= FINER_TICK_FROM], [by_table, finer], default=5)
    return np.where(np.isin(series, SME_SERIES), 5, by_date).astype(np.int64)


def upper_limit(prev_close: Paise, band: int, tick_size: Paise) -> Paise:
    """floor(prev_close * (1 + band) / tick) * tick, all in paise, without a float in between."""
    return prev_close * (100 + band) // (100 * tick_size) * tick_size


def with_flags(prices: pd.DataFrame, factors: pd.DataFrame) -> pd.DataFrame:
    """The bars with `history` (0, 1, ... per stock), `first` (of its history) and `locked`.

    `prices` as History has them: sorted by (bse_code, date). Nothing here looks at a later bar.
    """
    bars = prices.assign(history=_history(prices))
    bars["first"] = ~bars.duplicated(["bse_code", "history"])
    bars["locked"] = _locked(bars, factors)
    return bars


def _history(prices: pd.DataFrame) -> "pd.Series[int]":
    """Number of the history a bar belongs to: more than 250 sessions strictly between two bars start one."""
    sessions = np.sort(prices["date"].unique())
    position = pd.Series(np.searchsorted(sessions, prices["date"].to_numpy()), index=prices.index)
    between = position.groupby(prices["bse_code"]).diff() - 1
    return (between > LONGEST_BREAK).astype(int).groupby(prices["bse_code"]).cumsum()


def _locked(bars: pd.DataFrame, factors: pd.DataFrame) -> npt.NDArray[np.bool_]:
    prev_close = bars["prev_close_paise"].to_numpy()
    high = bars["high_paise"].to_numpy()
    day = pd.DatetimeIndex(bars["date"])
    series = bars["series"].to_numpy().astype(str)

    at_a_limit = np.zeros(len(bars), dtype=bool)
    for tick_price in (_close_of_last_month(bars), prev_close):
        tick_size = tick(tick_price, day, series)
        for band in BANDS:
            at_a_limit |= high == upper_limit(prev_close, band, tick_size)

    ex_dates = pd.MultiIndex.from_frame(factors[["bse_code", "ex_date"]])
    on_ex_date = pd.MultiIndex.from_frame(bars[["bse_code", "date"]]).isin(ex_dates)
    closed_there = bars["close_paise"].to_numpy() == high
    first = bars["first"].to_numpy()
    locked: npt.NDArray[np.bool_] = (
        at_a_limit & closed_there & (prev_close >= LOWEST_PREV_CLOSE) & ~on_ex_date & ~first
    )
    return locked


def _close_of_last_month(bars: pd.DataFrame) -> Paise:
    """Last unadjusted close of the calendar month before a bar's, in paise; without one: its prev_close."""
    month = bars["date"].dt.year * 12 + bars["date"].dt.month
    closes = bars.groupby([bars["bse_code"], month.rename("month")])["close_paise"].last()
    wanted = pd.MultiIndex.from_arrays([bars["bse_code"], month - 1])
    found = closes.reindex(wanted).to_numpy(dtype="float64", na_value=np.nan)
    return np.where(np.isnan(found), bars["prev_close_paise"], found).astype(np.int64)
