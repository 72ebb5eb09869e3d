"""The reference's formulas on numbers small enough to work out on paper."""

import math

import numpy as np
import pandas as pd
import pytest

from tests.reference import policy, seasonality, sentiment
from tests.reference.financial import Quarter
from tests.reference.sessions import Sessions
from tests.reference.technical import Window, contraction, pullbacks, swing_highs, technical
from tests.reference.tiny import bars_of, sessions_from

# A base of two swing highs, 20 at index 3 and 18 at index 8, with lows of 15 and 16 behind them.
HIGHS = np.array([10.0, 11, 12, 20, 15, 16, 16, 16.5, 18, 17, 17, 17])
LOWS = np.array([9.0, 10, 11, 14, 15, 15.5, 15.5, 16, 17, 16.2, 16, 16.5])
STILL = dict.fromkeys(policy.FEATURES, 0.0)


def calm(n: int) -> Window:
    """A stock that never moved and was never traded."""
    flat = np.full(n, 100.0)
    return Window(high=flat, low=flat, close=flat, volume=np.zeros(n), locked=np.zeros(n, dtype=bool))


def test_a_swing_high_tops_three_bars_before_and_is_not_topped_by_three_after() -> None:
    """Strict before, not strict after, and all seven bars inside the window."""
    assert [3, 8] == swing_highs(HIGHS)
    assert [] == swing_highs(HIGHS[:6])


def test_depths_run_from_each_swing_high_to_the_low_before_the_next() -> None:
    """The swing high's own low does not count; the last pullback runs to the newest bar."""
    depths, pivot = pullbacks(HIGHS, LOWS)

    assert pytest.approx([1 - 15 / 20, 1 - 16 / 18]) == depths
    assert 18.0 == pivot


def test_shallow_pullbacks_are_struck_and_the_pivot_stays() -> None:
    """Depths below 0.02 leave the list; nothing is merged."""
    depths, pivot = pullbacks(HIGHS, np.where(LOWS >= 16, 17.9, LOWS))

    assert pytest.approx([1 - 15 / 20]) == depths
    assert 18.0 == pivot


def test_contraction_is_the_geometric_mean_of_steps() -> None:
    """Depths 0.4, 0.2, 0.05: steps 1/2 and 1/4, mean sqrt(1/8)."""
    assert pytest.approx(math.sqrt(1 / 8)) == contraction([0.4, 0.2, 0.05])
    assert math.isnan(contraction([0.4]))


def test_a_stock_that_never_moved_has_rsi_0_and_null_ratios() -> None:
    """No rise and no fall is 0, as in TA-Lib; a ratio with a zero denominator is null."""
    values = technical(calm(60))

    null = {name for name, value in values.items() if math.isnan(value)}
    assert 0.0 == values["rsi_14"]
    assert {
        "sma_50_to_sma_200",
        "relative_volume_20",
        "dist_52w_high",
        "vcp_contraction_ratio",
        "vcp_volatility_ratio",
        "vcp_volume_dry_up",
    } == null


def test_the_long_features_begin_at_120_bars() -> None:
    """With 119 bars the long mean and the year's high are null, with 120 they take all bars."""
    assert math.isnan(technical(calm(119))["dist_52w_high"])
    assert 0.0 == technical(calm(120))["dist_52w_high"]
    assert 0.0 == technical(calm(120))["sma_50_to_sma_200"]


@pytest.mark.parametrize(
    ("category", "text", "found"),
    [
        ("Bagging/Receiving of  orders/contracts", None, (0.6, 1)),
        ("CIRP - COMMENCEMENT", None, (-0.9, -1)),
        ("Updates", "rating downgraded", (0.0, 0)),
        ("Credit Rating", None, (0.0, 0)),
        ("Credit Rating- New", "Upgraded; an earlier downgrade is past", (-0.7, -1)),
        ("Credit Rating", "has been UPGRADED", (0.6, 1)),
        ("Resignation", "Mr X, CFO of the company", (-0.5, -1)),
        ("Resignation", "company secretary", (-0.2, 0)),
        ("Resignation of Independent director", "managing director", (-0.2, 0)),
    ],
)
def test_an_announcement_scores_by_category_and_then_by_text(
    category: str, text: str | None, found: tuple[float, int]
) -> None:
    """The lexicon's first match replaces both figures, in its own categories only."""
    assert found == sentiment.score(category, text)


def test_sentiment_halves_every_five_sessions_and_routine_items_dilute_it() -> None:
    """Items of age 0 (s 0.6), 5 (s 0), 20 (too old for the mean): 0.6/1.5; two events; log1p(1) - log1p(2/12)."""
    items = pd.DataFrame({"age": [0, 5, 20], "s": [0.6, 0.0, -0.9], "e": [1, 1, -1]})

    values = sentiment.sentiment(items)

    assert pytest.approx(0.4) == values["news_sentiment_20"]
    assert pytest.approx(math.log(2) - math.log(1 + 2 / 12)) == values["announcement_intensity_5"]
    assert 2.0 == values["net_event_score_20"]


def test_silence_is_zero() -> None:
    """A stock without announcements has a value, not a gap."""
    items = pd.DataFrame({"age": [], "s": [], "e": []})

    assert {0.0} == set(sentiment.sentiment(items).values())


# Monday 2025-03-03; sessions before it end on Friday, Holi (14 March) is left out.
MARCH = Sessions(
    run_date=pd.Timestamp("2025-03-03"),
    past=sessions_from("2025-02-17", 10),
    future=sessions_from("2025-03-03", 90).delete(9),
)


def test_ages_count_sessions_after_the_event_s_date() -> None:
    """Friday evening, Saturday and Monday before 07:00 are of age 0; Thursday is 1; the Friday before is 5."""
    moments = [
        "2025-02-28 18:00",
        "2025-03-01 10:00",
        "2025-03-03 06:59",
        "2025-02-27 09:00",
        "2025-02-21 23:00",
    ]

    ages = MARCH.age(pd.Series(pd.DatetimeIndex(moments)))

    assert [0, 0, 0, 1, 5] == ages.tolist()


NO_MEETINGS = pd.DataFrame({"meeting_date": pd.DatetimeIndex([])})


@pytest.mark.parametrize(
    ("announced", "days"),
    [
        pytest.param("2024-03-10 20:00", 5, id="Monday of the next week"),
        pytest.param("2024-03-17 20:00", 9, id="a holiday between"),
        pytest.param("2024-02-29 20:00", 0, id="29 Feb becomes 28 Feb, and that is past"),
        pytest.param("2024-07-30 20:00", 60, id="no further than 60"),
    ],
)
def test_the_next_result_is_expected_a_year_after_last_year_s(announced: str, days: int) -> None:
    """Without a meeting on file the quarter after Q0 is expected on last year's date."""
    last_year = Quarter(1.0, 1.0, 1.0, pd.Timestamp(announced))

    found = seasonality.days_to_next_earnings(MARCH, NO_MEETINGS, {1: last_year}, 4)

    assert days == found


def test_a_published_meeting_comes_before_last_year_s_date() -> None:
    """The earliest meeting on or after the run date decides; a past one does not."""
    meetings = pd.DataFrame({"meeting_date": pd.DatetimeIndex(["2025-02-28", "2025-03-11", "2025-03-05"])})

    found = seasonality.days_to_next_earnings(MARCH, meetings, {}, None)

    assert 2.0 == found


def test_the_quarter_s_lock_rate_is_drawn_to_the_market_s() -> None:
    """Two locks in three bars of the quarter a year ago, 40 bars of the market's 0.01: 2.4 / 43."""
    days = pd.DatetimeIndex(["2023-12-29", "2024-01-01", "2024-02-01", "2024-03-28", "2025-01-02"])
    bars = bars_of(days).assign(locked=[True, True, True, False, True])

    rate = seasonality.hist_quarter_uc_rate(bars, pd.Timestamp("2025-03-03"), 0.01)

    assert pytest.approx(2.4 / 43) == rate


def test_a_gap_is_filled_from_five_peers_of_the_industry_else_the_sector_else_the_market() -> None:
    """Financial features know industries; every other feature takes the market's median."""
    tea, coffee, steel = ["Tea"] * 6, ["Coffee"] * 2, ["Steel"] * 2
    codes = [f"5000{n:02}" for n in range(11)]
    master = pd.DataFrame(
        {"industry": [*tea, *coffee, *steel, None], "sector": ["Plants"] * 8 + ["Metal"] * 2 + [None]},
        index=codes,
    )
    margin = [1.0, 2, 3, 4, 5, math.nan, 60, math.nan, 70, math.nan, math.nan]
    values = pd.DataFrame(
        {"net_profit_margin": margin, "vcp_contraction_ratio": [math.nan, *range(1, 11)]}, index=codes
    )

    whole, filled = policy.fill(values, master)

    assert [3.0, 3.5, 4.0, 4.0] == whole["net_profit_margin"].to_numpy()[[5, 7, 9, 10]].tolist()
    assert {
        "500000": {"vcp_contraction_ratio": "market"},
        "500005": {"net_profit_margin": "industry"},
        "500007": {"net_profit_margin": "sector"},
        "500009": {"net_profit_margin": "market"},
        "500010": {"net_profit_margin": "market"},
    } == filled
    assert 5.5 == whole.loc["500000", "vcp_contraction_ratio"]


def test_a_feature_that_nobody_has_stops_the_morning() -> None:
    """It means that a whole table is not loaded; one may go on with NaN, but only when told to."""
    values = pd.DataFrame({"npm_trend": [math.nan]}, index=["500001"])
    master = pd.DataFrame({"industry": ["Tea"], "sector": ["Plants"]}, index=["500001"])

    with pytest.raises(ValueError, match="nobody has npm_trend"):
        policy.fill(values, master)
    whole, filled = policy.fill(values, master, allow_missing=True)

    assert whole["npm_trend"].isna().all()
    assert {} == filled


@pytest.mark.parametrize(("nulls", "skipped"), [(12, False), (13, True)])
def test_more_than_twelve_nulls_are_too_many(nulls: int, skipped: bool) -> None:
    """Twelve of 25 may be null, thirteen may not."""
    row = STILL | dict.fromkeys(policy.FEATURES[:nulls], math.nan)

    assert skipped == policy.has_too_many_missing(row)
