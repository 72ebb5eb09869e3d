"""Laws of the features: no look-ahead, no dependence on shards, none on how a price is quoted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.factories.market import Filing, Item, Listing, market, master
from tests.properties.strategies import RUN_DATE, SESSIONS, markets
from upper_circuit.features import FEATURE_NAMES, CrossSection, FeatureMatrix, fill, raw
from upper_circuit.market.days import cutoff, day_of, moment_of

few = settings(max_examples=20, deadline=None)
QUOTED_OTHERWISE = {"upper_circuit_count_60", "eps_surprise_sue"}
"""What a split does change: a limit obeys the tick, earnings a share are as reported."""


def morning(listings: dict[str, Listing]) -> FeatureMatrix:
    """The finished matrix of a market on the run date of the strategies."""
    rows = raw(market(listings, ahead=SESSIONS).as_of(RUN_DATE))
    stocks = master(listings)
    return fill(rows, CrossSection.of(rows, stocks), stocks, sorted(listings))


def assert_same(left: FeatureMatrix, right: FeatureMatrix) -> None:
    """Same stocks, same bits, same fills."""
    assert left.codes == right.codes
    assert left.values.tobytes() == right.values.tobytes()
    assert left.sources.tobytes() == right.sources.tobytes()
    assert left.skipped == right.skipped


@few
@given(markets(), st.integers(0, 2**32 - 1))
def test_bars_of_the_run_date_or_later_never_change_a_feature(listings, seed):
    """A run for day D knows the sessions before D, whatever happens on D and after."""
    random = np.random.default_rng(seed)
    changed = {}
    for code, listing in listings.items():
        later = listing.bars["date"] >= day_of(RUN_DATE)
        bars = listing.bars.copy()
        for name in ("high", "close", "prev_close"):
            bars[name][later] += random.integers(1, 5_000, later.sum()).astype(np.int32)
        changed[code] = replace(listing, bars=bars)

    assert_same(morning(listings), morning(changed))


@few
@given(markets())
def test_what_is_announced_at_seven_or_later_never_changes_a_feature(listings):
    """Events count when they were public before D 07:00 IST; at 07:00 sharp is too late."""
    seven = cutoff(RUN_DATE)
    late = {
        code: replace(
            listing,
            filings=[*listing.filings, Filing(RUN_DATE + timedelta(days=100), seven, 1e13, 1e12, 900.0)],
            items=[*listing.items, Item(seven, 1.0, 1), Item(seven + 86_400, -1.0, -1)],
            meetings=[(RUN_DATE + timedelta(days=9), seven)],
            factors=[(RUN_DATE, 0.5), (SESSIONS[310], 0.2)],
        )
        for code, listing in listings.items()
    }

    assert_same(morning(listings), morning(late))


@few
@given(markets())
def test_what_is_announced_a_second_before_seven_counts(listings):
    """The other side of the cut: one item more at 06:59:59 raises a stock's announcement intensity."""
    code = min(listings)
    early = Item(moment_of(datetime.combine(RUN_DATE, time(6, 59, 59))), 0.0, 0)
    listings = {name: replace(listing, items=[*listing.items, early]) for name, listing in listings.items()}
    more = {**listings, code: replace(listings[code], items=[*listings[code].items, early])}

    before, after = (raw(market(some, ahead=SESSIONS).as_of(RUN_DATE)).items[0] for some in (listings, more))

    assert before + 1 == after


@few
@given(markets(), st.data())
def test_any_sharding_gives_the_same_bits(listings, data):
    """A stock alone, in a shard or in the whole market has the same features to the last bit."""
    whole = morning(listings)
    view = market(listings, ahead=SESSIONS).as_of(RUN_DATE)
    stocks = master(listings)
    cross = CrossSection.of(raw(view), stocks)
    shard_of = {code: data.draw(st.integers(0, 3)) for code in sorted(listings)}

    rows = {}
    for shard in set(shard_of.values()):
        own = {code: listing for code, listing in listings.items() if shard_of[code] == shard}
        part = market({**own}, ahead=SESSIONS)
        part = replace(part, calendar=market(listings, ahead=SESSIONS).calendar)
        matrix = fill(raw(part.as_of(RUN_DATE)), cross, stocks, sorted(own))
        rows |= {code: matrix.values[at].tobytes() for at, code in enumerate(matrix.codes)}

    assert {code: whole.values[at].tobytes() for at, code in enumerate(whole.codes)} == rows


@few
@given(markets(), st.sampled_from([0.1, 0.2, 0.5]), st.integers(30, 90))
def test_a_split_leaves_the_features_alone(listings, factor, back):
    """Prices quoted before a split, with its factor, say the same as prices quoted after it."""
    ex_date = SESSIONS[300 - back]
    code = min(listings)
    assume((listings[code].bars["date"] == day_of(ex_date)).any())
    bars = listings[code].bars.copy()
    bars["volume"] -= bars["volume"] % 10  # so that old shares are a whole number too
    after = replace(listings[code], bars=bars)
    quoted = bars.copy()
    old = quoted["date"] < day_of(ex_date)
    for name in ("open", "high", "low", "close", "prev_close"):
        quoted[name][old] = np.rint(quoted[name][old] / factor)
    at = int(np.flatnonzero(~old)[0])
    if at:
        quoted["prev_close"][at] = np.rint(quoted["prev_close"][at] / factor)
    quoted["volume"][old] = np.rint(quoted["volume"][old] * factor)
    before = {**listings, code: replace(after, bars=quoted, factors=[(ex_date, factor)])}

    pair = ({**listings, code: after}, before)
    left, right = (raw(market(some, ahead=SESSIONS).as_of(RUN_DATE)).values[0] for some in pair)
    same = [name not in QUOTED_OTHERWISE for name in FEATURE_NAMES]

    np.testing.assert_allclose(right[same], left[same], rtol=1e-9, atol=1e-12)
