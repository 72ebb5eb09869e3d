"""
The judge's limits: what the chart's values under `judge` say, with the same names in camelCase.

Set before a canary starts and not after it was seen; whoever moves one to let a model through finds it in the
history of the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from upper_circuit.errors import BadInput


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Every limit and every minimum; the defaults are those whose error rates docs/judge.md publishes.

    Guaranteed: each lies where it makes sense; failing takes at least as much confidence as passing.
    """

    requests: int = 500
    """Requests that the canary answered in the window, before errors or latency may pass or fail."""
    error_rate: float = 0.01
    """Share (0 to 1) of the canary's requests that may end with a status of 500 or above."""
    latency_quantile: float = 0.95
    latency_ratio: float = 1.5
    """How many times the other slot's quantile the canary's may be."""
    latency_slack_seconds: float = 0.005
    """What it may be above in any case: 2 ms beside 1 ms hurt nobody."""
    mornings: int = 3
    """Mornings scored by both models before their agreement may pass or fail."""
    rows: int = 500
    """Rows scored by both models, over all mornings, before anything about them may pass or fail."""
    coverage: float = 0.999
    """Of the stocks the other model scored, the share that the canary must have scored too."""
    rank_correlation: float = 0.8
    """Least Spearman correlation of the two rankings, the mean over mornings."""
    top20_overlap: float = 0.3
    """Least share of the other model's first 20 that are among the canary's, the mean over mornings."""
    top100_overlap: float = 0.4
    flipped_labels: float = 0.01
    """Share of rows that one model calls 1 and the other 0, at most."""
    level_ratio: float = 1.5
    """How many times as many locks as the other model (or as few) the canary may expect."""
    psi: float = 0.25
    """Population stability index against the training bins, of scores and of each feature, at most."""
    psi_slack: float = 0.1
    """What the canary's may be above the other model's in any case: a market that drifts moves both."""
    outcome_mornings: int = 10
    """Mornings whose outcomes are known and that neither model was trained on; 0: outcomes are not asked about."""
    outcome_block: int = 5
    """Mornings in a row that are drawn together, because their labels look at the same bars: the label's horizon."""
    locks: int = 30
    """Locks among those mornings, at least."""
    precision_loss: float = 0.05
    """How much the precision of the daily first 20 may fall."""
    brier_loss: float = 0.02
    """How much the Brier score may rise, as a share of the other model's."""
    calibration_ratio: float = 1.5
    """Locks expected over locks seen (or the other way round), at most."""
    calibration_slack: float = 1.1
    """How many times further off than the other model's the canary's may be in any case: a mood misleads both."""
    pass_confidence: float = 0.95
    fail_confidence: float = 0.999

    def __post_init__(self) -> None:
        for name in ("requests", "mornings", "rows", "outcome_block", "locks"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        _require(self.outcome_mornings >= 0, "outcome_mornings", self.outcome_mornings, "0 or more")
        for name in ("error_rate", "latency_quantile", "coverage", "rank_correlation", "top20_overlap"):
            _require(0 < getattr(self, name) <= 1, name, getattr(self, name), "above 0, at most 1")
        for name in ("top100_overlap", "flipped_labels", "psi", "precision_loss", "brier_loss"):
            _require(getattr(self, name) > 0, name, getattr(self, name), "above 0")
        for name in ("latency_ratio", "level_ratio", "calibration_ratio", "calibration_slack"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        for name in ("latency_slack_seconds", "psi_slack"):
            _require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        confidences = 0.5 <= self.pass_confidence <= self.fail_confidence < 1
        _require(
            confidences,
            "pass_confidence",
            self.pass_confidence,
            "0.5 or more, at most fail_confidence, below 1",
        )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """From values of the chart (`judge`), camelCase; what they leave out keeps its default. Raises BadInput."""
        names = {camel(field.name): field for field in fields(cls)}
        unknown = sorted(set(values) - set(names))
        if unknown:
            raise BadInput(f"judge.{unknown[0]} is no limit; there are {', '.join(names)}")
        given: dict[str, Any] = {}
        for key, value in values.items():
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not is_number or (names[key].type == "int" and value != int(value)):
                raise BadInput(f"judge.{key} is {value!r}: a number is needed")
            given[names[key].name] = int(value) if names[key].type == "int" else float(value)
        return cls(**given)


def camel(name: str) -> str:
    """What the chart calls a field."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _require(holds: bool, name: str, value: object, allowed: str) -> None:
    if not holds:
        raise BadInput(f"judge.{camel(name)} is {value}: it must be {allowed}")
