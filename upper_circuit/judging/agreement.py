"""
How far two models tell the desk different things on the same mornings.

Nobody needs to wait for outcomes to see that a list was shuffled, that twice as many locks are expected as yesterday
or that a third of the market has no score. A canary that differs by more than the limits may still be the better
model; then it is another product and not a canary, and a person decides.
"""

from __future__ import annotations

import math

import numpy as np

from upper_circuit.judging import intervals
from upper_circuit.judging.checks import Check, State, not_asked
from upper_circuit.judging.evidence import Evidence, Floats, Morning
from upper_circuit.judging.thresholds import Thresholds
from upper_circuit.models import confidence


def checks(evidence: Evidence, limits: Thresholds) -> tuple[Check, ...]:
    """Whether the same stocks are scored, in about the same order and about as high; of scores that are numbers."""
    mornings = evidence.mornings
    bounds = {
        "same stocks": limits.coverage,
        "rank correlation": limits.rank_correlation,
        "top-20 overlap": limits.top20_overlap,
        "top-100 overlap": limits.top100_overlap,
        "flipped labels": limits.flipped_labels,
        "expected locks": limits.level_ratio,
    }
    rows = sum(len(morning.codes) for morning in mornings)
    if len(mornings) < limits.mornings or rows < limits.rows:
        why = (
            f"{rows} rows of {len(mornings)} mornings scored by both, "
            f"{limits.rows} of {limits.mornings} are needed"
        )
        return tuple(not_asked(name, bound, why) for name, bound in bounds.items())
    return (
        _same_stocks(mornings, limits),
        _over_mornings(
            "rank correlation", [rank_correlation(each) for each in mornings], limits.rank_correlation, limits
        ),
        _over_mornings(
            "top-20 overlap", [overlap(each, 20) for each in mornings], limits.top20_overlap, limits
        ),
        _over_mornings(
            "top-100 overlap", [overlap(each, 100) for each in mornings], limits.top100_overlap, limits
        ),
        _flipped(mornings, limits),
        _level(mornings, limits),
    )


def rank_correlation(morning: Morning) -> float:
    """Spearman's, of two rankings without ties; 1 for fewer than two stocks."""
    n = len(morning.codes)
    if n < 2:
        return 1.0
    stable, canary = morning.ranks()
    return 1 - 6 * float(np.square((stable - canary).astype(np.float64)).sum()) / (n * (n * n - 1.0))


def overlap(morning: Morning, depth: int) -> float:
    """Share of the first `depth` stocks of one list that are among the first of the other; of fewer stocks, of all."""
    stable, canary = morning.ranks()
    return float(((stable < depth) & (canary < depth)).sum() / max(1, min(depth, len(stable))))


def broken(mornings: tuple[Morning, ...]) -> Check | None:
    """A check that fails where a score of the canary is no probability; then nothing else can be asked about scores."""
    for each in mornings:
        is_sound = (each.canary >= 0) & (each.canary <= 1) & np.isfinite(each.canary_margin)
        if not is_sound.all():
            at = int(np.argmin(is_sound))
            why = f"{int((~is_sound).sum())} scores of {each.run_date} are none: {each.codes[at]} has {each.canary[at]}"
            return Check("sound scores", float(is_sound.mean()), 1.0, State.FAIL, why)
    return None


def _same_stocks(mornings: tuple[Morning, ...], limits: Thresholds) -> Check:
    both, missed = sum(len(each.codes) for each in mornings), sum(each.missed for each in mornings)
    found = both / (both + missed)
    state = State.PASS if found >= limits.coverage else State.FAIL
    return Check(
        "same stocks",
        found,
        limits.coverage,
        state,
        f"{missed} of {both + missed} rows have no score of the canary",
    )


def _over_mornings(name: str, values: list[float], bound: float, limits: Thresholds) -> Check:
    found = intervals.mean(
        np.array(values), block=1, likely=limits.pass_confidence, surely=limits.fail_confidence
    )
    why = f"mean of {len(values)} mornings, worst {min(values):.3f}"
    return Check(name, found.value, bound, found.at_least(bound), why)


def _flipped(mornings: tuple[Morning, ...], limits: Thresholds) -> Check:
    rows = sum(len(each.codes) for each in mornings)
    flipped = sum(
        int((confidence.labels(each.stable) != confidence.labels(each.canary)).sum()) for each in mornings
    )
    found = intervals.share(flipped, rows, likely=limits.pass_confidence, surely=limits.fail_confidence)
    why = f"{flipped} of {rows} rows"
    return Check(
        "flipped labels", found.value, limits.flipped_labels, found.at_most(limits.flipped_labels), why
    )


def _level(mornings: tuple[Morning, ...], limits: Thresholds) -> Check:
    sums = np.array([(each.canary.sum(), each.stable.sum()) for each in mornings])

    def distance(means: Floats) -> Floats:
        found: Floats = np.exp(
            np.abs(np.log(np.maximum(means[:, 0], 1e-12) / np.maximum(means[:, 1], 1e-12)))
        )
        return found

    found = intervals.mean(
        sums, block=1, likely=limits.pass_confidence, surely=limits.fail_confidence, of=distance
    )
    expected = tuple(map(float, sums.mean(axis=0)))
    word = "more" if math.fsum((expected[0], -expected[1])) >= 0 else "fewer"
    why = f"{expected[0]:.1f} locks a morning beside {expected[1]:.1f}: {found.value:.2f} times as many or {word}"
    return Check("expected locks", found.value, limits.level_ratio, found.at_most(limits.level_ratio), why)
