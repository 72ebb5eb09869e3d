"""Questions about models, and the order to reload."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import Response

from transformer import schemas
from transformer.correlation import current
from transformer.errors import Refusal
from transformer.routes.described import answer, errors, name_of
from transformer.routes.parts import Parts, json_response, require_admin


def router(parts: Parts) -> APIRouter:
    """These routes."""
    routes = APIRouter(prefix="/api/v1/models", tags=["Models"], generate_unique_id_function=name_of)

    @routes.get(
        "",
        summary="Every version in the registry, and which one answers",
        responses={
            **answer(schemas.Models, "models"),
            **errors("PREDICTOR_UNAVAILABLE", "PREDICTOR_BAD_ANSWER"),
        },
        response_model=None,
    )
    async def models() -> Response:
        told = await parts.models.manifests()
        names = ("model_type", "model_version", "requested_version", "fallback_because")
        return json_response({**{name: told.get(name) for name in names}, "models": told["versions"]})

    @routes.post(
        "/reload",
        summary="Have every predictor take the version that is promoted now",
        description="Needs `Authorization: Bearer` with ADMIN_TOKEN. Answers go on meanwhile.",
        responses={
            **answer(schemas.Reload, "reload"),
            **errors("UNAUTHORIZED", "ADMIN_OFF", "RELOAD_FAILED", model=schemas.ReloadError),
        },
        openapi_extra={"security": [{"admin": []}]},
        response_model=None,
    )
    async def reload(request: Request) -> Response:
        reports = await parts.models.reload(require_admin(request, parts.admin_token))
        failed = sum(report["result"] == "failed" for report in reports)
        if not failed and reports:
            return json_response({"replicas": reports})
        message = f"{failed} of {len(reports)} replicas did not reload"
        refusal = Refusal(HTTPStatus.BAD_GATEWAY, "RELOAD_FAILED", message)
        return json_response({**refusal.body(current().id), "replicas": reports}, refusal.status)

    return routes
