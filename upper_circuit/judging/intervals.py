"""
How far a figure from so many observations may be from the truth.

Exact where that is possible (shares of requests are small, and the normal law is wrong for three errors of five
hundred), by resampling elsewhere. Draws are seeded: a verdict that changes when it is asked again is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from upper_circuit.judging.checks import Figure

Floats = npt.NDArray[np.float64]

Statistic = Callable[[Floats], Floats]
"""From the columns' means, [draws, columns], to one figure a draw."""

DRAWS = 4_000
_SEED = 20_251_217
_HALVINGS = 60


def share(hits: int, of: int, *, likely: float, surely: float) -> Figure:
    """A share with its exact one-sided bounds (Clopper and Pearson)."""
    return Figure(
        hits / of,
        likely_low=share_at_least(hits, of, likely),
        likely_high=share_at_most(hits, of, likely),
        surely_low=share_at_least(hits, of, surely),
        surely_high=share_at_most(hits, of, surely),
    )


def share_at_most(hits: int, of: int, confidence: float) -> float:
    """Upper bound of a share: with a larger one, so few hits would come with a chance below 1 - confidence."""
    if hits == of:
        return 1.0
    return _root(lambda p: _binomial_tail(of - hits, of, 1 - p), 1 - confidence, falling=True)


def share_at_least(hits: int, of: int, confidence: float) -> float:
    """Lower bound of a share: with a smaller one, so many hits would come with a chance below 1 - confidence."""
    if hits == 0:
        return 0.0
    return _root(lambda p: _binomial_tail(hits, of, p), 1 - confidence, falling=False)


def chance_of_more(hits: int, of: int, others: int, of_others: int) -> float:
    """Chance of at least so many hits on this side if both sides were alike (Fisher's exact test, one-sided)."""
    total, both = of + of_others, hits + others
    most = min(of, both)
    base = _ln_choose(total, both)
    logs = [
        _ln_choose(of, k) + _ln_choose(of_others, both - k) - base
        for k in range(hits, most + 1)
        if both - k <= of_others
    ]
    return min(1.0, math.fsum(map(math.exp, logs)))


def mean(
    values: Floats,
    *,
    block: int,
    likely: float,
    surely: float,
    of: Statistic | None = None,
) -> Figure:
    """A mean over mornings, with bounds from drawing `block` of them in a row together (circular bootstrap).

    Args:
        values: [mornings], or [mornings, columns] where `of` makes one figure of the columns' means.
        block: mornings that depend on each other; at most half of them all is taken, or nothing would vary.
        likely: confidence that passing takes.
        surely: confidence that failing takes.
        of: the figure; None: the mean itself.
    """
    table = values if values.ndim == 2 else values[:, None]
    figure = of or (lambda means: means[:, 0])
    count = len(table)
    length = max(1, min(block, count // 2))
    rng = np.random.default_rng(_SEED)
    starts = rng.integers(0, count, (DRAWS, -(-count // length)))
    drawn = ((starts[:, :, None] + np.arange(length)) % count).reshape(DRAWS, -1)[:, :count]
    value = float(figure(table.mean(axis=0)[None])[0])
    # Blocks of a short series vary less than the series would if it went on; for blocks of one this is n / (n - 1).
    wider = math.sqrt(count / (count - length)) if count > length else 1.0
    drawn_figures = value + wider * (figure(table[drawn].mean(axis=1)) - value)
    return between(value, drawn_figures, likely, surely)


def between(value: float, draws: Floats, likely: float, surely: float) -> Figure:
    """A figure with the quantiles of its draws as bounds."""
    low, high = 1 - surely, surely
    found = np.quantile(draws, (low, 1 - likely, likely, high))
    return Figure(value, float(found[1]), float(found[2]), float(found[0]), float(found[3]))


def quantile(bounds: Floats, counts: npt.NDArray[np.int64], at: float) -> Floats:
    """Quantiles of histograms [draws, bounds], linear inside a bucket; of the last, open one its lower end."""
    ends = np.cumsum(counts, axis=1)
    rank = at * ends[:, -1]
    bucket = (ends < rank[:, None]).sum(axis=1)
    rows = np.arange(len(counts))
    lower = np.concatenate([[0.0], bounds[:-1]])[bucket]
    upper = np.where(np.isinf(bounds[bucket]), lower, bounds[bucket])
    inside = counts[rows, bucket]
    before = ends[rows, bucket] - inside
    found: Floats = lower + (upper - lower) * (rank - before) / np.maximum(inside, 1)
    return found


def _binomial_tail(at_least: int, of: int, p: float) -> float:
    """P(X >= at_least) for X of `of` tries with chance p, summed from its first term as long as terms matter."""
    if at_least <= 0:
        return 1.0
    if p <= 0:
        return 0.0
    if p >= 1:
        return 1.0
    if at_least <= of * p:
        return 1.0 - _binomial_tail(of - at_least + 1, of, 1 - p)
    term = math.exp(_ln_choose(of, at_least) + at_least * math.log(p) + (of - at_least) * math.log1p(-p))
    total, k = 0.0, at_least
    while k <= of and term > total * 1e-16:
        total += term
        term *= (of - k) / (k + 1) * p / (1 - p)
        k += 1
    return min(1.0, total)


def _ln_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _root(chance: Callable[[float], float], level: float, *, falling: bool) -> float:
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if (chance(middle) > level) == falling:
            low = middle
        else:
            high = middle
    return (low + high) / 2
