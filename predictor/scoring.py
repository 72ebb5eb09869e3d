"""
From a request's bytes to an answer's bytes.

All of it runs in threads of its own, one for plain scores and one for those with contributions: a row's SHAP values
cost as much as a thousand plain rows, and neither may hold up the event loop or the other. The model is taken once,
before anything is read, so an answer is wholly of one version.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from predictor.errors import Busy
from predictor.keeper import ModelKeeper
from upper_circuit.errors import BadInput, FingerprintMismatch
from upper_circuit.models.loader import LoadedModel
from upper_circuit.oip import codec, contract
from upper_circuit.oip.messages import InferRequest, InferResponse, Parameter
from upper_circuit.oip.tensors import Tensor
from upper_circuit.telemetry.metrics import ScoringMetrics

MOST_WAITING = 512


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out, and what the log says of it."""

    body: bytes
    header_length: int | None
    """Bytes of JSON at its head, None where all of it is."""
    model: LoadedModel
    rows: int
    explained: bool
    seconds: float
    """Of work, without waiting."""


@dataclass(frozen=True, slots=True)
class _Question:
    request: InferRequest
    matrix: np.typing.NDArray[np.float32]
    explain: bool
    seconds: float


class Scoring:
    """Answers requests with the keeper's model. Belongs to one event loop."""

    def __init__(self, keeper: ModelKeeper, metrics: ScoringMetrics) -> None:
        self._keeper = keeper
        self._metrics = metrics
        self._plain = ThreadPoolExecutor(1, "scores")
        self._explaining = ThreadPoolExecutor(1, "contributions")
        self._waiting = 0

    async def answer(self, body: bytes, header_length: int | None) -> Answer:
        """The answer to one request; BadInput, FingerprintMismatch, ModelUnavailable or Busy when there is none."""
        if self._waiting >= MOST_WAITING:
            raise Busy(self._waiting)
        model = self._keeper.take()
        loop = asyncio.get_running_loop()
        self._waiting += 1
        try:
            found = await loop.run_in_executor(self._plain, _read, model, body, header_length)
            if isinstance(found, _Question):
                found = await loop.run_in_executor(self._explaining, _score, model, found)
        finally:
            self._waiting -= 1
        self._metrics.rows.observe(found.rows)
        self._metrics.seconds.labels("contributions" if found.explained else "plain").observe(found.seconds)
        return found


def _read(model: LoadedModel, body: bytes, header_length: int | None) -> Answer | _Question:
    """A request without contributions is answered at once, another one goes on to the other thread."""
    started = time.perf_counter()
    request = codec.decode_request(body, header_length)
    _require_fingerprint(request, model)
    [features] = request.take(contract.FEATURES)
    matrix = features.values
    if not isinstance(matrix, np.ndarray) or matrix.dtype != np.float32 or not len(matrix):
        raise BadInput(f"features has no rows: 1 to {contract.MOST_ROWS} are allowed")
    explain = request.flag(contract.EXPLAIN)
    if explain and len(matrix) > contract.MOST_EXPLAINED:
        raise BadInput(f"{len(matrix)} rows with contributions: {contract.MOST_EXPLAINED} are allowed")
    question = _Question(
        request, matrix.astype(np.float32, copy=False), explain, time.perf_counter() - started
    )
    return question if explain else _score(model, question)


def _score(model: LoadedModel, question: _Question) -> Answer:
    started = time.perf_counter()
    scores = model.scorer.score(question.matrix)
    made = [Tensor(contract.PROBABILITY.name, scores.probability)]
    if question.explain:
        contributions = model.scorer.contributions(question.matrix)
        made.append(Tensor(contract.CONTRIBUTIONS.name, contributions))
        made.append(Tensor(contract.MARGIN.name, scores.margin))
    outputs, binary = question.request.select(made)
    parameters: dict[str, Parameter] = {contract.REQUESTED_VERSION: str(model.requested)}
    if model.fallback_because is not None:
        parameters[contract.FALLBACK_BECAUSE] = model.fallback_because
    response = InferResponse(contract.MODEL_NAME, outputs, str(model.served), question.request.id, parameters)
    body, header_length = codec.encode_response(response, binary=binary)
    seconds = question.seconds + time.perf_counter() - started
    return Answer(body, header_length, model, len(question.matrix), question.explain, seconds)


def _require_fingerprint(request: InferRequest, model: LoadedModel) -> None:
    expected = model.scorer.manifest.feature_fingerprint
    given = request.parameters.get(contract.FINGERPRINT)
    if given is None:
        raise BadInput(
            f"parameter {contract.FINGERPRINT} is missing: it says which formulas made the features, "
            f"the model needs {expected}"
        )
    if given != expected:
        raise FingerprintMismatch(expected, str(given)[:80])
