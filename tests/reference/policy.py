"""Who is skipped, how values are clipped, and what a missing value becomes: section 3, "Missing".

The order is part of the rule: skip, clip, medians over the traded stocks that stay, fill.
"""

import math

import pandas as pd

from tests.reference import financial, seasonality, sentiment, technical

RANGES: dict[str, tuple[float, float]] = {
    "rsi_14": (0, 100),
    "roc_20": (-0.5, 1.5),
    "price_to_sma_50": (-0.5, 1),
    "sma_50_to_sma_200": (-0.5, 1),
    "natr_14": (0, 0.25),
    "relative_volume_20": (0, 20),
    "dist_52w_high": (-1, 0),
    "vcp_contraction_ratio": (0.1, 3),
    "vcp_volatility_ratio": (0.2, 3),
    "vcp_volume_dry_up": (0, 5),
    "vcp_pivot_proximity": (-0.6, 0.3),
    "upper_circuit_count_60": (0, 60),
    "revenue_growth_yoy": (-1, 10),
    "revenue_growth_qoq": (-1, 10),
    "pat_growth_yoy": (-10, 10),
    "net_profit_margin": (-2, 2),
    "npm_trend": (-0.5, 0.5),
    "eps_surprise_sue": (-10, 10),
    "news_sentiment_20": (-1, 1),
    "announcement_intensity_5": (-3, 4),
    "net_event_score_20": (-5, 5),
    "days_to_next_earnings": (0, 60),
    "days_since_last_earnings": (0, 90),
    "earnings_season_intensity": (0, 0.5),
    "hist_quarter_uc_rate": (0, 0.5),
}
FEATURES = (*technical.FEATURES, *financial.FEATURES, *sentiment.FEATURES, *seasonality.FEATURES)
PEERS = 5
SHORTEST_HISTORY = 60
MOST_MISSING = 12

PRICE_MISSING = "PRICE_MISSING"
SHORT_HISTORY = "SHORT_HISTORY"
TOO_MANY_MISSING = "TOO_MANY_MISSING"

Filled = dict[str, dict[str, str]]


def clipped(raw: pd.DataFrame) -> pd.DataFrame:
    """Every feature cut to its range; NaN stays NaN."""
    low = pd.Series({name: RANGES[name][0] for name in raw.columns})
    high = pd.Series({name: RANGES[name][1] for name in raw.columns})
    return raw.clip(lower=low, upper=high, axis="columns")


def fill(
    values: pd.DataFrame, master: pd.DataFrame, *, allow_missing: bool = False
) -> tuple[pd.DataFrame, Filled]:
    """Values without gaps, and for each stock where every filled value came from.

    `values`: clipped, one row per traded stock that is not skipped. A feature that nobody has stops here,
    unless allowed, and then stays NaN.
    """
    groups = master.reindex(values.index)
    whole = values.copy()
    filled: Filled = {}
    for name in values.columns:
        known = values[name].dropna()
        if known.empty and not allow_missing:
            raise ValueError(f"nobody has {name}: its table is not loaded")
        for code in values.index[values[name].isna()]:
            if known.empty:
                continue
            source, median = _median(known, groups, code, name)
            whole.loc[code, name] = median
            filled.setdefault(code, {})[name] = source
    return whole, filled


def _median(known: "pd.Series[float]", groups: pd.DataFrame, code: str, name: str) -> tuple[str, float]:
    """Median of the stock's industry if 5 peers have the value, else of its sector likewise, else of all."""
    if name in financial.FEATURES and isinstance(groups.loc[code, "industry"], str):
        for level in ("industry", "sector"):
            peers = known[(groups.loc[known.index, level] == groups.loc[code, level]).to_numpy()]
            if len(peers) >= PEERS:
                return level, float(peers.median())
    return "market", float(known.median()) if len(known) else math.nan


def has_too_many_missing(raw: dict[str, float]) -> bool:
    """More than 12 of the 25 are null: whole tables are not loaded."""
    return sum(math.isnan(value) for value in raw.values()) > MOST_MISSING
