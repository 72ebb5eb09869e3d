"""Laws of label, split and measures, against slow versions written only to be plain."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories.market import Listing, market, weekdays
from tests.factories.training import labels_on
from tests.properties.strategies import RUN_DATE, SESSIONS, markets
from upper_circuit.features import raw
from upper_circuit.market.bands import Bands
from upper_circuit.market.days import day_of
from upper_circuit.market.packed import FIRST, LOCKED, SERIES
from upper_circuit.training import measures
from upper_circuit.training.label import LABEL_SERIES, Labeller, Reason
from upper_circuit.training.split import Split

few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@few
@given(markets(), st.integers(1, 8), st.integers(0, 20), st.randoms(use_true_random=False))
def test_prices_after_the_window_never_change_a_label(listings, horizon, beyond, random):
    """A label looks at the first 2N sessions from the run date on; what comes later is not its business."""
    ends = RUN_DATE if beyond == 0 else SESSIONS[SESSIONS.index(RUN_DATE) - beyond]
    last = day_of(SESSIONS[SESSIONS.index(ends) + 2 * horizon - 1])
    before = labels_on(listings, ends, horizon=horizon)
    changed = {}
    for code, listing in listings.items():
        bars = listing.bars.copy()
        later = bars["date"] > last
        for name in ("open", "high", "low", "close", "prev_close"):
            bars[name][later] = bars[name][later] * random.randint(2, 9)
        changed[code] = Listing(bars, filings=listing.filings, items=listing.items)

    after = labels_on(changed, ends, horizon=horizon)

    assert np.array_equal(before.values, after.values, equal_nan=True)
    assert before.reason.tolist() == after.reason.tolist()


@few
@given(markets(), st.integers(1, 10), st.integers(0, 29))
def test_labels_are_those_of_a_loop_over_bars(listings, horizon, later):
    """Vectorised over stocks, the rule gives what a person would read off each stock's bars."""
    run_date = SESSIONS[SESSIONS.index(RUN_DATE) + later]
    whole = market(listings)

    found = Labeller.of(whole, Bands.of([], whole.codes), horizon).label(raw(whole.as_of(run_date)))

    sessions = [day for day in whole.calendar.traded.tolist() if day >= day_of(run_date)]
    expected = [
        read_off(
            whole.histories.bars[whole.histories.starts[at] : whole.histories.starts[at + 1]],
            sessions,
            horizon,
        )
        for at in range(len(whole.codes))
    ]
    assert expected == [None if np.isnan(value) else value for value in found.values.tolist()]
    assert [value is not None for value in expected] == [reason == Reason.LABELLED for reason in found.reason]


def read_off(bars, sessions: list[int], horizon: int) -> float | None:
    """The label of one stock; `sessions` are those from the run date on."""
    past = [bar for bar in bars if not sessions or bar["date"] < sessions[0]]
    own = []
    for bar in past:
        own = [bar] if bar["flags"] & FIRST else [*own, bar]
    ahead = [bar for bar in bars if sessions and bar["date"] in sessions[: 2 * horizon]][:horizon]
    if len(sessions) < horizon or len(own) < 120 or len(ahead) < horizon:
        return None
    if any(bar["flags"] & FIRST for bar in ahead):
        return None
    if SERIES[own[-1]["series"]] not in LABEL_SERIES or own[-1]["close"] < 500:
        return None
    return float(any(bar["flags"] & LOCKED and SERIES[bar["series"]] in LABEL_SERIES for bar in ahead))


DAYS = weekdays(800)
CALENDAR = np.array([day_of(day) for day in DAYS], dtype=np.int32)


lengths = st.tuples(st.integers(0, 200), st.integers(60, 180), st.integers(60, 180), st.integers(60, 180))


@given(st.integers(1, 30), lengths, st.integers(0, 3), st.booleans())
def test_periods_never_share_a_session_of_labels(horizon, steps, weekend, tested):
    """N sessions lie between two periods, and N own sessions after every run date lie inside its period."""
    start, *ends = (DAYS[at] + timedelta(days=weekend) for at in np.cumsum(steps))

    split = Split.of(
        CALENDAR,
        horizon,
        fit_from=start,
        fit_until=ends[0],
        calibrate_until=ends[1],
        test_until=ends[2] if tested else None,
    )

    periods = list(split.periods.values())
    assert 2 + tested == len(periods)
    for period in periods:
        last = int(np.searchsorted(CALENDAR, period.days[-1]))
        assert CALENDAR[last + horizon] <= period.until
    for earlier, later in pairwise(periods):
        between = (CALENDAR > earlier.days[-1]) & (CALENDAR < later.days[0])
        assert between.sum() >= horizon
        assert earlier.until < later.days[0]


scored = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6), st.integers(1, 4)), min_size=1, max_size=40)


@given(scored)
def test_roc_auc_is_a_count_of_pairs(rows):
    """Over every pair of a lock and another row: 1 in order, 1/2 tied."""
    label, score, _ = (np.array(column) for column in zip(*rows, strict=True))
    pairs = [
        1.0 if one > other else 0.5 if one == other else 0.0
        for one in score[label == 1]
        for other in score[label == 0]
    ]

    found = measures.roc_auc(label.astype(np.uint8), score.astype(np.float32))

    assert (found is None) == (not pairs)
    assert found is None or abs(np.mean(pairs) - found) < 1e-12


@given(scored)
def test_average_precision_is_a_sum_over_thresholds(rows):
    """For every distinct score as threshold: precision there, times the recall it adds."""
    label, score, _ = (np.array(column) for column in zip(*rows, strict=True))
    whole, seen = 0.0, 0
    for threshold in sorted(set(score.tolist()), reverse=True):
        named = score >= threshold
        right = int(label[named].sum())
        whole += right / named.sum() * (right - seen)
        seen = right

    found = measures.pr_auc(label.astype(np.uint8), score.astype(np.float32))

    assert (found is None) == (seen == 0)
    assert found is None or abs(whole / seen - found) < 1e-12


@given(scored, st.integers(1, 5))
def test_precision_of_the_daily_top_is_a_loop_over_days(rows, count):
    """Sort each day, take the first rows, average."""
    label, score, day = (np.array(column) for column in zip(*rows, strict=True))
    order = np.argsort(-score, kind="stable")
    daily = [
        np.mean([label[row] for row in order if day[row] == today][:count])
        for today in sorted(set(day.tolist()))
    ]

    found = measures.precision_at(count, label.astype(np.uint8), order, day.astype(np.int32))

    assert abs(np.mean(daily) - found) < 1e-12
