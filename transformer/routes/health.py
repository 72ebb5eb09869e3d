"""
How the program is, for people, for Kubernetes and for Prometheus.

Three questions that must not be one: is all well (health), should requests come here (ready), does the process need a
restart (live). A database that is away for a minute is a matter of the first alone, while answers come from memory.
"""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from transformer import schemas
from transformer.errors import Refused
from transformer.routes.described import answer, errors, name_of
from transformer.routes.parts import Parts, json_response
from transformer.scrape import exposition

_SCRAPE = "text/plain; version=0.0.4; charset=utf-8"


def router(parts: Parts) -> APIRouter:
    """These routes."""
    routes = APIRouter(tags=["Health"], generate_unique_id_function=name_of)

    @routes.get(
        "/api/v1/health",
        summary="How transformer and predictor are",
        responses={
            **answer(schemas.Health, "health"),
            **answer(
                schemas.Health,
                "unhealthy",
                status=503,
                what="No model is loaded, or the database is away.",
            ),
        },
        response_model=None,
    )
    async def health() -> Response:
        found = await parts.service.get_health_status()
        status = HTTPStatus.OK if found.is_healthy else HTTPStatus.SERVICE_UNAVAILABLE
        return json_response(asdict(found), status)

    @routes.get(
        "/api/v1/health/ready",
        summary="Whether requests should come here",
        responses={**answer(schemas.Ready, "ready"), **errors("NOT_READY")},
        response_model=None,
    )
    async def ready() -> Response:
        require_ready(parts)
        return json_response({"ready": True})

    @routes.get(
        "/api/v1/health/live",
        summary="Whether the process works",
        responses={**answer(schemas.Live, "live"), **errors("NOT_READY")},
        response_model=None,
    )
    async def live() -> Response:
        if not parts.is_alive():
            raise _not_ready("a background task has ended")
        return json_response({"live": True})

    @routes.get(
        "/metrics",
        summary="Metrics for Prometheus, those of the predictor's models too",
        response_class=PlainTextResponse,
        response_description="Prometheus' text format.",
    )
    async def metrics() -> Response:
        text = exposition(parts.metrics, await parts.predictors.scrapes())
        return Response(text, headers={"content-type": _SCRAPE})

    return routes


def require_ready(parts: Parts) -> None:
    """Raise Refused unless requests should come here."""
    if parts.is_draining():
        raise _not_ready("shutting down")
    if not parts.mornings.is_ready:
        raise _not_ready(parts.mornings.trouble or "the market database was not read yet")
    if not len(parts.predictors.replicas):
        # Of the beginning only: whoever found one keeps its address, and a predictor that is away makes nobody unready.
        raise _not_ready("the predictor's name has not resolved to an address yet")


def _not_ready(because: str) -> Refused:
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "NOT_READY", because, retry_after=1)
