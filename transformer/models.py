"""
What is known of the predictor's models: which answers, what each says of itself, and the order to reload.

Manifests are read from files over there and change once a day, so an answer is kept for five minutes; which version
answers is learned from every call anyway.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from transformer.correlation import current
from transformer.kept import Kept
from transformer.predictors import Predictors
from upper_circuit.errors import BadAnswer, UpperCircuitError
from upper_circuit.oip import contract

KEPT = 300.0
"""Seconds for which manifests are kept."""
_ASK_AGAIN = 1.0
"""Seconds for which the state is kept: a flood of health questions asks the predictor once."""


@dataclass(frozen=True, slots=True)
class State:
    """Whether a model would answer now; `problem` is None then."""

    is_loaded: bool
    version: str | None
    model_type: str | None
    problem: str | None


class Models:
    """Belongs to one event loop."""

    def __init__(self, predictors: Predictors, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._predictors = predictors
        self._manifests = Kept(self._ask_manifests, KEPT, clock=clock)
        self._state = Kept(self._ask_state, _ASK_AGAIN, clock=clock)
        self._version: str | None = None

    def saw(self, version: str) -> None:
        """A call was answered by this version; another one than before makes old news of what was kept."""
        if version != self._version:
            self._version = version
            self.forget()

    async def manifests(self) -> dict[str, Any]:
        """Which version answers, and the manifests of all; raises PredictorAway, BadAnswer."""
        return await self._manifests.get()

    async def state(self) -> State:
        """Whether a model would answer now."""
        return await self._state.get()

    async def reload(self, token: str) -> list[dict[str, Any]]:
        """Have every replica take the version that is promoted now; what became of each."""
        ids = current()
        headers = {
            "authorization": f"Bearer {token}",
            contract.CORRELATION_ID: ids.id,
            contract.TRACEPARENT: ids.child().traceparent,
        }
        reports = [_report(*each) for each in await self._predictors.reload(headers)]
        self.forget()
        return reports

    def forget(self) -> None:
        """Ask the predictor again, whatever is known."""
        self._manifests.forget()
        self._state.forget()

    async def _ask_manifests(self) -> dict[str, Any]:
        found = await self._predictors.registry()
        if not isinstance(found.get("versions"), list):
            raise BadAnswer("the predictor's list of models has no versions")
        self._version = found.get("model_version") or self._version
        return found

    async def _ask_state(self) -> State:
        if not await self._predictors.is_ready():
            return State(False, None, None, "no replica of the predictor has a model loaded")
        try:
            told = await self.manifests()
        except UpperCircuitError as error:
            return State(True, self._version, None, str(error))
        return State(True, self._version or told.get("model_version"), told.get("model_type"), None)


def _report(replica: str, status: int, said: dict[str, Any] | None) -> dict[str, Any]:
    said = said or {}
    if status == 200:
        kept = ("result", "model_version", "previous_version", "requested_version", "fallback_because")
        return {"replica": replica, **{name: said[name] for name in kept if said.get(name) is not None}}
    because = said.get("error")
    return {"replica": replica, "result": "failed", "because": str(because or f"status {status}")}
