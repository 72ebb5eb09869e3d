"""
What a probability is called: its label and its band.

Batch, API and report must use the same words for the same number, and a limit must mean what a reader sees.
Probabilities are float32, and the float32 nearest to 0.45 is a little less than 0.45: so every comparison here is
made in float32, where 0.45 is 0.45, also for a value that was widened on its way through a database.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

_LABEL_FROM = np.float32(0.5)
_LOW_FROM, _LOW_TO = np.float32(0.45), np.float32(0.55)
_HIGH_FROM, _HIGH_TO = np.float32(0.7), np.float32(0.3)


class Band(StrEnum):
    """How sure a score is, to either side."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


def label(probability: float) -> int:
    """1 from 0.5 on, else 0."""
    return int(labels(np.array([probability]))[0])


def labels(probabilities: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int8]:
    """Of each probability: 1 from 0.5 on, else 0."""
    return (_in_float32(probabilities) >= _LABEL_FROM).astype(np.int8)


def band(probability: float) -> Band:
    """LOW from 0.45 to 0.55, else HIGH from 0.7 on or up to 0.3, else MEDIUM; limits belong to LOW and HIGH."""
    return Band(str(bands(np.array([probability]))[0]))


def bands(probabilities: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.str_]:
    """Of each probability the value of its `Band`."""
    p = _in_float32(probabilities)
    low = (p >= _LOW_FROM) & (p <= _LOW_TO)
    high = (p >= _HIGH_FROM) | (p <= _HIGH_TO)
    return np.where(low, Band.LOW.value, np.where(high, Band.HIGH.value, Band.MEDIUM.value))


def _in_float32(probabilities: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    p = np.asarray(probabilities).astype(np.float32)
    outside = ~((p >= 0) & (p <= 1))
    if outside.any():
        raise ValueError(f"{p[outside][0]} is no probability: 0 to 1 are allowed")
    return p
