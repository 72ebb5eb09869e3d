"""The 6 financial features of one stock, written from section 3.2.

Quarters are counted as year * 4 + (quarter - 1), so that "n quarters before" is a subtraction and a quarter
that was never filed is simply absent instead of shifting its neighbours.
"""

import math
import statistics
from dataclasses import dataclass

import pandas as pd

from tests.reference.inputs import Splits

FEATURES = (
    "revenue_growth_yoy",
    "revenue_growth_qoq",
    "pat_growth_yoy",
    "net_profit_margin",
    "npm_trend",
    "eps_surprise_sue",
)
STANDALONE = ("Non-Consolidated", "Standalone")
FIGURES = ("revenue", "net_profit", "eps")
UNIT_SLIPS = (1e5, 1e7)  # lakh and crore in place of rupees
OLDEST_DAYS = 200  # from the quarter's end to the run date


@dataclass(frozen=True, slots=True)
class Quarter:
    """One filed quarter in rupees, eps adjusted as of the run date; NaN where nothing usable was filed."""

    revenue: float
    net_profit: float
    eps: float
    announced_at: pd.Timestamp


def first_filings(results: pd.DataFrame) -> pd.DataFrame:
    """Standalone rows, the first of each (stock, quarter), with `quarter` counted and slips of unit nulled.

    Choices: the earlier row of the file wins between equal stamps; a slip is judged once at load, over all
    filings of the file, on the figures as filed (also those that are slips themselves); neighbours that are
    absent or null do not count, a neighbour of 0 has no ratio and so keeps the figure; "an eps of 0 beside a
    profit" is judged on the profit as filed, and a null profit is none.
    """
    rows = results[results["consolidated"].isin(STANDALONE)]
    rows = rows.sort_values("announced_at", kind="stable").drop_duplicates(["bse_code", "quarter_end"])
    rows = rows.assign(quarter=rows["quarter_end"].dt.year * 4 + rows["quarter_end"].dt.quarter - 1)
    filed = rows.set_index(["bse_code", "quarter"])
    usable = rows.copy()
    for figure in FIGURES:
        usable.loc[_slips(rows, filed[figure]), figure] = math.nan
    silent = (rows["eps"] == 0) & rows["net_profit"].notna() & (rows["net_profit"] != 0)
    usable.loc[silent, "eps"] = math.nan
    return usable.reset_index(drop=True)


def _slips(rows: pd.DataFrame, filed: "pd.Series[float]") -> "pd.Series[bool]":
    """True where the figure is 1e5 or 1e7 times (within a factor 3) every neighbouring quarter on file."""
    neighbours = pd.DataFrame(
        {
            step: filed.reindex(pd.MultiIndex.from_arrays([rows["bse_code"], rows["quarter"] + step]))
            .abs()
            .to_numpy()
            for step in (-1, 1)
        },
        index=rows.index,
    )
    own = pd.Series(filed.abs().to_numpy(), index=rows.index)
    times = neighbours.rdiv(own, axis=0).where(neighbours != 0, math.inf).where(neighbours.notna())
    slipped = pd.DataFrame(False, index=rows.index, columns=times.columns)
    for slip in UNIT_SLIPS:
        slipped |= (times >= slip / 3) & (times <= slip * 3)
    return neighbours.notna().any(axis=1) & (slipped | times.isna()).all(axis=1) & own.notna()


def quarters_of(filings: pd.DataFrame, splits: Splits, as_of: pd.Timestamp) -> dict[int, Quarter]:
    """One stock's filings, already cut at the run date, by quarter; eps times the splits since its filing."""
    quarters = {}
    for row in filings.to_dict("records"):
        announced = row["announced_at"].normalize()
        since = [factor for ex_date, factor in splits if announced < ex_date <= as_of]
        quarters[int(row["quarter"])] = Quarter(
            revenue=row["revenue"],
            net_profit=row["net_profit"],
            eps=row["eps"] * math.prod(since),
            announced_at=row["announced_at"],
        )
    return quarters


def newest_quarter(quarters: dict[int, Quarter], run_date: pd.Timestamp) -> int | None:
    """Q0, the greatest quarter announced; None if there is none or it ended more than 200 days ago."""
    if not quarters:
        return None
    q0 = max(quarters)
    ended = pd.Period(year=q0 // 4, quarter=q0 % 4 + 1, freq="Q").end_time.normalize()
    return q0 if (run_date - ended).days <= OLDEST_DAYS else None


def financial(quarters: dict[int, Quarter], q0: int | None) -> dict[str, float]:
    """The 6 values before clipping, as fractions; NaN for null, all of them without a valid Q0."""
    if q0 is None:
        return dict.fromkeys(FEATURES, math.nan)
    return {
        "revenue_growth_yoy": _growth(_figure(quarters, q0, "revenue"), _figure(quarters, q0 - 4, "revenue")),
        "revenue_growth_qoq": _growth(_figure(quarters, q0, "revenue"), _figure(quarters, q0 - 1, "revenue")),
        "pat_growth_yoy": _change(
            _figure(quarters, q0, "net_profit"), _figure(quarters, q0 - 4, "net_profit")
        ),
        "net_profit_margin": _margin(quarters, q0),
        "npm_trend": _margin_slope(quarters, q0),
        "eps_surprise_sue": _surprise(quarters, q0),
    }


def _figure(quarters: dict[int, Quarter], quarter: int, name: str) -> float:
    return float(getattr(quarters[quarter], name)) if quarter in quarters else math.nan


def _growth(now: float, before: float) -> float:
    return now / before - 1 if before > 0 else math.nan


def _change(now: float, before: float) -> float:
    return (now - before) / abs(before) if before != 0 else math.nan


def _margin(quarters: dict[int, Quarter], quarter: int) -> float:
    revenue = _figure(quarters, quarter, "revenue")
    return _figure(quarters, quarter, "net_profit") / revenue if revenue > 0 else math.nan


def _margin_slope(quarters: dict[int, Quarter], q0: int) -> float:
    """Least-squares slope over x = -3..0 of the margins that exist, each clipped to -2..2 first."""
    points = [(x, min(max(_margin(quarters, q0 + x), -2.0), 2.0)) for x in (-3, -2, -1, 0)]
    points = [(x, y) for x, y in points if not math.isnan(_margin(quarters, q0 + x))]
    if len(points) < 3:
        return math.nan
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def _surprise(quarters: dict[int, Quarter], q0: int) -> float:
    """d(Q0) over the sample deviation of d(Q-1)..d(Q-8), d = eps less the eps of a year earlier."""

    def d(quarter: int) -> float:
        return _figure(quarters, quarter, "eps") - _figure(quarters, quarter - 4, "eps")

    past = [d(q0 - n) for n in range(1, 9)]
    past = [value for value in past if not math.isnan(value)]
    if len(past) < 6:
        return math.nan
    s = statistics.stdev(past)
    return d(q0) / s if s > 1e-12 else math.nan
