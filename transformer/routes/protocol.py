"""
The Open Inference Protocol as it is written.

KServe says it is ready when nothing is, lets anyone unload the model, fills answers with nulls that the protocol's
schemas forbid, and fails at a V1 request that is no JSON. These routes stand in front of its own; the rest
(`/v2/models`, versions) stays KServe's.
"""

from __future__ import annotations

from http import HTTPMethod, HTTPStatus
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from transformer import protocol_schemas, schemas
from transformer.errors import Refused
from transformer.fast import PREDICT
from transformer.routes import examples
from transformer.routes.described import ASKING, SCORING, answer, errors, name_of
from transformer.routes.health import require_ready
from transformer.routes.parts import Parts, json_response, response
from upper_circuit.errors import ModelUnavailable
from upper_circuit.oip import contract

_MODEL = f"/v2/models/{contract.MODEL_NAME}"
_CONTENT = {
    "application/json": {
        "schema": {"$ref": "#/components/schemas/InferenceRequest"},
        "example": examples.INFERENCE,
    },
    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
}


def router(parts: Parts) -> APIRouter:
    """These routes."""
    routes = APIRouter(tags=["Open Inference Protocol"], generate_unique_id_function=name_of)

    @routes.get(
        "/v2",
        summary="Server metadata",
        responses=answer(protocol_schemas.ServerMetadata, "server"),
        response_model=None,
    )
    async def server_metadata() -> dict[str, Any]:
        return {**examples.SERVER, "version": version("upper-circuit")}

    @routes.get(
        "/v2/health/live",
        summary="Server live",
        responses={**answer(schemas.Live, "live"), **errors("NOT_READY", protocol=True)},
        response_model=None,
    )
    async def server_live() -> Response:
        if not parts.is_alive():
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "NOT_READY", "a background task has ended")
        return json_response({"live": True})

    @routes.get(
        "/v2/health/ready",
        summary="Server ready",
        responses={**answer(schemas.Ready, "ready"), **errors("NOT_READY", protocol=True)},
        response_model=None,
    )
    async def server_ready() -> Response:
        require_ready(parts)
        return json_response({"ready": True})

    @routes.get(
        _MODEL,
        summary="Model metadata",
        responses=answer(protocol_schemas.ModelMetadata, "model"),
        response_model=None,
    )
    async def model_metadata() -> dict[str, Any]:
        return examples.MODEL

    @routes.get(
        contract.READY_PATH,
        summary="Model ready: an inference would be answered now",
        responses={
            **answer(protocol_schemas.ModelReady, "model_ready"),
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
            **answer(protocol_schemas.InferenceResponse, "inferred"),
            **errors(*ASKING, "UNSUPPORTED_MEDIA_TYPE", *SCORING, protocol=True),
        },
        openapi_extra={"requestBody": {"required": True, "content": _CONTENT}},
        response_model=None,
    )
    async def infer(request: Request) -> Response:
        return response(await parts.hot.infer(dict(request.scope["headers"]), await request.body()))

    _refuse(routes)
    return routes


def _refuse(routes: APIRouter) -> None:
    """What KServe would answer otherwise."""

    @routes.post("/v1/models/{name}:predict", include_in_schema=False)
    @routes.post("/v1/models/{name}:explain", include_in_schema=False)
    async def v1(name: str) -> Response:
        told = f"{name[:100]} does not speak V1; POST {contract.INFER_PATH} or {PREDICT} asks"
        raise Refused(HTTPStatus.NOT_IMPLEMENTED, "NOT_IMPLEMENTED", told)

    @routes.api_route("/v2/repository/{rest:path}", methods=list(HTTPMethod), include_in_schema=False)
    async def closed(rest: str) -> Response:
        told = f"/v2/repository/{rest[:100]} is closed; POST /api/v1/models/reload reloads"
        raise Refused(HTTPStatus.FORBIDDEN, "CLOSED", told)
