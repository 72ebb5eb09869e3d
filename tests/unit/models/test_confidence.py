"""Labels and bands by the rule of the product: LOW from 0.45 to 0.55, HIGH beyond 0.7 and 0.3, MEDIUM between."""

from __future__ import annotations

import numpy as np
import pytest

from upper_circuit.models.confidence import Band, band, bands, label, labels

BELOW = [np.nextafter(np.float32(limit), np.float32(0)) for limit in (0.3, 0.45, 0.5, 0.55, 0.7)]
ABOVE = [np.nextafter(np.float32(limit), np.float32(1)) for limit in (0.3, 0.45, 0.5, 0.55, 0.7)]


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (0.0, Band.HIGH), (0.1, Band.HIGH), (0.3, Band.HIGH), (BELOW[0], Band.HIGH),
        (ABOVE[0], Band.MEDIUM), (0.4, Band.MEDIUM), (BELOW[1], Band.MEDIUM),
        (0.45, Band.LOW), (ABOVE[1], Band.LOW), (0.5, Band.LOW), (BELOW[3], Band.LOW), (0.55, Band.LOW),
        (ABOVE[3], Band.MEDIUM), (0.6, Band.MEDIUM), (BELOW[4], Band.MEDIUM),
        (0.7, Band.HIGH), (ABOVE[4], Band.HIGH), (0.89, Band.HIGH), (1.0, Band.HIGH),
    ],
)  # fmt: skip
def test_each_limit_belongs_to_its_band(probability: float, expected: Band) -> None:
    """The limits 0.45 and 0.55 are LOW, 0.3 and 0.7 are HIGH, and a float32 beside them is not."""
    assert expected is band(probability)


def test_a_limit_stays_a_limit_when_it_is_widened() -> None:
    """float32(0.45) read back from a database is 0.449999988: it must not change its band on the way."""
    widened = float(np.float32(0.45))

    assert widened < 0.45
    assert Band.LOW is band(widened)


def test_the_label_turns_at_one_half() -> None:
    """Label 1 begins at 0.5 itself."""
    assert [0, 0, 1, 1, 1] == [label(p) for p in (0.0, float(BELOW[2]), 0.5, float(ABOVE[2]), 1.0)]


def test_many_are_called_as_each_alone() -> None:
    """Whole columns give what single values give."""
    probabilities = np.linspace(0, 1, 1001, dtype=np.float32)

    assert [band(p) for p in probabilities] == bands(probabilities).tolist()
    assert [label(p) for p in probabilities] == labels(probabilities).tolist()


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan"), float("inf")])
def test_what_is_no_probability_has_no_name(wrong: float) -> None:
    """A NaN must not become MEDIUM by failing every comparison."""
    with pytest.raises(ValueError, match="is no probability: 0 to 1 are allowed"):
        band(wrong)
    with pytest.raises(ValueError, match="is no probability"):
        labels(np.array([0.5, wrong], np.float32))
