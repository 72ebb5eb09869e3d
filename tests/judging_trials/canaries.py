"""
Canaries of every kind, and the evidence a judge would have of each.

One trial is one fortnight: the same mornings, the same requests to the slot that answers now, and beside it each kind
of canary. Only what makes a kind what it is differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt

from tests.judging_trials.world import COLUMNS, NAMES, Model, World, model, world
from upper_circuit.judging.evidence import Evidence, Latencies, Morning, Spread, Traffic
from upper_circuit.models.bins import Bins

Floats = npt.NDArray[np.float64]

STOCKS = 1_200
MATURED, YOUNG = 10, 5
"""Mornings with outcomes (as few as the limits ask for) and without."""
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, np.inf)


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of canary."""

    name: str
    what: str
    quality: Literal["good", "bad"]
    scores: Callable[[Floats, World, np.random.Generator], Floats] = lambda odds, _world, _rng: odds
    """From the other model's log-odds [m, n] to its own."""
    slower: float = 1.0
    failing: float = 0.0005


KINDS = (
    Kind("identical", "the same model again", "good"),
    Kind(
        "slightly better",
        "log-odds moved a fifth of the way to the truth",
        "good",
        lambda odds, of, _rng: odds + 0.2 * (of.truth - odds),
    ),
    Kind(
        "retrained",
        "the same recipe on another year",
        "good",
        lambda _odds, of, _rng: model(202).log_odds(of.features),
    ),
    Kind("biased", "log-odds 0.7 too high", "bad", lambda odds, _world, _rng: odds + 0.7),
    Kind(
        "noisy",
        "noise as wide as the log-odds themselves",
        "bad",
        lambda odds, _world, rng: odds + rng.normal(scale=odds.std(), size=odds.shape),
    ),
    Kind(
        "shuffled",
        "each morning's scores dealt out anew",
        "bad",
        lambda odds, _world, rng: rng.permuted(odds, axis=1),
    ),
    Kind("slow", "every request takes twice as long", "bad", slower=2.0),
    Kind("failing", "two requests in a hundred fail", "bad", failing=0.02),
)


def trial(seed: int) -> Iterator[tuple[Kind, Evidence]]:
    """The evidence of each kind, of one fortnight."""
    of = world(1_000_000 + seed, mornings=MATURED + YOUNG, stocks=STOCKS)
    stable = model(101)
    odds = stable.log_odds(of.features)
    rng = np.random.default_rng(seed)
    requests = int(rng.integers(500, 3_000))
    for number, kind in enumerate(KINDS):
        own = np.random.default_rng((seed, number))
        scores = kind.scores(odds, of, own)
        trained = model(202) if kind.name == "retrained" else stable
        yield (
            kind,
            Evidence(
                stable_traffic=_traffic(9 * requests, own),
                canary_traffic=_traffic(requests, own, slower=kind.slower, failing=kind.failing),
                mornings=tuple(_mornings(of, odds, scores)),
                stable_spreads=_spreads(stable, of, odds),
                canary_spreads=_spreads(trained, of, scores),
            ),
        )


def _mornings(of: World, stable: Floats, canary: Floats) -> Iterator[Morning]:
    codes = np.array([f"{500_000 + number}" for number in range(STOCKS)])
    for at in range(MATURED + YOUNG):
        labels = of.labels[at] if at < MATURED else np.full(STOCKS, np.nan)
        yield Morning(
            date(2026, 1, 5) + timedelta(days=at),
            codes,
            _probability(stable[at]),
            stable[at],
            _probability(canary[at]),
            canary[at],
            labels,
        )


def _traffic(
    requests: int, rng: np.random.Generator, *, slower: float = 1.0, failing: float = 0.0005
) -> Traffic:
    seconds = slower * rng.lognormal(np.log(0.004), 0.6, requests)
    counts = np.bincount(np.searchsorted(_BOUNDS, seconds), minlength=len(_BOUNDS))
    took = Latencies(_BOUNDS, tuple(int(count) for count in counts))
    return Traffic(requests, int(rng.binomial(requests, failing)), {"/api/v1/predict": took})


def _spreads(trained: Model, of: World, odds: Floats) -> tuple[Spread, ...]:
    newest = of.features[-1]
    columns = [
        _spread(NAMES[column], trained.features[column], newest[:, column]) for column in range(COLUMNS)
    ]
    return (_spread("probability", trained.probability, _probability(odds).ravel()), *columns)


def _spread(name: str, bins: Bins, values: npt.NDArray[np.floating]) -> Spread:
    shares, missing = bins.spread(values)
    return Spread(name, (*bins.shares, bins.missing), (*shares, missing), len(values))


def _probability(odds: Floats) -> Floats:
    return 1 / (1 + np.exp(-odds))


def without_outcomes(evidence: Evidence) -> Evidence:
    """The same on the first days, before any label is known."""
    return replace(
        evidence,
        mornings=tuple(replace(each, labels=np.full_like(each.labels, np.nan)) for each in evidence.mornings),
    )
