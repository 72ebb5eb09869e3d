"""The 4 seasonality features, written from section 3.4, and the two market figures they need."""

from dataclasses import dataclass

import pandas as pd

from tests.reference.financial import Quarter
from tests.reference.sessions import Sessions

FEATURES = (
    "days_to_next_earnings",
    "days_since_last_earnings",
    "earnings_season_intensity",
    "hist_quarter_uc_rate",
)
FAR = 60  # sessions: no expected date
NEVER = 90  # sessions: no result yet


@dataclass(frozen=True, slots=True)
class Climate:
    """What holds for the whole market on a run date, taken over the traded stocks.

    `lock_rate` (m): locked days over all bars of the 252 sessions ending at as_of, in bars of any history.
    `season_intensity`: share of the stocks ever heard of with a result of age 0..4.
    """

    lock_rate: float
    season_intensity: float


def climate(bars: pd.DataFrame, result_ages: pd.DataFrame, traded: pd.Index, sessions: Sessions) -> Climate:
    """`bars` before the run date, of all stocks; `result_ages` with bse_code and age, of any basis.

    Choice: "any result" is any row of the table, whatever its basis and also a filing made again.
    """
    year = bars[bars["bse_code"].isin(traded) & (bars["date"] >= sessions.last(252)[0])]
    heard = result_ages[result_ages["bse_code"].isin(traded)]
    reported = heard.loc[heard["age"] <= 4, "bse_code"].nunique()
    ever = heard["bse_code"].nunique()
    return Climate(
        lock_rate=float(year["locked"].sum() / len(year)),
        season_intensity=reported / ever if ever else 0.0,
    )


def days_to_next_earnings(
    sessions: Sessions, meetings: pd.DataFrame, quarters: dict[int, Quarter], q0: int | None
) -> float:
    """Sessions from the run date up to the expected date of the next result, 0..60.

    `meetings`: one stock's, published before the cutoff, for financial results. `quarters`: likewise cut.
    """
    coming = meetings[meetings["meeting_date"] >= sessions.run_date]
    if len(coming):
        return float(min(sessions.until(coming["meeting_date"].min()), FAR))
    if q0 is None or q0 - 3 not in quarters:
        return float(FAR)
    last_year = quarters[q0 - 3].announced_at.normalize()
    expected = last_year + pd.DateOffset(years=1)  # of 29 Feb: 28 Feb
    return float(min(sessions.until(expected), FAR))


def days_since_last_earnings(ages: "pd.Series[int]") -> float:
    """Age of the newest of one stock's results (any row of the table); 90 if it never had one."""
    return float(min(ages.min(), NEVER)) if len(ages) else float(NEVER)


def hist_quarter_uc_rate(bars: pd.DataFrame, run_date: pd.Timestamp, lock_rate: float) -> float:
    """(k + 40 m)/(n + 40) over the run date's calendar quarter one, two and three years earlier.

    `bars`: all bars of the stock's newest history, not only the newest 252.
    Choice: the quarter that contains the run date itself does not count.
    """
    quarter = run_date.to_period("Q")
    same = bars["date"].dt.to_period("Q").isin([quarter - 4 * years for years in (1, 2, 3)])
    k = int(bars.loc[same, "locked"].sum())
    n = int(same.sum())
    return (k + 40 * lock_rate) / (n + 40)
