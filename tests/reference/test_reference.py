"""The reference on the real market, against the counts that the domain rules state.

The judge is judged here: an independent implementation found the same numbers from the same words.
"""

import gzip
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.reference import policy, seasonality
from tests.reference.inputs import History, read_history
from tests.reference.label import labels_of
from tests.reference.locked import with_flags
from tests.reference.morning import features, result_ages, roster_of
from tests.reference.sessions import sessions_around

pytestmark = pytest.mark.market_data


@pytest.fixture(scope="module")
def history(market_data: Path) -> History:
    """The whole archive, read once for this module."""
    return read_history(market_data)


@pytest.fixture(scope="module")
def bars(history: History) -> pd.DataFrame:
    """All bars with their flags."""
    return with_flags(history.prices, history.factors)


def test_the_locked_days_are_those_of_the_derived_list_but_for_the_stated_ones(
    market_data: Path, bars: pd.DataFrame
) -> None:
    """49,871 of 50,027 are found; of the others 119 are first bars and 37 need another tick; 30 are more."""
    with gzip.open(market_data / "nse-eod/upper_circuit_locked_days_derived.csv.gz", "rt") as file:
        listed = pd.read_csv(file, usecols=["bse_code", "date"], dtype=str)
    listed = listed[listed["bse_code"].notna()]
    keys = pd.MultiIndex.from_arrays(
        [listed["bse_code"].str.removesuffix(".0"), pd.to_datetime(listed["date"])]
    )
    is_listed = pd.MultiIndex.from_frame(bars[["bse_code", "date"]]).isin(keys)

    found = (is_listed & bars["locked"]).sum()
    first = (is_listed & ~bars["locked"] & bars["first"]).sum()
    other_tick = (is_listed & ~bars["locked"] & ~bars["first"]).sum()
    more = (~is_listed & bars["locked"]).sum()

    assert (50_027, 49_871, 119, 37, 30) == (len(listed), found, first, other_tick, more)


def test_the_roster_and_the_labels_of_17_december_2025(history: History, bars: pd.DataFrame) -> None:
    """Of 4,555 ACTIVE: 1,975 scored, 2,570 without prices, 10 too young; 35 ones and 1,650 zeros."""
    roster = roster_of(bars, sessions_around(history, date(2025, 12, 17)))
    active = history.master.index[history.master["status"] == "ACTIVE"]

    missing = active.difference(roster.traded)
    young = active.intersection([c for c, why in roster.reasons.items() if why == policy.SHORT_HISTORY])
    scored = active.difference(missing).difference(young)
    y = labels_of(history, bars, date(2025, 12, 17)).reindex(scored)
    derivatives = (history.master.loc[scored, "nse_band_dec2025"] == "No Band").sum()

    assert (4_555, 2_570, 10, 1_975) == (len(active), len(missing), len(young), len(scored))
    assert (35, 1_650, 205) == ((y == 1).sum(), (y == 0).sum(), derivatives)


@pytest.mark.parametrize(("run_date", "intensity"), [(date(2025, 11, 17), 0.453), (date(2025, 12, 17), 0.0)])
def test_the_season_s_intensity_is_the_stated_one(
    history: History, bars: pd.DataFrame, run_date: date, intensity: float
) -> None:
    """0.453 on 2025-11-17, after the deadline days of November; 0 a month later."""
    sessions = sessions_around(history, run_date)
    roster = roster_of(bars, sessions)

    climate = seasonality.climate(roster.bars, result_ages(history, sessions), roster.traded, sessions)

    assert intensity == pytest.approx(climate.season_intensity, abs=5e-4)
    assert 0.012 == pytest.approx(climate.lock_rate, abs=1e-3)


def test_a_morning_of_the_small_market_is_whole_and_within_its_ranges(market_data: Path) -> None:
    """220 stocks, no gap left, every value inside its range, and what was filled was null before."""
    morning = features(market_data / "mini", date(2025, 12, 17))

    low = pd.Series({name: bounds[0] for name, bounds in policy.RANGES.items()})
    high = pd.Series({name: bounds[1] for name, bounds in policy.RANGES.items()})
    gaps = {(code, name) for code, names in morning.filled.items() for name in names}
    nulls = {(code, name) for name in morning.raw for code in morning.raw.index[morning.raw[name].isna()]}
    assert (220, 25) == morning.values.shape
    assert list(policy.RANGES) == list(morning.values.columns)
    assert morning.values.ge(low).all(axis=None)
    assert morning.values.le(high).all(axis=None)
    assert nulls == gaps


def test_a_run_date_that_is_no_session_is_refused(history: History) -> None:
    """Sunday 2025-12-14: the next session is named."""
    with pytest.raises(ValueError, match="2025-12-14 is no session; the next one is 2025-12-15"):
        sessions_around(history, date(2025, 12, 14))
