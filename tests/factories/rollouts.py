"""Values of a release as Helm gives them, and a release that carries out plans in memory."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from cli.rollout.plan import Change, Plan
from cli.rollout.state import History, State


def values(
    a: str | None = "1.0.0",
    b: str | None = None,
    *,
    weights: tuple[int, int] = (100, 0),
    mirror: int = 0,
    has_route: bool = True,
    **others: Any,
) -> dict[str, Any]:
    """All values of a release that matter here; a slot's version is None where it does not run."""
    return {
        "slots": {
            name: {"enabled": version is not None, "version": version or ""}
            for name, version in (("a", a), ("b", b))
        },
        "traffic": {"a": weights[0], "b": weights[1], "mirror": mirror},
        "route": {"enabled": has_route},
        **others,
    }


def changed(old: dict[str, Any], change: Change) -> dict[str, Any]:
    """What `helm upgrade --set` makes of values."""
    new = deepcopy(old)
    for path, value in change.items():
        *parents, name = path.split(".")
        at = new
        for parent in parents:
            at = at[parent]
        at[name] = value
    return new


class Revisions:
    """A release: every change of values is a revision."""

    def __init__(self, first: dict[str, Any] | None = None) -> None:
        self.values = [first or values()]

    @property
    def history(self) -> History:
        """Newest first."""
        return History([State.of(each) for each in reversed(self.values)])

    @property
    def now(self) -> State:
        """The newest one."""
        return self.history.now

    def do(self, plan: Plan) -> Plan:
        """Carry out a plan, a revision each upgrade."""
        for step in plan.steps:
            if hasattr(step, "change"):
                self.values.append(changed(self.values[-1], step.change))
        return plan
