"""
What the values of a release say about its two slots.

Values are the one writer of slots and weights, so they are also the one memory: which slot is on trial is not written
anywhere, it follows from the revisions of the release. The slot that had the weight when both began to run is the
older one, whatever happened to the weights since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from upper_circuit.errors import BadInput

Slot = Literal["a", "b"]
SLOTS: tuple[Slot, Slot] = ("a", "b")


def other(slot: Slot) -> Slot:
    """The one beside it."""
    return "b" if slot == "a" else "a"


@dataclass(frozen=True, slots=True)
class SlotState:
    """One slot as the values have it."""

    enabled: bool
    version: str
    """Empty: the promoted one."""


@dataclass(frozen=True, slots=True)
class State:
    """Both slots and the traffic, as one revision of the values has them.

    Guaranteed: weights lie between 0 and 100 and make 100 together.
    """

    slots: Mapping[Slot, SlotState]
    weights: Mapping[Slot, int]
    mirror: int
    has_route: bool

    def __post_init__(self) -> None:
        if sum(self.weights.values()) != 100 or min(self.weights.values()) < 0:
            raise BadInput(
                f"traffic.a and traffic.b are {self.weights['a']} and {self.weights['b']}: not 100 together"
            )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> State:
        """From all values of a release (`helm get values --all`); raises BadInput where they are of another chart."""
        try:
            slots = {
                slot: SlotState(bool(of["enabled"]), str(of.get("version") or ""))
                for slot in SLOTS
                for of in (values["slots"][slot],)
            }
            traffic = values["traffic"]
            weights = {slot: int(traffic[slot]) for slot in SLOTS}
            return cls(slots, weights, int(traffic.get("mirror", 0)), bool(values["route"]["enabled"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise BadInput(
                f"the release's values have no slots and traffic ({error}): is it this chart?"
            ) from error

    @property
    def active(self) -> Slot:
        """The heavier slot, a on a tie: the in-cluster name and the morning run follow it."""
        return "b" if self.weights["b"] > self.weights["a"] else "a"

    @property
    def idle(self) -> Slot:
        """The other one."""
        return other(self.active)

    @property
    def are_both_running(self) -> bool:
        """Whether there is anything to shift traffic between."""
        return all(self.slots[slot].enabled for slot in SLOTS)

    def is_the_same_pair_as(self, earlier: State) -> bool:
        """Whether both slots ran then too, with these versions."""
        return earlier.are_both_running and dict(earlier.slots) == dict(self.slots)


@dataclass(frozen=True, slots=True)
class History:
    """The revisions of a release, newest first.

    Guaranteed: at least one.
    """

    states: Sequence[State]
    first: Slot | None = None
    """The older slot, where revisions cannot tell."""
    chart: str = ""
    """Name and version of the chart that the newest revision was made from, as Helm lists it; empty without Helm."""

    def __post_init__(self) -> None:
        if not self.states:
            raise ValueError("a release has at least one revision")

    @property
    def now(self) -> State:
        """The values as they are."""
        return self.states[0]

    @property
    def older(self) -> Slot:
        """The slot that was there first: active in the first revision in which the two of today ran side by side."""
        found = self.first or self.now.active
        for state in () if self.first else self.states:
            if not state.is_the_same_pair_as(self.now):
                break
            found = state.active
        return found

    @property
    def newer(self) -> Slot:
        """The slot that came beside it."""
        return other(self.older)
