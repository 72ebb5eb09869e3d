"""
The way to the predictor, which many questions go together.

A call costs the same for one row as for fifty, so rows that wait while others are under way leave together as one
request; that is what lets one core answer a hundred users. Rows are those of our own matrix, so none can spoil a call
for the others; each rider keeps its own place, deadline and fate: one who gives up waiting does not stop the call.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from transformer.correlation import Correlation
from transformer.errors import PredictorAway, PredictorLate
from transformer.predictors import Predictors
from transformer.verdict import Verdict
from upper_circuit.errors import BadAnswer, BadInput, UpperCircuitError
from upper_circuit.features import FINGERPRINT
from upper_circuit.oip import codec, contract
from upper_circuit.oip.contract import MOST_EXPLAINED, MOST_ROWS
from upper_circuit.oip.messages import InferRequest
from upper_circuit.oip.tensors import Tensor
from upper_circuit.telemetry.metrics import HopMetrics

MOST_WAITING = 4 * MOST_ROWS
"""Rows in the queue before further ones are turned away: several seconds of work."""

_MOST_IDS = 64
_MAY_BE_LATE = 0.05
"""Seconds after its own deadline that a rider may be told so: who came so close together needs no timer."""

Matrix = npt.NDArray[np.float32]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Share:
    """A rider's part of an answer: rows `start` to `start + count` of it."""

    verdict: Verdict
    start: int
    call_id: str
    """Correlation id of the call, by which the predictor logged it."""


@dataclass(slots=True, eq=False)
class _Rider:
    rows: Matrix
    answer: asyncio.Future[Share]
    correlation: Correlation
    deadline: float


class _Lane:
    """Riders in the order they came."""

    def __init__(self, most: int, *, explain: bool) -> None:
        self.explain = explain
        self.most = most
        """Rows of one call: a rider with more could never leave."""
        self._riders: deque[_Rider] = deque()
        self.rows = 0

    def join(self, rider: _Rider) -> None:
        self._riders.append(rider)
        self.rows += len(rider.rows)

    def take(self, now: float) -> list[_Rider]:
        """Those who leave together next; who came too late or gave up stays behind."""
        taken: list[_Rider] = []
        count = 0
        while self._riders and count + len(self._riders[0].rows) <= self.most:
            rider = self._riders.popleft()
            self.rows -= len(rider.rows)
            if rider.answer.done():
                continue
            if rider.deadline <= now:
                rider.answer.set_exception(PredictorLate())
                continue
            taken.append(rider)
            count += len(rider.rows)
        return taken


class Hop:
    """Scores rows at the predictor. Belongs to one event loop.

    `deadline` is in seconds from joining to the answer, both tries of the call included; `calls` is how many may be
    under way at once.
    """

    def __init__(
        self, predictors: Predictors, metrics: HopMetrics, *, deadline: float = 1.0, calls: int = 4
    ) -> None:
        self._predictors = predictors
        self._metrics = metrics
        self._deadline = deadline
        self._most = calls
        self._plain = _Lane(MOST_ROWS, explain=False)
        self._explained = _Lane(MOST_EXPLAINED, explain=True)
        self._under_way: dict[asyncio.Task[None], int] = {}
        self._leaving = False

    async def score(self, rows: Matrix, *, correlation: Correlation, explain: bool = False) -> Share:
        """Scores of rows [n, 25], all in one call and so of one model; with `explain` their contributions too.

        Raises BadInput where no call takes so many, PredictorAway, PredictorLate, BadAnswer, ModelLoading.
        """
        lane = self._explained if explain else self._plain
        if not 1 <= len(rows) <= lane.most:
            kind = "rows with contributions" if explain else "rows"
            raise BadInput(f"{len(rows):,} {kind} in one question: 1 to {lane.most:,} are allowed")
        if lane.rows + len(rows) > MOST_WAITING:
            raise PredictorAway(f"{lane.rows:,} rows are waiting for it")
        loop = asyncio.get_running_loop()
        rider = _Rider(rows, loop.create_future(), correlation, time.monotonic() + self._deadline)
        lane.join(rider)
        if not self._leaving:
            self._leaving = True
            loop.call_soon(self._leave)
        return await rider.answer

    async def stop(self) -> None:
        """Wait for the calls under way."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _leave(self) -> None:
        """Let everything go that has gathered by the end of this turn of the event loop."""
        self._leaving = False
        for lane in (self._plain, self._explained):
            while lane.rows and self._may_leave(lane):
                riders = lane.take(time.monotonic())
                if riders:
                    task = asyncio.get_running_loop().create_task(self._call(riders, explain=lane.explain))
                    self._under_way[task] = sum([len(rider.rows) for rider in riders])
                    task.add_done_callback(self._came_back)

    def _may_leave(self, lane: _Lane) -> bool:
        """Whether a further call is worth its cost.

        It is where a replica has nothing to do. Else only when at least as many rows wait as are under way: many small
        calls cost everybody more time than waiting for the next large one.
        """
        calls = len(self._under_way)
        if calls >= self._most:
            return False
        return calls < len(self._predictors.replicas) or lane.rows >= sum(self._under_way.values())

    def _came_back(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        if not task.cancelled() and task.exception() is not None:
            log.error("hop.failed", exc_info=task.exception())
        self._leave()

    async def _call(self, riders: Sequence[_Rider], *, explain: bool) -> None:
        rows = riders[0].rows if len(riders) == 1 else np.concatenate([rider.rows for rider in riders])
        call = riders[0].correlation.child() if len(riders) == 1 else Correlation.of(None, None)
        self._metrics.rows.observe(len(rows))
        self._metrics.in_flight.inc()
        error: UpperCircuitError = BadAnswer("the call to the predictor came to no end")
        try:
            body, headers = _request(rows, explain, call, riders)
            with _each_in_time(riders):
                response = await self._predictors.infer(body, headers, riders[-1].deadline)
            verdict = Verdict.of(response, len(rows), explained=explain)
            start = 0
            for rider in riders:
                if not rider.answer.done():
                    rider.answer.set_result(Share(verdict, start, call.id))
                start += len(rider.rows)
        except UpperCircuitError as found:
            error = found
        finally:  # also where a defect passes through: nobody is left waiting
            self._metrics.in_flight.dec()
            for rider in riders:
                if not rider.answer.done():
                    rider.answer.set_exception(error)


@contextmanager
def _each_in_time(riders: Sequence[_Rider]) -> Iterator[None]:
    """Let riders whose deadline comes well before that of the last one, which is the call's, go when theirs is over."""
    loop, last = asyncio.get_running_loop(), riders[-1].deadline - _MAY_BE_LATE
    early = [rider for rider in riders if rider.deadline < last]
    timers = [loop.call_later(rider.deadline - time.monotonic(), _let_go, rider.answer) for rider in early]
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()


def _let_go(answer: asyncio.Future[Share]) -> None:
    if not answer.done():
        answer.set_exception(PredictorLate())


def _request(
    rows: Matrix, explain: bool, call: Correlation, riders: Sequence[_Rider]
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a call: the rows as raw bytes, and raw answers asked for."""
    parameters: dict[str, bool | str] = {contract.FINGERPRINT: FINGERPRINT, "binary_data_output": True}
    if explain:
        parameters[contract.EXPLAIN] = True
    request = InferRequest((Tensor(contract.FEATURES.name, rows),), parameters=parameters)
    body, length = codec.encode_request(request, binary=True)
    headers = {
        "content-type": "application/octet-stream",
        contract.HEADER_LENGTH: str(length),
        contract.CORRELATION_ID: call.id,
        contract.TRACEPARENT: call.traceparent,
    }
    if len(riders) > 1:
        headers[contract.CORRELATION_IDS] = ",".join([rider.correlation.id for rider in riders[:_MOST_IDS]])
    return body, headers
