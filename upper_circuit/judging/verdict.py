"""
The judge: every check asked, and one word at the end.

One check that fails is enough to go back, one that is open is enough to wait. Nothing is weighed against anything: a
model that ranks better and fails two requests in a hundred is not half good.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from upper_circuit.judging import agreement, drift, outcomes, traffic
from upper_circuit.judging.checks import Check, State
from upper_circuit.judging.evidence import Evidence
from upper_circuit.judging.thresholds import Thresholds


class Decision(StrEnum):
    """What the judge advises."""

    PROMOTE = "promote"
    ROLL_BACK = "roll back"
    NOT_ENOUGH_EVIDENCE = "not enough evidence"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision with everything it rests on."""

    decision: Decision
    checks: tuple[Check, ...]
    complaints: tuple[str, ...] = ()

    @property
    def because(self) -> str:
        """The checks that decided, in one line."""
        wanted = {Decision.ROLL_BACK: State.FAIL, Decision.NOT_ENOUGH_EVIDENCE: State.UNKNOWN}.get(
            self.decision
        )
        deciding = [f"{check.name} ({check.why})" for check in self.checks if check.state is wanted]
        return "; ".join(deciding) or f"all {len(self.checks)} checks pass"

    def table(self) -> list[tuple[str, ...]]:
        """Rows of text under a head: check, value, bound, state, why."""
        rows = [
            (check.name, _number(check.value), _number(check.bound), check.state.value, check.why)
            for check in self.checks
        ]
        return [("CHECK", "VALUE", "BOUND", "STATE", "WHY"), *rows]


def judge(evidence: Evidence, limits: Thresholds) -> Verdict:
    """Ask every check. The same evidence and limits give the same verdict."""
    broken = agreement.broken(evidence.mornings)
    parts = (traffic, drift) if broken else (traffic, agreement, drift, outcomes)
    asked = tuple(check for part in parts for check in part.checks(evidence, limits))
    if broken:
        asked += (broken,)
    states = {check.state for check in asked}
    if State.FAIL in states:
        decision = Decision.ROLL_BACK
    elif State.UNKNOWN in states:
        decision = Decision.NOT_ENOUGH_EVIDENCE
    else:
        decision = Decision.PROMOTE
    return Verdict(decision, asked, evidence.complaints)


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4g}"
