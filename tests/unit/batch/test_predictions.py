"""The order of a morning's list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from batch.predictions import Prediction, ranked
from tests.factories.batch import prediction

few = st.sampled_from([0.1, 0.5, 0.9])
lines = st.lists(
    st.tuples(st.integers(500_000, 500_400).map(str), few, few), unique_by=lambda line: line[0], max_size=30
)


def test_ties_are_broken_by_the_raw_margin_and_then_by_the_code() -> None:
    """Probability first; where two are equal the margin before calibration; where that is equal too, the code."""
    first = prediction("500009", probability=0.8, margin=0.1)
    second = prediction("500007", probability=0.7, margin=0.3)
    third = prediction("500001", probability=0.7, margin=0.2)
    fourth = prediction("500002", probability=0.7, margin=0.2)

    order = ranked([fourth, third, second, first])

    assert [first, second, third, fourth] == order


@given(lines, st.randoms())
def test_the_order_does_not_depend_on_who_came_first(
    drawn: list[tuple[str, float, float]], luck: object
) -> None:
    """A total order: shuffling what is ranked changes nothing."""
    predictions = [prediction(code, probability=p, margin=margin) for code, p, margin in drawn]
    shuffled: list[Prediction] = list(predictions)
    luck.shuffle(shuffled)  # type: ignore[attr-defined]

    assert ranked(predictions) == ranked(shuffled)
