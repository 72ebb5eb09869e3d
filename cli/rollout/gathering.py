"""
Everything the judge wants to see, fetched.

Requests: two scrapes of every transformer of both slots. Scores: the rows of mornings that both models scored, from
the API. Spreads: each slot about itself. What cannot be had becomes a complaint and leaves its checks open; a canary
that does not answer must not stop its own judgement.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

import numpy as np

from cli.api import Answer, read
from cli.cluster import Cluster, ClusterRefused
from cli.rollout.slots import pods_of
from cli.rollout.state import Slot
from upper_circuit.errors import UpperCircuitError
from upper_circuit.judging import scrapes
from upper_circuit.judging.evidence import Evidence, Morning, Spread, Traffic

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two models."""

    slot: Slot
    version: str


@dataclass(slots=True)
class Gathering:
    """Looks at both slots, and remembers what could not be seen."""

    cluster: Cluster
    stable: Side
    canary: Side
    complaints: list[str] = field(default_factory=list)

    def evidence(
        self, *, seconds: float, mornings: int, sleep: Callable[[float], None] = time.sleep
    ) -> Evidence:
        """All there is, after a window of so many seconds."""
        sides = (self.stable, self.canary)
        before = {side.slot: self._scrapes(side) for side in sides}
        compared = self._try("scores", lambda: self._mornings(mornings)) or ()
        stable_spreads, canary_spreads = (self._spreads(side) for side in sides)
        sleep(seconds)
        stable_traffic, canary_traffic = (self._traffic(side, before[side.slot]) for side in sides)
        return Evidence(
            stable_traffic,
            canary_traffic,
            compared,
            stable_spreads,
            canary_spreads,
            tuple(self.complaints),
        )

    def _traffic(self, side: Side, before: Mapping[str, str]) -> Traffic | None:
        after = self._scrapes(side)
        return (
            self._try(f"requests of slot {side.slot}", lambda: scrapes.traffic(before, after))
            if after
            else None
        )

    def _scrapes(self, side: Side) -> dict[str, str]:
        names = [pod["metadata"]["name"] for pod in pods_of(self.cluster, side.slot, "transformer")]
        told = {name: self._metrics(name) for name in names}
        return {name: text for name, text in told.items() if text is not None}

    def _metrics(self, pod: str) -> str | None:
        answer = self._try(f"metrics of {pod}", lambda: self.cluster.get(pod, "/metrics"))
        return answer.body.decode() if answer is not None and answer.status == 200 else None

    def _mornings(self, most: int) -> tuple[Morning, ...]:
        asked = f"stable={self.stable.version}&canary={self.canary.version}"
        told = read(self.cluster.ask, f"/api/v1/comparison?{asked}&limit={most}")
        days = [date.fromisoformat(each) for each in told["mornings"]]
        unseen = self._not_trained_on()
        return tuple(
            morning_of(read(self.cluster.ask, f"/api/v1/comparison/{day}?{asked}"), with_labels=unseen < day)
            for day in sorted(days)
        )

    def _not_trained_on(self) -> date:
        """The last day that either model was fitted or calibrated on; outcomes count from the next one."""
        told = read(self.cluster.ask, "/api/v1/models")["models"]
        windows = {each["version"]: each.get("window") for each in told}
        last = [
            date.fromisoformat(window["calibrate_until"])
            for side in (self.stable, self.canary)
            if (window := windows.get(side.version))
        ]
        return max(last) if len(last) == 2 else date.max

    def _spreads(self, side: Side) -> tuple[Spread, ...]:
        told = self._try(f"spreads of slot {side.slot}", lambda: read(self._at(side), "/api/v1/drift"))
        return () if told is None else spreads_of(told, side.version)

    def _at(self, side: Side) -> Callable[[str], Answer]:
        """Ask a transformer of this slot, and no other."""
        pods = pods_of(self.cluster, side.slot, "transformer")
        if not pods:
            raise ClusterRefused(f"slot {side.slot} has no transformer")
        return lambda path: self.cluster.get(pods[0]["metadata"]["name"], path)

    def _try(self, what: str, look: Callable[[], T]) -> T | None:
        try:
            return look()
        except (UpperCircuitError, OSError, http.client.HTTPException) as error:
            self.complaints.append(f"{what}: {error}")
            return None


def spreads_of(told: Mapping[str, Any], version: str) -> tuple[Spread, ...]:
    """From the API's answer; none where another model gave it."""
    if told["model_version"] != version:
        return ()
    return tuple(
        Spread(each["name"], tuple(each["trained"]), tuple(each["now"]), each["rows"])
        for each in told["spreads"]
    )


def morning_of(told: Mapping[str, Any], *, with_labels: bool) -> Morning:
    """From the API's answer; a missing score is NaN, which the judge calls by its name."""

    def column(name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([np.nan if value is None else value for value in told[name]], dtype=np.float64)

    labels = column("labels")
    return Morning(
        date.fromisoformat(told["prediction_date"]),
        np.array(told["bse_codes"], dtype=np.str_),
        column("stable"),
        column("stable_margin"),
        column("canary"),
        column("canary_margin"),
        labels if with_labels else np.full_like(labels, np.nan),
        int(told["missed"]),
    )
