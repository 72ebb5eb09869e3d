"""Limits as the chart's values give them."""

from __future__ import annotations

from dataclasses import fields

import pytest

from upper_circuit.errors import BadInput
from upper_circuit.judging.thresholds import Thresholds, camel


def test_values_of_the_chart_are_the_limits():
    """camelCase, and what they leave out keeps its default."""
    found = Thresholds.of({"errorRate": 0.02, "outcomeMornings": 0, "rows": 100.0})

    assert Thresholds(error_rate=0.02, outcome_mornings=0, rows=100) == found


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"errorrate": 0.02}, "judge.errorrate is no limit"),
        ({"errorRate": "0.02"}, "judge.errorRate is '0.02': a number is needed"),
        ({"requests": 1.5}, "judge.requests is 1.5: a number is needed"),
        ({"rows": True}, "judge.rows is True: a number is needed"),
        ({"errorRate": 2}, "judge.errorRate is 2.0: it must be above 0, at most 1"),
        ({"requests": 0}, "judge.requests is 0: it must be 1 or more"),
        ({"latencyRatio": 0.5}, "judge.latencyRatio is 0.5: it must be 1 or more"),
        ({"failConfidence": 0.9}, "judge.passConfidence is 0.95: it must be"),
    ],
)
def test_a_wrong_value_is_named(values, told):
    """With what is allowed."""
    with pytest.raises(BadInput, match=told):
        Thresholds.of(values)


def test_every_default_can_be_written_in_the_values():
    """What the chart's defaults say is what the program's say."""
    default = Thresholds()

    assert default == Thresholds.of(
        {camel(field.name): getattr(default, field.name) for field in fields(default)}
    )
