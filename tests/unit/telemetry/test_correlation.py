"""One id for a request, from outside or made here."""

from __future__ import annotations

import pytest

from upper_circuit.telemetry.correlation import correlation_id

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_id_given_wins_over_the_trace() -> None:
    """Whoever gives both looks for the first."""
    assert "morning-42" == correlation_id("morning-42", PARENT)


def test_a_trace_gives_its_id() -> None:
    """The example of the W3C's Trace Context."""
    assert "4bf92f3577b34da6a3ce929d0e0e4736" == correlation_id(None, PARENT)


@pytest.mark.parametrize(
    ("given", "parent"),
    [
        (None, None), ("", None), ("a b", None), ("a\nb", None), ("x" * 129, None), ("ä", None), (None, "rubbish"),
        (None, PARENT.upper()), (None, PARENT + "-00"), (None, f"00-{'0' * 32}-00f067aa0ba902b7-01"),
    ],
    ids=["none", "empty", "blank", "line break", "long", "no ASCII", "rubbish", "capitals", "too long", "no trace"],
)  # fmt: skip
def test_what_is_no_id_is_replaced_by_a_new_one(given: str | None, parent: str | None) -> None:
    """Another one each time."""
    one, another = correlation_id(given, parent), correlation_id(given, parent)

    assert one != another
    assert one.isalnum()
    assert 32 == len(one)
