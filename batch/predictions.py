"""
One stock's line of a morning, and the order of lines.

The table, the CSV, the report and the online API must name the same stock first. Probabilities tie (calibration
rounds to float32), so the order goes on with the raw margin and ends with the code, which never ties.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

HIGH = "HIGH"


@dataclass(frozen=True, slots=True)
class Prediction:
    """A stock that was scored."""

    bse_code: str
    nse_symbol: str | None
    company_name: str | None
    market_cap_cr: float | None
    """Rupees crore."""
    probability: float
    """Calibrated, a float32 widened."""
    margin: float
    """Log-odds before calibration, a float32 widened."""
    label: int
    confidence: str
    filled: dict[str, str]
    """Feature -> industry, sector or market, where the stock's own value was missing."""

    @property
    def is_sure_lock(self) -> bool:
        """Whether this is a predicted upper circuit of high confidence."""
        return self.label == 1 and self.confidence == HIGH


@dataclass(frozen=True, slots=True)
class SkippedStock:
    """A stock that was not scored, and why."""

    bse_code: str
    nse_symbol: str | None
    company_name: str | None
    reason: str
    """PRICE_MISSING, SHORT_HISTORY or TOO_MANY_MISSING."""
    detail: str


def ranked(predictions: Iterable[Prediction]) -> list[Prediction]:
    """From the likeliest lock down: by probability, then raw margin, then code ascending."""
    return sorted(predictions, key=lambda p: (-p.probability, -p.margin, p.bse_code))
