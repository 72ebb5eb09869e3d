"""
From what is and what is wanted to the values that change, or to a refusal.

Pure, so that every way a morning can go wrong is a line in a test. A plan is a list of steps: what must be ready
before traffic moves is a step of its own, because a weight on a slot without pods is an outage for that share.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cli.rollout.state import SLOTS, History, Slot, SlotState, State, other
from upper_circuit.errors import UpperCircuitError
from upper_circuit.models.version import ModelVersion
from upper_circuit.rollout import Action

Value = bool | int | str
Change = Mapping[str, Value]


class RolloutRefused(UpperCircuitError):
    """The step makes no sense now; the sentence says why and what does."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Values that change in one `helm upgrade`, by their path."""

    change: Change


@dataclass(frozen=True, slots=True)
class Ready:
    """Wait until a slot answers."""

    slot: Slot
    version: str


Step = Upgrade | Ready


@dataclass(frozen=True, slots=True)
class Plan:
    """What a command will do."""

    action: Action
    steps: tuple[Step, ...]
    told: str
    """What will be, in a sentence."""
    next: str
    """The command that comes after."""
    before: str = field(default="")
    after: str = field(default="")
    """The slots as the audit has them: `a 1.0.0 90, b 1.1.0 10`."""

    @property
    def change(self) -> dict[str, Value]:
        """Everything that will have changed at the end."""
        return {
            path: value
            for step in self.steps
            if isinstance(step, Upgrade)
            for path, value in step.change.items()
        }

    def stopped(self, now: State, changed: Change) -> Plan:
        """The same with what was reached, where it ended after some of its changes."""
        return replace(self, after=described(now, changed))


def start(history: History, version: str, *, weight: int, mirror: int, serving: str | None) -> Plan:
    """A version into the idle slot: dark first, then (once it is ready) with so many percent of the traffic.

    `serving` is the version that answers now, where the active slot names none.
    """
    now, wanted = history.now, str(ModelVersion.parse(version))
    _require_percent("weight", weight, 99)
    _require_percent("mirror", mirror, 100)
    if now.are_both_running:
        raise RolloutRefused(_already(history))
    active, idle = now.active, now.idle
    if not now.slots[active].enabled:
        raise RolloutRefused(f"slot {active} has the traffic and does not run: repair the release first")
    if not now.has_route and (weight or mirror):
        raise RolloutRefused(
            "only a Gateway can split or mirror requests: set route.enabled, or start without --weight and --mirror"
        )
    pinned = now.slots[active].version or serving
    if not pinned:
        raise RolloutRefused(
            f"slot {active} names no version and nobody says which one answers: set slots.{active}.version first"
        )
    if pinned == wanted:
        raise RolloutRefused(
            f"slot {active} answers with {wanted} already: a canary needs another version, or its rows could not be told apart"
        )
    dark: dict[str, Value] = {f"slots.{idle}.enabled": True, f"slots.{idle}.version": wanted}
    if not now.slots[active].version:
        dark[f"slots.{active}.version"] = pinned
    steps: list[Step] = [Upgrade(dark), Ready(idle, wanted)]
    if weight or mirror:
        steps.append(Upgrade({**_weights(idle, weight), "traffic.mirror": mirror}))
    share = f"with {weight} % of the traffic" if weight else "dark"
    told = f"{wanted} starts in slot {idle} beside {pinned}, {share}{_copies(mirror)}"
    return _plan("start", now, steps, told, after_start(now, wanted, weight + mirror))


def after_start(now: State, version: str, requests: int) -> str:
    """The command after a version was started: the judge has nothing to look at where no request comes.

    `requests`: percent that the version gets, its own or copies.
    """
    if requests:
        return "upper-circuit rollout judge"
    if now.has_route:
        return f"upper-circuit rollout start {version} --weight 10"
    return "upper-circuit rollout promote"


def shift(history: History, *, weight: int, mirror: int) -> Plan:
    """Another weight for the version that is on trial: `start` with the version that runs already."""
    now, newer = history.now, history.newer
    if not now.has_route:
        raise RolloutRefused("only a Gateway can split or mirror requests: set route.enabled")
    _require_percent("weight", weight, 99)
    _require_percent("mirror", mirror, 100)
    version = now.slots[newer].version
    steps: list[Step] = [
        Ready(newer, version),
        Upgrade({**_weights(newer, weight), "traffic.mirror": mirror}),
    ]
    told = f"{version} in slot {newer} gets {weight} % of the traffic{_copies(mirror)}"
    return _plan("start", now, steps, told, "upper-circuit rollout judge")


def promote(history: History) -> Plan:
    """All traffic to the newer slot; the older one stays warm."""
    now = _both(history, "promote")
    newer, older = history.newer, history.older
    new, old = now.slots[newer].version, now.slots[older].version
    if now.weights[newer] == 100:
        raise RolloutRefused(
            f"{new} in slot {newer} has all the traffic already; next: upper-circuit rollout finish"
        )
    steps: list[Step] = [Ready(newer, new), Upgrade({**_weights(newer, 100), "traffic.mirror": 0})]
    told = f"{new} in slot {newer} gets all the traffic, {old} in slot {older} stays warm"
    return _plan(
        "promote", now, steps, told, "upper-circuit rollout status (back: upper-circuit rollout rollback)"
    )


def rollback(history: History, *, has_drifted: bool = False) -> Plan:
    """All traffic back to the older slot, at once; nothing restarts and nothing is waited for.

    `has_drifted`: the route is not what the values say, so that saying it again does change something.
    """
    now = history.now
    older, newer = history.older, history.newer
    if not now.are_both_running:
        active = now.active
        raise RolloutRefused(
            f"only slot {active} runs, so there is nothing to go back to; "
            "start the version you want: upper-circuit rollout start VERSION"
        )
    if now.weights[older] == 100 and now.mirror == 0 and not has_drifted:
        raise RolloutRefused(f"{now.slots[older].version} in slot {older} has all the traffic already")
    steps: list[Step] = [Upgrade({**_weights(older, 100), "traffic.mirror": 0})]
    told = f"{now.slots[older].version} in slot {older} gets all the traffic back, slot {newer} stays warm"
    return _plan("rollback", now, steps, told, "upper-circuit rollout status")


def abort(history: History) -> Plan:
    """The canary away: its weight first, then its pods."""
    now = _both(history, "abort")
    newer, older = history.newer, history.older
    if now.weights[newer] == 100:
        raise RolloutRefused(
            f"{now.slots[newer].version} in slot {newer} was promoted; go back first: upper-circuit rollout rollback"
        )
    steps: list[Step] = []
    if now.weights[newer] or now.mirror:
        steps.append(Upgrade({**_weights(older, 100), "traffic.mirror": 0}))
    steps.append(Upgrade({f"slots.{newer}.enabled": False}))
    told = f"{now.slots[newer].version} in slot {newer} goes away, {now.slots[older].version} in slot {older} has all the traffic"
    return _plan("abort", now, steps, told, "upper-circuit rollout start VERSION")


def finish(history: History) -> Plan:
    """The slot without traffic away."""
    now = _both(history, "finish")
    active, idle = now.active, now.idle
    if now.weights[idle] or now.mirror:
        raise RolloutRefused(
            f"slot {idle} still gets {now.weights[idle]} % of the traffic and a copy of {now.mirror} %: "
            "promote, roll back or abort first"
        )
    steps: list[Step] = [Upgrade({f"slots.{idle}.enabled": False})]
    told = f"{now.slots[idle].version} in slot {idle} goes away, {now.slots[active].version} in slot {active} stays"
    return _plan("finish", now, steps, told, "upper-circuit rollout start VERSION")


def described(state: State, change: Change | None = None) -> str:
    """The slots in one line, after some change of values."""
    changed = change or {}
    parts = []
    for slot in ("a", "b"):
        of = state.slots[slot]
        if not changed.get(f"slots.{slot}.enabled", of.enabled):
            continue
        version = changed.get(f"slots.{slot}.version", of.version) or "latest"
        parts.append(f"{slot} {version} {changed.get(f'traffic.{slot}', state.weights[slot])}")
    mirror = changed.get("traffic.mirror", state.mirror)
    return ", ".join(parts) + (f", mirror {mirror}" if mirror else "")


_DESCRIBED = re.compile(
    r"rollout: (?:a (?P<a>\S+) (?P<to_a>\d+))?(?:, )?(?:b (?P<b>\S+) (?P<to_b>\d+))?(?:, mirror (?P<mirror>\d+))?"
)


def description(state: State, change: Change) -> str:
    """What Helm's history says of a revision that a rollout makes."""
    return f"rollout: {described(state, change)}"


def state_described(text: str, *, has_route: bool) -> State | None:
    """The state that `description` was made of; None where a revision is somebody else's."""
    found = _DESCRIBED.fullmatch(text)
    if found is None:
        return None
    versions = {slot: found[slot] for slot in SLOTS}
    slots = {
        slot: SlotState(version is not None, "" if version in {None, "latest"} else str(version))
        for slot, version in versions.items()
    }
    weights = {slot: int(found[f"to_{slot}"] or 0) for slot in SLOTS}
    return State(slots, weights, int(found["mirror"] or 0), has_route)


def _plan(action: Action, now: State, steps: list[Step], told: str, then: str) -> Plan:
    plan = Plan(action, tuple(steps), told, then)
    return Plan(action, plan.steps, told, then, described(now), described(now, plan.change))


def _copies(mirror: int) -> str:
    return f" and a copy of {mirror} % of the requests" if mirror else ""


def _weights(slot: Slot, weight: int) -> dict[str, Value]:
    weights = {slot: weight, other(slot): 100 - weight}
    return {f"traffic.{name}": weights[name] for name in ("a", "b")}


def _both(history: History, action: str) -> State:
    now = history.now
    if not now.are_both_running:
        raise RolloutRefused(
            f"nothing to {action}: only slot {now.active} runs; next: upper-circuit rollout start VERSION"
        )
    return now


def _already(history: History) -> str:
    now, newer, older = history.now, history.newer, history.older
    new, old = now.slots[newer].version, now.slots[older].version
    if now.weights[newer] == 100:
        return f"{old} still stands warm in slot {older}; end the last rollout first: upper-circuit rollout finish"
    return (
        f"{new} is on trial in slot {newer} already; promote it, or let it go: upper-circuit rollout abort "
        f"(another weight: upper-circuit rollout start {new} --weight N)"
    )


def _require_percent(name: str, value: int, most: int) -> None:
    if not 0 <= value <= most:
        hint = "; 100 is `upper-circuit rollout promote`" if name == "weight" else ""
        raise RolloutRefused(f"--{name} {value}: 0 to {most}{hint}")
