"""
The thin path: one hot route by hand, in front of KServe's app, and what holds for every route.

FastAPI's routing, pydantic models and the SDK's InferRequest cost three times what the model does. So inference takes
bytes from the socket to `Scoring` and back, and all else goes on to the app behind. Limits, the correlation id,
metrics and the one log line are here because they are for both.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from predictor.errors import DEFECT, Refusal, Refused
from predictor.keeper import ModelKeeper
from predictor.scoring import Answer, Scoring
from upper_circuit.errors import UpperCircuitError
from upper_circuit.oip import contract
from upper_circuit.oip.arrival import BodyLate, BodyTooLarge, GoneError, Message, Receive, body_of
from upper_circuit.oip.codec import encode_error
from upper_circuit.telemetry import logs
from upper_circuit.telemetry.correlation import correlation_id, correlation_ids
from upper_circuit.telemetry.metrics import HttpMetrics

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = dict[bytes, bytes]

MOST_BYTES_ELSEWHERE = 64 << 10
"""Of a body on any other route; none of them needs one."""
_JSON, _BYTES = b"application/json", b"application/octet-stream"
_HEADER_LENGTH = contract.HEADER_LENGTH.encode()
_CORRELATION = contract.CORRELATION_ID.encode()
_CORRELATIONS = contract.CORRELATION_IDS.encode()
_TRACEPARENT = contract.TRACEPARENT.encode()
_GONE = 499
"""Logged where the caller went away before sending all of its request; nobody sees it."""

_ROUTES = {
    "/",
    "/metrics",
    "/openapi.json",
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models",
    f"/v2/models/{contract.MODEL_NAME}",
    contract.INFER_PATH,
    contract.READY_PATH,
    contract.RELOAD_PATH,
    contract.REGISTRY_PATH,
    contract.BINS_PATH,
}
_METHODS = {"GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"}


class FastPath:
    """An ASGI app: inference answered here, everything else by `app`."""

    def __init__(self, app: App, scoring: Scoring, keeper: ModelKeeper, metrics: HttpMetrics) -> None:
        self._app = app
        self._scoring = scoring
        self._keeper = keeper
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's event: a request, or the app's start and end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(scope, send, last=self._keeper.stopping)
        self._metrics.in_flight.inc()
        try:
            if request.is_inference:
                await self._infer(request, receive)
            else:
                await self._elsewhere(request, receive)
        finally:
            self._metrics.in_flight.dec()
            self._metrics.answered(request.route, request.method, int(request.status), request.elapsed())

    async def _infer(self, request: _Request, receive: Receive) -> None:
        answer: Answer | None = None
        refusal: Refusal | None = None
        try:
            header_length = _header_length(request.headers)
            body = await _body(receive, request.headers)
            answer = await self._scoring.answer(body, header_length)
        except UpperCircuitError as error:
            refusal = Refusal.of(error)
        except GoneError:
            request.status = _GONE
        finally:  # also where a defect passes through, whose story the server logs
            if request.status != _GONE:
                await (request.answer(answer) if answer else request.refuse(refusal or DEFECT))
            _log_inference(request, answer, refusal)

    async def _elsewhere(self, request: _Request, receive: Receive) -> None:
        try:
            _require_small(request.headers)
        except UpperCircuitError as error:
            await request.refuse(Refusal.of(error))
        else:
            with logs.bound(correlation_id=request.correlation_id):  # a reload has lines of its own
                await self._app(request.scope, receive, request.send)
        level = logging.DEBUG if request.method in {"GET", "HEAD"} else logging.INFO
        log.log(level, "request", extra=request.facts())


class _Request:
    """One request and what became of it; `last` asks the caller to close the connection afterwards."""

    def __init__(self, scope: Scope, send: Send, *, last: bool) -> None:
        self.scope = scope
        self.headers: Headers = dict(scope["headers"])
        self.method: str = scope["method"] if scope["method"] in _METHODS else "other"
        path: str = scope["path"]
        self.route = path if path in _ROUTES else "other"
        self.is_inference = path == contract.INFER_PATH and self.method == "POST"
        self.status: int = HTTPStatus.INTERNAL_SERVER_ERROR
        self._send = send
        self._headers = [(b"connection", b"close")] if last else []
        self._started = time.perf_counter()
        self.correlation_id = correlation_id(
            _text(self.headers, _CORRELATION), _text(self.headers, _TRACEPARENT)
        )
        self._headers.append((_CORRELATION, self.correlation_id.encode()))

    def elapsed(self) -> float:
        """Seconds since it came."""
        return time.perf_counter() - self._started

    def facts(self) -> dict[str, Any]:
        """For the log."""
        return {
            "route": self.route,
            "method": self.method,
            "status": int(self.status),
            "ms": round(self.elapsed() * 1000, 2),
            "correlation_id": self.correlation_id,
        }

    async def answer(self, answer: Answer) -> None:
        """Send a scored answer."""
        if answer.header_length is None:
            await self._whole(HTTPStatus.OK, answer.body, [(b"content-type", _JSON)])
        else:
            length = str(answer.header_length).encode()
            headers = [(b"content-type", _BYTES), (_HEADER_LENGTH, length)]
            await self._whole(HTTPStatus.OK, answer.body, headers)

    async def refuse(self, refusal: Refusal) -> None:
        """Send the protocol's error object."""
        headers = [(b"content-type", _JSON)]
        if refusal.retry_after is not None:
            headers.append((b"retry-after", str(refusal.retry_after).encode()))
        if refusal.status is HTTPStatus.REQUEST_TIMEOUT:  # see BodyLate
            headers.append((b"connection", b"close"))
        await self._whole(refusal.status, encode_error(refusal.told), headers)

    async def send(self, message: Message) -> None:
        """For the app behind: its messages, with our headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message["headers"], *self._headers]}
        await self._send(message)

    async def _whole(self, status: HTTPStatus, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        length = (b"content-length", str(len(body)).encode())
        await self.send({"type": "http.response.start", "status": int(status), "headers": [*headers, length]})
        await self.send({"type": "http.response.body", "body": body})


def _log_inference(request: _Request, answer: Answer | None, refusal: Refusal | None) -> None:
    facts = request.facts()
    riders = correlation_ids(_text(request.headers, _CORRELATIONS))
    if riders:
        facts["correlation_ids"] = riders
    if answer is not None:
        model = answer.model
        facts["rows"] = answer.rows
        facts["contributions"] = answer.explained
        facts["work_ms"] = round(answer.seconds * 1000, 2)
        facts["model_version"] = str(model.served)
        if model.fallback_because is not None:
            facts["requested_version"] = str(model.requested)
    elif refusal is not None:
        facts["because"] = refusal.because[:500]
    log.info("inference", extra=facts)


async def _body(receive: Receive, headers: Headers) -> bytes:
    """The whole body; Refused as soon as it is known to be too large, or late; GoneError."""
    try:
        return await body_of(receive, headers, contract.MOST_BYTES)
    except BodyTooLarge as error:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from None
    except BodyLate as error:
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, str(error)) from None


def _header_length(headers: Headers) -> int | None:
    """The binary extension's header, once the content type and encoding are ones that can be read."""
    kind = headers.get(b"content-type", _JSON).split(b";")[0].strip().lower()
    if kind not in (_JSON, _BYTES):
        told = f"content type {kind.decode('latin-1')!r:.80}: application/json or application/octet-stream is allowed"
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, told)
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a compressed body cannot be read")
    length = headers.get(_HEADER_LENGTH)
    if length is None:
        if kind == _BYTES:
            raise Refused(HTTPStatus.BAD_REQUEST, f"raw tensors need the header {contract.HEADER_LENGTH}")
        return None
    if re.fullmatch(rb"[0-9]{1,9}", length) is None:
        told = f"{contract.HEADER_LENGTH} is {length.decode('latin-1')!r:.40}, a number of bytes is needed"
        raise Refused(HTTPStatus.BAD_REQUEST, told)
    return int(length)


def _require_small(headers: Headers) -> None:
    length = headers.get(b"content-length", b"")
    if not length.isdigit() and b"transfer-encoding" in headers:
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "a body needs a Content-Length here")
    if length.isdigit() and int(length) > MOST_BYTES_ELSEWHERE:
        told = str(BodyTooLarge(int(length), MOST_BYTES_ELSEWHERE))
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)


def _text(headers: Headers, name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")
