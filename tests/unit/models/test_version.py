"""Versions are numbers, and a text that is none is refused."""

from __future__ import annotations

import pytest

from upper_circuit.errors import BadInput
from upper_circuit.models.version import FIRST, ModelVersion


def test_ten_comes_after_nine() -> None:
    """Versions are ordered by their numbers, not by their letters."""
    names = ["1.10.0", "1.9.0", "2.0.0", "1.9.10", "1.9.9"]

    ordered = sorted(ModelVersion.parse(name) for name in names)

    assert ["1.9.0", "1.9.9", "1.9.10", "1.10.0", "2.0.0"] == [str(version) for version in ordered]


def test_the_next_training_raises_the_minor_number() -> None:
    """A patch number does not survive into the next minor version."""
    assert ModelVersion(1, 4, 0) == ModelVersion(1, 3, 7).next_minor()


def test_the_first_version_is_one() -> None:
    """An empty registry begins at 1.0.0."""
    assert "1.0.0" == str(FIRST)


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.3", "1.3.0.0", "v1.3.0", "1.3.0 ", " 1.3.0", "1.3.0\n", "01.3.0", "1.03.0", "-1.3.0", "1.3.x",
     "1.3.0-rc1", "1,3,0", "\u0661.\u0663.\u0660", "1.3.1000000000", "../1.3.0", "latest"],
)  # fmt: skip
def test_anything_else_is_refused_by_name(text: str) -> None:
    """Only three whole numbers without ornament are a version; the error shows what was given and what is wanted."""
    with pytest.raises(BadInput) as refused:
        ModelVersion.parse(text)

    assert f"{text!r} is no model version: three numbers with dots are wanted, such as 1.3.0" == str(
        refused.value
    )


def test_a_version_cannot_hold_a_negative_number() -> None:
    """The guarantee is checked when a version is made, not where it is used."""
    with pytest.raises(ValueError, match="-1 in a version"):
        ModelVersion(1, -1, 0)
