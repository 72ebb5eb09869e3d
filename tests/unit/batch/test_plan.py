"""A plan: every stock in exactly one shard, and the same plan after a trip through the database."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.plan import Plan, deal

codes = st.lists(st.integers(100_000, 999_999).map(str), unique=True, max_size=60)


def plan(shards: tuple[tuple[str, ...], ...] = (("500002",), ("500001",)), **facts: object) -> Plan:
    """A plan of two shards."""
    known: dict[str, object] = {
        "run_date": date(2025, 11, 14),
        "as_of": date(2025, 11, 13),
        "data_version": 7,
        "model_type": "XGBoost",
        "model_version": "1.2.0",
        "f1": 0.25,
        "shards": shards,
        "cross_section": '{"market":[NaN,0.1]}',
        "notes": ("stale prices: \u0928",),
        "began": 1_763_083_800.25,
    }
    return Plan(**{**known, **facts})  # type: ignore[arg-type]


@given(codes, st.integers(1, 12))
def test_shards_partition_the_stocks(stocks: list[str], shards: int) -> None:
    """Every stock is scored by exactly one shard, whatever the number of shards."""
    dealt = deal(stocks, shards)

    assert shards == len(dealt)
    assert sorted(stocks) == sorted(code for shard in dealt for code in shard)


@given(codes, st.integers(1, 12))
def test_no_shard_has_two_stocks_more_than_another(stocks: list[str], shards: int) -> None:
    """Shards end at about the same time."""
    sizes = [len(shard) for shard in deal(stocks, shards)]

    assert max(sizes) - min(sizes) <= 1


def test_large_companies_are_spread_over_shards() -> None:
    """Dealt like cards, in the order given."""
    assert (("a", "c", "e"), ("b", "d")) == deal(["a", "b", "c", "d", "e"], 2)


@pytest.mark.parametrize("f1", [None, 0.1 + 0.2])
def test_a_plan_comes_back_as_it_was_stored(f1: float | None) -> None:
    """from_bytes(to_bytes(plan)) is the plan, to the last bit of its numbers."""
    stored = plan(f1=f1)

    assert stored == Plan.from_bytes(stored.to_bytes())


@pytest.mark.parametrize("shards", [(), (("1", "2"), ("2",))], ids=["no shard", "a stock twice"])
def test_a_plan_that_would_score_a_stock_twice_or_nowhere_is_refused(
    shards: tuple[tuple[str, ...], ...],
) -> None:
    """The guarantee is checked once, where a plan is made."""
    with pytest.raises(ValueError, match="every stock in exactly one"):
        plan(shards)


def test_a_plan_of_the_release_before_is_read() -> None:
    """A sweeper may be newer than the pods that planned."""
    facts = json.loads(plan().to_bytes())
    del facts["other_version"], facts["other_refused"]

    assert plan() == Plan.from_bytes(json.dumps(facts).encode())


def test_a_plan_scores_its_own_version_first() -> None:
    """Report and CSV are of the first."""
    assert ("1.2.0",) == plan().versions
    assert ("1.2.0", "1.3.0") == plan(other_version="1.3.0").versions


def test_a_second_model_that_is_not_scored_is_told_to_people_and_marks_no_prediction() -> None:
    """The users' files keep their columns."""
    made = plan(notes=(), other_refused="model 1.3.0 is not there")

    assert () == made.notes
    assert ("no second model was scored: model 1.3.0 is not there",) == made.asides == made.remarks
