"""
How values were spread when the model was trained.

Drift is a difference between two spreads, and without the first one, frozen beside the model, there is nothing to
compare next month's with.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, model_validator


class Bins(BaseModel):
    """Shares of values in (-inf, edges[0]], (edges[0], edges[1]], ..., (edges[-1], inf), and of missing ones.

    Guaranteed: edges finite and rising; one share more than edges; shares and `missing` are >= 0 and sum to 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    missing: float

    @model_validator(mode="after")
    def _is_a_spread(self) -> Self:
        if any(later <= earlier for earlier, later in pairwise(self.edges)):
            raise ValueError("edges must rise")
        if len(self.shares) != len(self.edges) + 1:
            raise ValueError(
                f"{len(self.edges)} edges need {len(self.edges) + 1} shares, not {len(self.shares)}"
            )
        if min(*self.shares, self.missing) < 0 or abs(math.fsum(self.shares) + self.missing - 1) > 1e-6:
            raise ValueError("shares and missing must be >= 0 and sum to 1")
        return self

    @classmethod
    def of(cls, values: npt.NDArray[np.floating[Any]], count: int = 10) -> Bins:
        """The spread of values [n > 0] (NaN = missing) over at most `count` bins of about equal shares.

        Values that come often (0 locks in 60 bars) take one bin of their own, so fewer bins than `count` may remain.
        """
        present = values[~np.isnan(values)]
        if not len(present):
            return cls(edges=(), shares=(0.0,), missing=1.0)
        wanted = np.arange(1, count) / count
        edges = np.unique(np.quantile(present, wanted, method="inverted_cdf").astype(np.float64))
        filled, missing = _count(edges, values)
        return cls(edges=tuple(edges.tolist()), shares=filled, missing=missing)

    def spread(self, values: npt.NDArray[np.floating[Any]]) -> tuple[tuple[float, ...], float]:
        """Shares and missing share of other values [n > 0] in these bins."""
        return _count(np.array(self.edges), values)


def _count(
    edges: npt.NDArray[np.float64], values: npt.NDArray[np.floating[Any]]
) -> tuple[tuple[float, ...], float]:
    present = values[~np.isnan(values)]
    counts = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
    return tuple((counts / len(values)).tolist()), 1 - len(present) / len(values)
