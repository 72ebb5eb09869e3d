"""The reference's circuit rule against the exchange's own figures and against cases worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from tests.reference.label import labels_of
from tests.reference.locked import tick, upper_limit, with_flags
from tests.reference.technical import technical, window_of
from tests.reference.tiny import bars_of, factors_of, history_of, sessions_from


@pytest.mark.parametrize(
    ("prev_close", "band", "tick_size", "limit"),
    [
        pytest.param(145_16, 20, 1, 174_19, id="AGRITECH"),
        pytest.param(142_53, 5, 1, 149_65, id="RELINFRA"),
        pytest.param(11_20, 20, 1, 13_44, id="TCIFINANCE"),
        pytest.param(3_09, 2, 1, 3_15, id="GVKPIL"),
        pytest.param(775_05, 10, 5, 852_55, id="PKTEA"),
        pytest.param(3214_90, 10, 10, 3536_30, id="THANGAMAYL"),
        pytest.param(958_30, 20, 10, 1149_90, id="GABRIEL"),
    ],
)
def test_a_limit_is_the_one_on_the_exchange_s_list_of_hitters(
    prev_close: int, band: int, tick_size: int, limit: int
) -> None:
    """The limit is the base plus the band, floored to the tick, in whole paise."""
    found = upper_limit(np.array([prev_close]), band, np.array([tick_size]))

    assert [limit] == found.tolist()


@pytest.mark.parametrize(
    ("price", "day", "series", "paise"),
    [
        pytest.param(100_00, "2024-06-09", "EQ", 5, id="before the finer tick"),
        pytest.param(249_99, "2024-06-10", "EQ", 1, id="finer below 250"),
        pytest.param(250_00, "2024-06-10", "EQ", 5, id="250 is not below 250"),
        pytest.param(5_000_00, "2025-04-14", "EQ", 5, id="the day before the table"),
        pytest.param(249_99, "2025-04-15", "BE", 1, id="first row"),
        pytest.param(999_95, "2025-04-15", "EQ", 5, id="second row"),
        pytest.param(1_000_00, "2025-04-15", "EQ", 10, id="a boundary takes the upper row"),
        pytest.param(5_000_00, "2025-04-15", "EQ", 50, id="fourth row"),
        pytest.param(10_000_00, "2025-04-15", "EQ", 100, id="fifth row"),
        pytest.param(20_000_00, "2025-04-15", "EQ", 500, id="last row"),
        pytest.param(100_00, "2025-04-15", "SM", 5, id="small companies kept 0.05"),
    ],
)
def test_the_tick_follows_date_price_and_series(price: int, day: str, series: str, paise: int) -> None:
    """The tick is that of the table in force on the day; series SM, ST and SZ never left 0.05."""
    found = tick(np.array([price]), pd.DatetimeIndex([day]), np.array([series]))

    assert [paise] == found.tolist()


def test_a_bar_that_closes_at_its_high_on_the_limit_is_locked() -> None:
    """A lock needs close = high = limit; the first bar of a stock is never one."""
    bars = bars_of(
        sessions_from("2025-01-01", 4),
        prev_close=[100.0, 105.0, 110.25, 115.76],
        high=[105.0, 110.25, 115.76, 121.54],
        close=[105.0, 110.25, 115.75, 121.54],
    )

    flagged = with_flags(bars, factors_of())

    assert [False, True, False, True] == flagged["locked"].tolist()


@pytest.mark.parametrize(
    ("prev_close", "high", "locked"),
    [
        pytest.param(5.0, 5.25, True, id="at 5 rupees"),
        pytest.param(4.99, 5.23, False, id="below 5 rupees"),
        pytest.param(100.0, 102.0, False, id="2 percent is not tested"),
        pytest.param(100.0, 110.0, True, id="10 percent"),
        pytest.param(100.0, 120.0, True, id="20 percent"),
        pytest.param(100.0, 119.99, False, id="one tick short"),
    ],
)
def test_only_exact_limits_of_prices_from_5_rupees_count(
    prev_close: float, high: float, locked: bool
) -> None:
    """Bands 5, 10 and 20 are tested by equality, from a previous close of Rs 5."""
    bars = bars_of(
        sessions_from("2025-01-01", 2),
        prev_close=[100.0, prev_close],
        high=[100.0, high],
        close=[100.0, high],
    )

    flagged = with_flags(bars, factors_of())

    assert locked == flagged["locked"].tolist()[1]


def test_an_ex_date_is_never_locked() -> None:
    """On an ex-date the file's previous close is not the base price, so a match means nothing."""
    days = sessions_from("2025-01-01", 3)
    bars = bars_of(
        days, prev_close=[100.0, 100.0, 105.0], high=[100.0, 105.0, 110.25], close=[100.0, 105.0, 110.25]
    )

    flagged = with_flags(bars, factors_of((days[1], 0.5)))

    assert [False, False, True] == flagged["locked"].tolist()


def test_the_tick_of_last_month_counts_as_well_as_that_of_the_previous_close() -> None:
    """Near a boundary the month's tick decides: GABRIEL closed November at 1028.70 and hit 1149.90 on 958.30."""
    bars = bars_of(
        pd.DatetimeIndex(["2025-11-27", "2025-11-28", "2025-12-18", "2025-12-19"]),
        prev_close=[1057.0, 1036.5, 958.3, 958.3],
        high=[1060.0, 1039.8, 1149.9, 1149.95],
        close=[1036.5, 1028.7, 1149.9, 1149.95],
    )

    flagged = with_flags(bars, factors_of())

    assert [False, False, True, True] == flagged["locked"].tolist()


@pytest.mark.parametrize(("missed", "histories"), [(250, [0, 0]), (251, [0, 1])])
def test_a_break_of_more_than_250_sessions_begins_a_new_history(missed: int, histories: list[int]) -> None:
    """Sessions strictly between two bars are counted, and the first bar after the break is a first bar."""
    days = sessions_from("2021-01-01", missed + 2)
    market = bars_of(days, code="500000")
    stock = bars_of(days[[0, -1]], prev_close=[100.0, 100.0], high=[100.0, 105.0], close=[100.0, 105.0])
    bars = pd.concat([market, stock], ignore_index=True)

    flagged = with_flags(bars, factors_of())
    flagged = flagged[flagged["bse_code"] == "500001"]

    assert histories == flagged["history"].tolist()
    assert [False, histories[-1] == 0] == flagged["locked"].tolist()


def test_a_split_leaves_the_technical_features_alone() -> None:
    """Prices before the ex-date are multiplied and volumes divided, from the ex-date on."""
    days = sessions_from("2024-01-01", 130)
    wave = 100 + 10 * np.sin(np.arange(130.0))
    whole = bars_of(days, high=list(wave + 2), low=list(wave - 2), close=list(wave))
    halved = np.where(days < days[100], 1.0, 0.5)
    split = whole.assign(**{name: whole[name] * halved for name in ("high", "low", "close")})
    split["volume"] = whole["volume"] / halved

    expected = technical(window_of(whole.assign(locked=False), [], days[-1]))
    after = technical(window_of(split.assign(locked=False), [(days[100], 0.5)], days[-1]))

    assert pytest.approx(expected, rel=1e-12) == after


def test_a_split_not_yet_effective_changes_nothing() -> None:
    """A factor counts from its ex-date on: as of the session before, prices and volumes are those filed."""
    days = sessions_from("2024-01-01", 60)
    bars = bars_of(days).assign(locked=False)

    window = window_of(bars, [(days[-1] + pd.Timedelta(days=1), 0.5)], days[-1])

    assert bars["close"].tolist() == window.close.tolist()
    assert bars["volume"].tolist() == window.volume.tolist()


@pytest.mark.parametrize(
    ("lock_on", "label"),
    [pytest.param(125, 1.0, id="within five"), pytest.param(126, 0.0, id="the sixth"), (None, 0.0)],
)
def test_the_label_is_one_if_one_of_the_next_five_own_bars_locks(lock_on: int | None, label: float) -> None:
    """y_5 looks at the first five own bars from the run date on, the run date's own included."""
    days = sessions_from("2024-01-01", 140)
    high = [105.0 if i == lock_on else 101.0 for i in range(140)]
    bars = bars_of(days, prev_close=[100.0] * 140, high=high, close=high)
    flagged = with_flags(bars, factors_of())

    found = labels_of(history_of(bars), flagged, days[121].date())

    assert {"500001": label} == found.to_dict()


@pytest.mark.parametrize(
    ("run_day", "absent", "band"),
    [
        pytest.param(119, (), "20", id="119 bars before"),
        pytest.param(121, range(123, 130), "20", id="four bars in ten sessions"),
        pytest.param(136, (), "20", id="four sessions of data left"),
        pytest.param(121, (), "No Band", id="derivatives"),
    ],
)
def test_a_label_that_cannot_be_known_is_null(run_day: int, absent: tuple[int, ...], band: str) -> None:
    """Null, never 0: too young, suspended within 2N sessions, data that end, or no fixed band."""
    days = sessions_from("2024-01-01", 140)
    market = bars_of(days, code="500000")
    stock = bars_of(days.delete(list(absent)))
    bars = pd.concat([market, stock], ignore_index=True)
    flagged = with_flags(bars, factors_of())

    found = labels_of(history_of(bars, band=band), flagged, days[run_day].date())

    assert np.isnan(found["500001"])
