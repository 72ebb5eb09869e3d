"""
Whether the canary is asked about a market it was not made for.

Its training bins stand in its manifest. The population stability index says how far today's rows lie from them; a
market that drifts moves both models away from their bins, so a canary is held to the limit or to the model beside it,
whichever is further.
"""

from __future__ import annotations

import math

from upper_circuit.judging.checks import Check, State, not_asked
from upper_circuit.judging.evidence import Evidence, Spread
from upper_circuit.judging.thresholds import Thresholds

_LEAST_SHARE = 1e-4
"""An empty bin counts as this, or one stock would make an infinity."""
SCORES = "probability"


def checks(evidence: Evidence, limits: Thresholds) -> tuple[Check, ...]:
    """Scores, and the feature that drifted most."""
    ours = {each.name: each for each in evidence.canary_spreads}
    theirs = {each.name: each for each in evidence.stable_spreads}
    features = [each for name, each in ours.items() if name != SCORES]
    return (
        _check("score stability (PSI)", [ours[SCORES]] if SCORES in ours else [], theirs, limits),
        _check("feature stability (PSI)", features, theirs, limits),
    )


def psi(spread: Spread) -> float:
    """Population stability index: 0 for equal spreads; from about 0.25 on a change that no sample explains."""
    pairs = [
        (max(trained, _LEAST_SHARE), max(now, _LEAST_SHARE))
        for trained, now in zip(spread.trained, spread.now, strict=True)
        if trained > 0 or now > 0
    ]
    return math.fsum((now - trained) * math.log(now / trained) for trained, now in pairs)


def _check(name: str, spreads: list[Spread], theirs: dict[str, Spread], limits: Thresholds) -> Check:
    if not spreads:
        return not_asked(name, limits.psi, "no rows beside training bins")
    if min(each.rows for each in spreads) < limits.rows:
        return not_asked(
            name, limits.psi, f"{min(each.rows for each in spreads)} rows, {limits.rows} are needed"
        )

    def bound(spread: Spread) -> float:
        beside = theirs.get(spread.name)
        return limits.psi if beside is None else max(limits.psi, psi(beside) + limits.psi_slack)

    worst = max(spreads, key=lambda each: psi(each) - bound(each))
    value, limit = psi(worst), bound(worst)
    beside = theirs.get(worst.name)
    other = f", the other model's is {psi(beside):.3f}" if beside else ""
    over = sum(psi(each) > bound(each) for each in spreads)
    which = (
        ""
        if len(spreads) == 1
        else f"{over} of {len(spreads)} features over their limit; nearest to it {worst.name}"
    )
    why = (which or f"{worst.rows} rows") + other
    return Check(name, value, limit, State.PASS if value <= limit else State.FAIL, why)
