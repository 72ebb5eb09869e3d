"""Spreads of values as training saw them."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from upper_circuit.models.bins import Bins


def test_even_values_fill_even_bins() -> None:
    """1 to 100 in ten bins: edges at the 10th, 20th, ... value, a tenth in each."""
    found = Bins.of(np.arange(1, 101, dtype=np.float32))

    assert list(range(10, 100, 10)) == list(found.edges)
    assert (0.1,) * 10 == found.shares
    assert 0 == found.missing


def test_a_value_that_comes_often_has_one_bin() -> None:
    """90 zeros and ten other counts: one edge at 0, not nine."""
    found = Bins.of(np.array([0] * 90 + list(range(1, 11)), np.float32))

    assert (0.0,) == found.edges
    assert (0.9, 0.1) == found.shares


def test_missing_values_are_counted_apart() -> None:
    """The shares of what is there and the missing share sum to 1."""
    found = Bins.of(np.array([1, 2, np.nan, np.nan], np.float32), count=2)

    assert ((1.0,), (0.25, 0.25), 0.5) == (found.edges, found.shares, found.missing)


def test_a_feature_that_nobody_has_is_all_missing() -> None:
    """No value, no edge."""
    found = Bins.of(np.full(5, np.nan, np.float32))

    assert ((), (0.0,), 1.0) == (found.edges, found.shares, found.missing)


def test_other_values_are_spread_over_the_same_bins() -> None:
    """What lies beyond the ends falls into the outer bins, an edge into the bin below it."""
    bins = Bins(edges=(0, 10), shares=(0.5, 0.25, 0.25), missing=0)

    found = bins.spread(np.array([-99, 0, 0.1, 10, 10.1, 99, np.nan, np.nan]))

    assert ((0.25, 0.25, 0.25), 0.25) == found


@pytest.mark.parametrize(
    ("edges", "shares", "missing", "why"),
    [
        ((1, 1), (0.5, 0.25, 0.25), 0, "edges must rise"),
        ((2, 1), (0.5, 0.25, 0.25), 0, "edges must rise"),
        ((1,), (1.0,), 0, "1 edges need 2 shares"),
        ((1,), (0.5, 0.4), 0, "sum to 1"),
        ((1,), (1.5, -0.5), 0, ">= 0"),
        ((), (2.0,), -1.0, ">= 0"),
        ((float("nan"),), (0.5, 0.5), 0, "finite"),
    ],
)
def test_what_is_no_spread_cannot_be_made(
    edges: tuple[float, ...], shares: tuple[float, ...], missing: float, why: str
) -> None:
    """The guarantees are checked once, when it is made."""
    with pytest.raises(ValidationError, match=why):
        Bins(edges=edges, shares=shares, missing=missing)
