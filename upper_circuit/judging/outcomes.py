"""
What happened on the mornings both models spoke about.

The only evidence that can say which model is right. Both are asked about the same stocks, so differences are taken
morning by morning; labels of neighbouring mornings look at the same bars, so mornings are drawn in blocks. A canary
passes when it is hardly worse, and fails when it is surely worse by more than the limit: being better is not asked of it.
"""

from __future__ import annotations

import numpy as np

from upper_circuit.judging import intervals
from upper_circuit.judging.checks import Check, Figure, not_asked
from upper_circuit.judging.evidence import Evidence, Floats, Morning
from upper_circuit.judging.thresholds import Thresholds

_DEPTH = 20


def checks(evidence: Evidence, limits: Thresholds) -> tuple[Check, ...]:
    """Precision of the daily first 20, Brier score, calibration; none where outcomes are not asked about."""
    if limits.outcome_mornings == 0:
        return ()
    known = [kept for kept in map(_with_outcomes, evidence.mornings) if len(kept.codes)]
    locks = int(sum(each.labels.sum() for each in known))
    bounds = {
        "precision@20": limits.precision_loss,
        "Brier score": limits.brier_loss,
        "calibration": limits.calibration_ratio,
    }
    if len(known) < limits.outcome_mornings or locks < limits.locks:
        why = (
            f"{locks} locks on {len(known)} mornings with outcomes, "
            f"{limits.locks} on {limits.outcome_mornings} are needed"
        )
        return tuple(not_asked(name, bound, why) for name, bound in bounds.items())
    return _precision(known, limits), _brier(known, limits), _calibration(known, limits)


def _with_outcomes(morning: Morning) -> Morning:
    known = ~np.isnan(morning.labels)
    return Morning(
        morning.run_date,
        morning.codes[known],
        morning.stable[known],
        morning.stable_margin[known],
        morning.canary[known],
        morning.canary_margin[known],
        morning.labels[known],
    )


def _precision(known: list[Morning], limits: Thresholds) -> Check:
    found = np.array([_precisions(each) for each in known])
    loss = _mean(found[:, 0] - found[:, 1], limits)
    why = f"{found[:, 1].mean():.3f} beside {found[:, 0].mean():.3f} over {len(known)} mornings; the value is the loss"
    return Check("precision@20", loss.value, limits.precision_loss, loss.at_most(limits.precision_loss), why)


def _precisions(morning: Morning) -> tuple[float, float]:
    depth = min(_DEPTH, len(morning.codes))
    stable, canary = (float(morning.labels[ranks < depth].mean()) for ranks in morning.ranks())
    return stable, canary


def _brier(known: list[Morning], limits: Thresholds) -> Check:
    sums = np.array(
        [
            (np.square(each.stable - each.labels).mean(), np.square(each.canary - each.labels).mean())
            for each in known
        ]
    )
    loss = _mean(sums, limits, lambda means: means[:, 1] / np.maximum(means[:, 0], 1e-12) - 1)
    scores = sums.mean(axis=0)
    why = f"{scores[1]:.5f} beside {scores[0]:.5f} over {len(known)} mornings; the value is the rise"
    return Check("Brier score", loss.value, limits.brier_loss, loss.at_most(limits.brier_loss), why)


def _calibration(known: list[Morning], limits: Thresholds) -> Check:
    sums = np.array([(each.canary.sum(), each.stable.sum(), each.labels.sum()) for each in known])
    limit, slack = np.log(limits.calibration_ratio), np.log(limits.calibration_slack)

    def off(means: Floats) -> Floats:
        """How much further off than allowed, as a logarithm."""
        logs = np.log(np.maximum(means, 1e-12))
        ours, theirs = np.abs(logs[:, 0] - logs[:, 2]), np.abs(logs[:, 1] - logs[:, 2])
        excess: Floats = ours - np.maximum(limit, theirs + slack)
        return excess

    excess = _mean(sums, limits, off)
    canary, stable, seen = (float(total) for total in sums.sum(axis=0))
    why = f"{canary:.0f} locks expected, {seen:.0f} seen; the other model expected {stable:.0f}"
    value = max(canary / seen, seen / canary) if canary > 0 else float("inf")
    return Check("calibration", value, limits.calibration_ratio, excess.at_most(0.0), why)


def _mean(values: Floats, limits: Thresholds, of: intervals.Statistic | None = None) -> Figure:
    return intervals.mean(
        values,
        block=limits.outcome_block,
        likely=limits.pass_confidence,
        surely=limits.fail_confidence,
        of=of,
    )
