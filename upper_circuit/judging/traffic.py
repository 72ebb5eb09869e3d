"""
Whether the canary answers as reliably and as quickly as the slot beside it.

Both slots answer at the same time, over the same database and the same network, so what troubles both is no fault of
the canary; what troubles it alone is.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from upper_circuit.judging import intervals
from upper_circuit.judging.checks import Check, Figure, State, not_asked
from upper_circuit.judging.evidence import Evidence, Latencies, Traffic
from upper_circuit.judging.thresholds import Thresholds

_SEED = 20_241_114


def checks(evidence: Evidence, limits: Thresholds) -> tuple[Check, ...]:
    """Errors and latency."""
    return _errors(evidence, limits), _latency(evidence, limits)


def _errors(evidence: Evidence, limits: Thresholds) -> Check:
    """Few requests are enough to fail, since the bounds are exact; passing takes what the limits say."""
    name, canary, stable = "errors", evidence.canary_traffic, evidence.stable_traffic
    if canary is None or not canary.requests:
        return not_asked(name, limits.error_rate, _too_few(canary, limits))
    found = intervals.share(
        canary.errors, canary.requests, likely=limits.pass_confidence, surely=limits.fail_confidence
    )
    state, why = _beside(found, canary, stable, limits)
    if state is State.PASS and canary.requests < limits.requests:
        state, why = State.UNKNOWN, _too_few(canary, limits)
    return Check(name, found.value, limits.error_rate, state, why)


def _beside(found: Figure, canary: Traffic, stable: Traffic | None, limits: Thresholds) -> tuple[State, str]:
    state = found.at_most(limits.error_rate)
    why = (
        f"{canary.errors} of {canary.requests} requests, likely "
        f"{100 * found.likely_low:.2f} to {100 * found.likely_high:.2f} %"
    )
    if state is State.PASS or stable is None or not stable.requests:
        return state, why
    why += f"; the other slot {stable.errors} of {stable.requests}"
    chance = intervals.chance_of_more(canary.errors, canary.requests, stable.errors, stable.requests)
    if chance < 1 - limits.fail_confidence and found.value > limits.error_rate:
        return State.FAIL, why
    return State.UNKNOWN, f"{why}, which may be the same trouble" if state is State.FAIL else why


def _latency(evidence: Evidence, limits: Thresholds) -> Check:
    name, canary, stable = (
        f"p{limits.latency_quantile * 100:g} latency",
        evidence.canary_traffic,
        evidence.stable_traffic,
    )
    if canary is None or stable is None:
        return not_asked(name, limits.latency_ratio, _too_few(canary if stable else stable, limits))
    route = _most_asked(canary, stable)
    if route is None or _fewest(canary, stable, route) < limits.requests:
        needed = f"fewer than {limits.requests} requests on any one route that both slots answered"
        return not_asked(name, limits.latency_ratio, needed)
    ours, theirs = canary.latencies[route], stable.latencies[route]
    if ours.bounds != theirs.bounds:
        return not_asked(name, limits.latency_ratio, "the slots count durations in different buckets")

    found, seconds = _excess(ours, theirs, limits)
    allowed = max(limits.latency_ratio * seconds[1], seconds[1] + limits.latency_slack_seconds)
    why = f"{route}: {_ms(seconds[0])} beside {_ms(seconds[1])}, {_ms(allowed)} allowed"
    value = seconds[0] / seconds[1] if seconds[1] else None
    return Check(name, value, limits.latency_ratio, found.at_most(1.0), why)


def _excess(ours: Latencies, theirs: Latencies, limits: Thresholds) -> tuple[Figure, tuple[float, float]]:
    """The canary's quantile over what is allowed, by resampling both histograms; and both quantiles in seconds."""
    rng = np.random.default_rng(_SEED)
    bounds = np.array(ours.bounds)

    def quantiles(of: Latencies) -> npt.NDArray[np.float64]:
        counts = np.array(of.counts, np.int64)
        drawn = rng.multinomial(of.total, counts / of.total, intervals.DRAWS)
        return intervals.quantile(bounds, np.vstack([counts, drawn]), limits.latency_quantile)

    canary, stable = quantiles(ours), quantiles(theirs)
    allowed = np.maximum(limits.latency_ratio * stable, stable + limits.latency_slack_seconds)
    excess = canary / np.maximum(allowed, 1e-9)
    figure = intervals.between(float(excess[0]), excess[1:], limits.pass_confidence, limits.fail_confidence)
    return figure, (float(canary[0]), float(stable[0]))


def _most_asked(canary: Traffic, stable: Traffic) -> str | None:
    """One route, because a mix of routes is a mix of latencies: the one both answered most."""
    both = sorted(set(canary.latencies) & set(stable.latencies))
    return max(both, key=lambda route: _fewest(canary, stable, route), default=None)


def _fewest(canary: Traffic, stable: Traffic, route: str) -> int:
    return min(canary.latencies[route].total, stable.latencies[route].total)


def _too_few(traffic: Traffic | None, limits: Thresholds) -> str:
    seen = "no scrapes" if traffic is None else f"{traffic.requests} requests in the window"
    return f"{seen}, {limits.requests} are needed"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"
