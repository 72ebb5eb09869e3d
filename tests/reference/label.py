"""The label y_N of section 2.4: does the stock lock within its next N own bars?"""

import math
from datetime import date
from pathlib import Path

import pandas as pd

from tests.reference.inputs import History, read_history
from tests.reference.locked import with_flags

SERIES = ("EQ", "BE", "BZ", "SM", "ST")
FEWEST_BARS = 120
LOWEST_CLOSE = 500  # paise, unadjusted
NO_BAND = "No Band"  # the list of December 2025 names the stocks with derivatives


def labels(folder: Path, run_date: date, horizon: int = 5) -> "pd.Series[float]":
    """1.0, 0.0 or NaN for every stock with a bar before the run date; reads the folder anew."""
    history = read_history(folder)
    return labels_of(history, with_flags(history.prices, history.factors), run_date, horizon)


def labels_of(history: History, bars: pd.DataFrame, run_date: date, horizon: int = 5) -> "pd.Series[float]":
    """As `labels`, from tables already read; `bars` carry the flags of `with_flags`, of all dates.

    Choices: sessions are those of the data; a stock needs no bar in the last 10 sessions to be eligible (the
    rule names none); a bar on or after the run date that begins a new history is none of its own bars.
    """
    day = pd.Timestamp(run_date)
    sessions = pd.DatetimeIndex(bars["date"].unique()).sort_values()
    ahead = sessions[sessions >= day][: 2 * horizon]
    derivatives = set(history.master.index[history.master["nse_band_dec2025"] == NO_BAND])
    before = bars[bars["date"] < day]
    after = bars[bars["date"].isin(ahead)]
    after_of = dict(iter(after.groupby("bse_code")))

    found = {}
    for code, past in before.groupby("bse_code"):
        newest = past.iloc[-1]
        own_before = past[past["history"] == newest["history"]]
        own_after = after_of.get(code, after.iloc[:0])
        own_after = own_after[own_after["history"] == newest["history"]].head(horizon)
        known = (
            len(ahead) >= horizon
            and code not in derivatives
            and len(own_before) >= FEWEST_BARS
            and newest["series"] in SERIES
            and newest["close_paise"] >= LOWEST_CLOSE
            and len(own_after) == horizon
        )
        locked = (own_after["locked"] & own_after["series"].isin(SERIES)).any()
        found[code] = float(locked) if known else math.nan
    return pd.Series(found, name=f"y_{horizon}", dtype="float64")
