"""
The hot routes by hand: bytes in, bytes out.

FastAPI's routing and pydantic models cost several times what a prediction costs. So these three take a body from the
edge to the service and back with nothing in between; FastAPI has the same routes, calls the same functions, and
documents them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import numpy as np

from transformer.answers import Prediction
from transformer.bodies import read_json
from transformer.correlation import current
from transformer.errors import Refused, refusal
from transformer.hop import Share
from transformer.questions import question_of, questions_of, run_date_of, stock_code_of
from transformer.replies import BYTES, JSON, Reply, document, told
from transformer.service import PredictionService
from upper_circuit.errors import BadInput, UpperCircuitError
from upper_circuit.oip import codec, contract
from upper_circuit.oip.messages import InferRequest, InferResponse, Parameter
from upper_circuit.oip.tensors import Tensor

Headers = Mapping[bytes, bytes]
Handler = Callable[[Headers, bytes], Awaitable[Reply]]

PREDICT, BATCH = "/api/v1/predict", "/api/v1/batch_predict"
_HEADER_LENGTH = contract.HEADER_LENGTH.encode()


class HotRoutes:
    """The handlers of the hot routes."""

    def __init__(self, service: PredictionService) -> None:
        self._service = service

    def table(self) -> dict[str, Handler]:
        """Handlers of POST by path."""
        return {PREDICT: self.predict, BATCH: self.batch_predict, contract.INFER_PATH: self.infer}

    async def predict(self, headers: Headers, body: bytes) -> Reply:
        """One question, one answer."""
        _require_json(headers)
        question = question_of(read_json(body))
        try:
            prediction = await self._service.predict_single(question)
        except UpperCircuitError as error:
            return told(refusal(error, question.bse_code), PREDICT)
        facts = _facts(prediction, 1)
        return Reply(HTTPStatus.OK, document(prediction.document()), facts=facts)

    async def batch_predict(self, headers: Headers, body: bytes) -> Reply:
        """A list of questions, a list of answers and errors."""
        _require_json(headers)
        questions = questions_of(read_json(body))
        found = await self._service.predict_batch(questions)
        correlation_id = current().id
        answers: list[dict[str, Any]] = []
        for question, answer in zip(questions, found, strict=True):
            if isinstance(answer, Prediction):
                answers.append(answer.document())
            else:
                answers.append(refusal(answer, question.bse_code).body(correlation_id))
        answered = next((each for each in found if isinstance(each, Prediction)), None)
        facts = _facts(answered, len(questions)) if answered else {"rows": len(questions)}
        return Reply(HTTPStatus.OK, document(answers), facts=facts)

    async def infer(self, headers: Headers, body: bytes) -> Reply:
        """An inference of the Open Inference Protocol, in JSON or with raw tensors."""
        request = codec.decode_request(body, _header_length(headers))
        codes, dates = _asked(request)
        share = await self._service.score(codes, dates)
        outputs, binary = request.select(_outputs(share, len(codes)))
        verdict = share.verdict
        parameters: dict[str, Parameter] = {}
        if verdict.requested_version is not None:
            parameters[contract.REQUESTED_VERSION] = verdict.requested_version
        if verdict.fallback_because is not None:
            parameters[contract.FALLBACK_BECAUSE] = verdict.fallback_because
        response = InferResponse(
            contract.MODEL_NAME, outputs, verdict.model_version, request.id or current().id, parameters
        )
        encoded, length = codec.encode_response(response, binary=binary)
        facts = {"rows": len(codes), "model_version": verdict.model_version, "hop": share.call_id}
        if length is None:
            return Reply(HTTPStatus.OK, encoded, facts=facts)
        return Reply(HTTPStatus.OK, encoded, BYTES, [(_HEADER_LENGTH, str(length).encode())], facts)


def _asked(request: InferRequest) -> tuple[list[str], list[Any]]:
    codes, dates = request.take(contract.BSE_CODE, contract.PREDICTION_DATE)
    if not isinstance(codes.values, tuple) or not codes.values:
        raise BadInput(f"{codes.name} has no rows: 1 to {contract.MOST_ROWS} are allowed")
    if len(dates.values) not in (1, len(codes.values)):
        raise BadInput(
            f"{dates.name} has {len(dates.values)} values for {len(codes.values)} stocks: as many or one are needed"
        )
    return [stock_code_of(each) for each in codes.values], [run_date_of(each) for each in dates.values]


def _outputs(share: Share, count: int) -> list[Tensor]:
    part = slice(share.start, share.start + count)
    verdict = share.verdict
    return [
        Tensor(contract.PROBABILITY.name, np.array(verdict.probability[part], np.float32)),
        Tensor(contract.LABEL.name, np.array(verdict.label[part], np.int32)),
        Tensor(contract.CONFIDENCE.name, tuple(verdict.confidence[part])),
    ]


def _facts(prediction: Prediction, rows: int) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "rows": rows,
        "model_version": prediction.model_version,
        "hop": prediction.call_id,
    }
    if prediction.fallback_because is not None:
        facts["requested_version"] = prediction.requested_model_version
    return facts


def _require_json(headers: Headers) -> None:
    kind = headers.get(b"content-type", JSON)
    if kind != JSON and kind.split(b";")[0].strip().lower() != JSON:
        raise _unsupported(f"content type {kind.decode('latin-1')!r:.80}: application/json is allowed")
    _require_plain(headers)


def _require_plain(headers: Headers) -> None:
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise _unsupported("a compressed body cannot be read")


def _header_length(headers: Headers) -> int | None:
    kind = headers.get(b"content-type", JSON).split(b";")[0].strip().lower()
    if kind not in (JSON, BYTES):
        allowed = "application/json or application/octet-stream is allowed"
        raise _unsupported(f"content type {kind.decode('latin-1')!r:.80}: {allowed}")
    _require_plain(headers)
    length = headers.get(_HEADER_LENGTH)
    if length is None:
        if kind == BYTES:
            raise BadInput(f"raw tensors need the header {contract.HEADER_LENGTH}")
        return None
    if not length.isdigit() or len(length) > 9:
        shown = f"{length.decode('latin-1')!r:.40}"
        raise BadInput(f"{contract.HEADER_LENGTH} is {shown}, a number of bytes is needed")
    return int(length)


def _unsupported(reason: str) -> Refused:
    return Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", reason)
