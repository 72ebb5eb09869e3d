"""What the API says of two models side by side and of rollouts: a part of openapi.yaml."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from transformer.schemas import Code, Described, Share
from upper_circuit.rollout import LONGEST, Action

Text = Annotated[str, Field(max_length=LONGEST)]


class Comparable(Described):
    """Where two models can be compared."""

    stable_version: str
    canary_version: str
    mornings: list[date]
    """For which both have recorded rows, newest first."""


class Comparison(Described):
    """One morning of two models: row i of each list is the same stock."""

    prediction_date: date
    stable_version: str
    canary_version: str
    missed: int
    """Stocks that only the stable version scored."""
    bse_codes: list[Code]
    stable: list[Share]
    """Probabilities of the stable version."""
    stable_margin: list[float | None]
    """Its scores before calibration, in log-odds; null where none was recorded."""
    canary: list[Share]
    canary_margin: list[float | None]
    labels: list[Literal[0, 1] | None]
    """Whether the stock locked within the horizon; null: not known yet, or no label by the rule."""


class SpreadOf(Described):
    """One column, today and when the model was trained, over the same bins; the last entry is the missing share."""

    name: str
    """A feature, or `probability`."""
    trained: list[float]
    now: list[float]
    rows: int


class Drift(Described):
    """How far today's market lies from the one that the answering model was trained on."""

    model_version: str
    prediction_date: date
    """The morning whose features were counted."""
    spreads: list[SpreadOf]


class StepRequest(Described):
    """A step of a rollout, to be written down."""

    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {
                    "who": "asha",
                    "action": "start",
                    "from": "a 1.0.0 100",
                    "to": "a 1.0.0 90, b 1.1.0 10",
                    "why": "trained until October",
                }
            ]
        },
    )

    who: Text
    action: Action
    from_: Annotated[Text, Field(alias="from")]
    """The slots before, as people read them: slot, version, weight."""
    to: Text
    """And after."""
    why: Text


class RolloutStep(StepRequest):
    """A step that was taken."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, json_schema_extra={})

    step: int
    taken_at: datetime


class RolloutSteps(Described):
    """The steps taken last, newest first."""

    steps: list[RolloutStep]
