"""
The 25 features by name, with all that is fixed about each: order, range, look-back and revision.

Their order is the order of the model's columns. Names, order and revisions make the fingerprint, which stands in a
model's manifest and travels with every request, so that a model never scores rows made by other formulas. Whoever
changes a formula raises its revision.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from upper_circuit.market.windows import WINDOW


class Group(StrEnum):
    """Where a feature comes from; it decides which table is missing when nobody has it, and how gaps are filled."""

    TECHNICAL = "technical"
    FINANCIAL = "financial"
    SENTIMENT = "sentiment"
    SEASONALITY = "seasonality"


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the matrix.

    Guaranteed: `low` < `high`; the final value lies between them, or is NaN where nobody has the feature.
    """

    name: str
    group: Group
    low: float
    high: float
    lookback: int
    """Own bars (technical) or exchange sessions (events) that the formula may see; for results, calendar quarters."""
    table: str
    """The table without which the feature is missing for everybody."""
    revision: int = 1


_T, _F, _N, _S = Group.TECHNICAL, Group.FINANCIAL, Group.SENTIMENT, Group.SEASONALITY
_PRICES, _RESULTS, _ANNOUNCEMENTS = "daily_prices", "quarterly_results", "announcement_scores"

CATALOG: tuple[Feature, ...] = (
    Feature("rsi_14", _T, 0.0, 100.0, WINDOW, _PRICES),
    Feature("roc_20", _T, -0.5, 1.5, 21, _PRICES),
    Feature("price_to_sma_50", _T, -0.5, 1.0, 50, _PRICES),
    Feature("sma_50_to_sma_200", _T, -0.5, 1.0, 200, _PRICES),
    Feature("natr_14", _T, 0.0, 0.25, WINDOW, _PRICES),
    Feature("relative_volume_20", _T, 0.0, 20.0, 21, _PRICES),
    Feature("dist_52w_high", _T, -1.0, 0.0, WINDOW, _PRICES),
    Feature("vcp_contraction_ratio", _T, 0.1, 3.0, 120, _PRICES),
    Feature("vcp_volatility_ratio", _T, 0.2, 3.0, WINDOW, _PRICES),
    Feature("vcp_volume_dry_up", _T, 0.0, 5.0, 50, _PRICES),
    Feature("vcp_pivot_proximity", _T, -0.6, 0.3, 120, _PRICES),
    Feature("upper_circuit_count_60", _T, 0.0, 60.0, 60, _PRICES),
    Feature("revenue_growth_yoy", _F, -1.0, 10.0, 5, _RESULTS),
    Feature("revenue_growth_qoq", _F, -1.0, 10.0, 2, _RESULTS),
    Feature("pat_growth_yoy", _F, -10.0, 10.0, 5, _RESULTS),
    Feature("net_profit_margin", _F, -2.0, 2.0, 1, _RESULTS),
    Feature("npm_trend", _F, -0.5, 0.5, 4, _RESULTS),
    Feature("eps_surprise_sue", _F, -10.0, 10.0, 13, _RESULTS),
    Feature("news_sentiment_20", _N, -1.0, 1.0, 20, _ANNOUNCEMENTS),
    Feature("announcement_intensity_5", _N, -3.0, 4.0, 65, _ANNOUNCEMENTS),
    Feature("net_event_score_20", _N, -5.0, 5.0, 20, _ANNOUNCEMENTS),
    Feature("days_to_next_earnings", _S, 0.0, 60.0, 4, _RESULTS),
    Feature("days_since_last_earnings", _S, 0.0, 90.0, 90, _RESULTS),
    Feature("earnings_season_intensity", _S, 0.0, 0.5, 5, _RESULTS),
    Feature("hist_quarter_uc_rate", _S, 0.0, 0.5, WINDOW, _PRICES),
)

FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in CATALOG)
COLUMN: dict[str, int] = {name: at for at, name in enumerate(FEATURE_NAMES)}
LOW: npt.NDArray[np.float64] = np.array([feature.low for feature in CATALOG])
HIGH: npt.NDArray[np.float64] = np.array([feature.high for feature in CATALOG])


def fingerprint(catalog: tuple[Feature, ...]) -> str:
    """Sixteen hex digits that change with a name, the order, a range, a look-back or a revision."""
    text = "\n".join(f"{f.name}:{f.revision}:{f.low}:{f.high}:{f.lookback}" for f in catalog)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


FINGERPRINT = fingerprint(CATALOG)
