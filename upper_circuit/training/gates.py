"""
What a model must reach on real history before anyone should believe the product.

The limits are what an honest model of these features reached before; far above them there is a leak, below them
something broke that no unit test sees: a join, an adjustment, a label.
"""

from __future__ import annotations

from dataclasses import dataclass

from upper_circuit.models.manifest import Metrics

ROC_AUC = 0.88
PR_AUC_TIMES_BASE = 10.0
PRECISION_AT_20 = 0.25


@dataclass(frozen=True, slots=True)
class Gate:
    """One demand on the test period of series EQ; a figure that is not defined fails."""

    name: str
    wanted: str
    value: float | None
    passed: bool


def gates(found: Metrics) -> tuple[Gate, ...]:
    """The four gates, held to the metrics of series EQ."""
    least = None if found.base_rate is None else PR_AUC_TIMES_BASE * found.base_rate
    return (
        _at_least("ROC-AUC", found.roc_auc, ROC_AUC, ""),
        _at_least("PR-AUC", found.pr_auc, least, f" ({PR_AUC_TIMES_BASE:.0f} x base rate)"),
        _at_least("precision of the daily top 20", found.precision_at_20, PRECISION_AT_20, ""),
        _below("Brier score", found.brier, found.brier_base_rate, " (forecast of the base rate)"),
    )


def _at_least(name: str, value: float | None, limit: float | None, why: str) -> Gate:
    passed = value is not None and limit is not None and value >= limit
    return Gate(name, "n/a" if limit is None else f">= {limit:.4f}{why}", value, passed)


def _below(name: str, value: float | None, limit: float | None, why: str) -> Gate:
    passed = value is not None and limit is not None and value < limit
    return Gate(name, "n/a" if limit is None else f"< {limit:.5f}{why}", value, passed)
