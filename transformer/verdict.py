"""
What an answer of the predictor is worth.

An answer is believed when it is Open Inference Protocol, names its model and has a probability for every row. What is
less becomes an error here, before any rider of the call reads a number from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from upper_circuit.errors import BadAnswer
from upper_circuit.models.confidence import bands, labels
from upper_circuit.oip import contract
from upper_circuit.oip.contract import TensorSpec
from upper_circuit.oip.messages import InferResponse


@dataclass(frozen=True, slots=True)
class Verdict:
    """Scores of the n rows of one call.

    Guaranteed: one model gave them all; every list has n entries; probabilities lie in 0..1.
    """

    probability: list[float]
    label: list[int]
    confidence: list[str]
    model_version: str
    requested_version: str | None
    """The version that should have answered."""
    fallback_because: str | None
    """Why another one did; None where it did not."""
    contributions: list[list[float]] | None
    """[n][26], the base last; None where they were not asked for."""
    margin: list[float] | None

    @classmethod
    def of(cls, response: InferResponse, count: int, *, explained: bool) -> Verdict:
        """The verdict over `count` rows that an answer holds; raises BadAnswer."""
        probability = _values(response, contract.PROBABILITY, count)
        if not ((probability >= 0) & (probability <= 1)).all():
            raise BadAnswer("the predictor gave something that is no probability")
        if response.model_version is None:
            raise BadAnswer("the predictor's answer does not name the version of its model")
        contributions = _values(response, contract.CONTRIBUTIONS, count) if explained else None
        margin = _values(response, contract.MARGIN, count) if explained else None
        return cls(
            probability=probability.tolist(),
            label=labels(probability).tolist(),
            confidence=bands(probability).tolist(),
            model_version=response.model_version,
            requested_version=_text(response, contract.REQUESTED_VERSION),
            fallback_because=_text(response, contract.FALLBACK_BECAUSE),
            contributions=None if contributions is None else contributions.tolist(),
            margin=None if margin is None else margin.tolist(),
        )


def _values(response: InferResponse, spec: TensorSpec, count: int) -> np.ndarray[Any, np.dtype[Any]]:
    values = response.output(spec).values
    if not isinstance(values, np.ndarray) or len(values) != count:
        raise BadAnswer(f"the predictor gave {len(values)} {spec.name} for {count} rows")
    return values


def _text(response: InferResponse, name: str) -> str | None:
    value = response.parameters.get(name)
    return None if value is None else str(value)
