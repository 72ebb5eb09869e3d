"""
The Open Inference Protocol as it is written.

KServe says it is ready when nothing is, lets anyone unload the model, and fills answers with nulls that the protocol's
schemas forbid. These routes stand in front of its own; the rest (`/v2/models`, versions) stays KServe's.
"""

from __future__ import annotations

from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from transformer.errors import Refused
from transformer.routes.described import ASKING, SCORING, answer, errors
from transformer.routes.health import require_ready
from transformer.routes.parts import Parts, json_response, response
from upper_circuit.errors import ModelUnavailable
from upper_circuit.oip import contract

_MODEL = f"/v2/models/{contract.MODEL_NAME}"
_REQUEST = {
    "inputs": [
        {"name": "bse_code", "datatype": "BYTES", "shape": [2], "data": ["500325", "532540"]},
        {"name": "prediction_date", "datatype": "BYTES", "shape": [1], "data": ["2024-11-14"]},
    ]
}
_RESPONSE = {
    "model_name": contract.MODEL_NAME,
    "model_version": "1.0.0",
    "id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "outputs": [
        {"name": "probability", "datatype": "FP32", "shape": [2], "data": [0.0213, 0.0172]},
        {"name": "label", "datatype": "INT32", "shape": [2], "data": [0, 0]},
        {"name": "confidence", "datatype": "BYTES", "shape": [2], "data": ["HIGH", "HIGH"]},
    ],
}


def router(parts: Parts) -> APIRouter:
    """These routes."""
    routes = APIRouter(tags=["Open Inference Protocol"])

    @routes.get("/v2", summary="Server metadata", responses=answer(None), response_model=None)
    async def server_metadata() -> dict[str, Any]:
        return {
            "name": "upper-circuit-transformer",
            "version": version("upper-circuit"),
            "extensions": ["binary_tensor_data"],
        }

    @routes.get(
        "/v2/health/live",
        summary="Server live",
        responses={**answer(None, {"live": True}), **errors("NOT_READY", protocol=True)},
        response_model=None,
    )
    async def live() -> Response:
        if not parts.is_alive():
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "NOT_READY", "a background task has ended")
        return json_response({"live": True})

    @routes.get(
        "/v2/health/ready",
        summary="Server ready",
        responses={**answer(None, {"ready": True}), **errors("NOT_READY", protocol=True)},
        response_model=None,
    )
    async def ready() -> Response:
        require_ready(parts)
        return json_response({"ready": True})

    @routes.get(_MODEL, summary="Model metadata", responses=answer(None), response_model=None)
    async def model_metadata() -> dict[str, Any]:
        return {
            "name": contract.MODEL_NAME,
            "platform": "upper-circuit-transformer",
            "inputs": [spec.metadata() for spec in contract.TRANSFORMER_INPUTS],
            "outputs": [spec.metadata() for spec in contract.TRANSFORMER_OUTPUTS],
        }

    @routes.get(
        contract.READY_PATH,
        summary="Model ready: an inference would be answered now",
        responses={
            **answer(None, {"name": contract.MODEL_NAME, "ready": True}),
            **errors("NOT_READY", "MODEL_UNAVAILABLE", protocol=True),
        },
        response_model=None,
    )
    async def model_ready() -> Response:
        require_ready(parts)
        state = await parts.models.state()
        if not state.is_loaded:
            raise ModelUnavailable(state.problem or "")
        return json_response({"name": contract.MODEL_NAME, "ready": True})

    @routes.post(
        contract.INFER_PATH,
        summary="Inference, in JSON or with raw tensors",
        responses={
            **answer(None, _RESPONSE),
            **errors(*ASKING, "UNSUPPORTED_MEDIA_TYPE", *SCORING, protocol=True),
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"type": "object"}, "example": _REQUEST}},
            }
        },
        response_model=None,
    )
    async def infer(request: Request) -> Response:
        return response(await parts.hot.infer(dict(request.scope["headers"]), await request.body()))

    @routes.api_route(
        "/v2/repository/{rest:path}", methods=["GET", "POST", "PUT", "DELETE"], include_in_schema=False
    )
    async def closed(rest: str) -> Response:
        told = f"/v2/repository/{rest[:100]} is closed; POST /api/v1/models/reload reloads"
        raise Refused(HTTPStatus.FORBIDDEN, "CLOSED", told)

    return routes
