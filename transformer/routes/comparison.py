"""Questions that a rollout asks: two models side by side, drift, and the history of its steps."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from transformer import rollout_schemas
from transformer.bodies import read_json
from transformer.comparison import MOST_MORNINGS, compared, drift, mornings_of_both
from transformer.questions import run_date_of
from transformer.rollout_steps import Step, add, newest
from transformer.routes.described import answer, errors, name_of
from transformer.routes.parts import Parts, json_response, require_admin
from transformer.service import utc_now

_VERSION = r"^(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_Version = Annotated[str, Query(pattern=_VERSION, description="A model version such as 1.1.0.")]


def router(parts: Parts) -> APIRouter:
    """These routes."""
    routes = APIRouter(prefix="/api/v1", tags=["Rollout"], generate_unique_id_function=name_of)

    @routes.get(
        "/comparison",
        summary="The mornings for which two models have recorded rows",
        responses={
            **answer(rollout_schemas.Comparable, "comparable"),
            **errors("INVALID_REQUEST", "DATABASE_UNAVAILABLE"),
        },
        response_model=None,
    )
    async def comparable(
        stable: _Version, canary: _Version, limit: Annotated[int, Query(ge=1, le=MOST_MORNINGS)] = 40
    ) -> Response:
        found = await parts.threads.ask(mornings_of_both, parts.database, stable, canary, limit)
        return json_response({"stable_version": stable, "canary_version": canary, "mornings": found})

    @routes.get(
        "/comparison/{date}",
        summary="What two models said of one morning, and what happened",
        responses={
            **answer(rollout_schemas.Comparison, "comparison"),
            **errors("INVALID_REQUEST", "NOTHING_RECORDED", "DATABASE_UNAVAILABLE"),
        },
        response_model=None,
    )
    async def comparison(
        date: Annotated[str, Path(pattern=_DATE, description="The morning.")],
        stable: _Version,
        canary: _Version,
    ) -> Response:
        day = run_date_of(date)
        found = await parts.threads.ask(compared, parts.database, day, stable, canary)
        return json_response(found.document())

    @routes.get(
        "/drift",
        summary="The newest morning's features and scores, in the bins of the answering model's training",
        responses={
            **answer(rollout_schemas.Drift, "drift"),
            **errors(
                *("PRICES_STALE", "TABLE_MISSING", "DATA_NOT_YET_AVAILABLE", "DATA_UNAVAILABLE"),
                *("DATABASE_UNAVAILABLE", "PREDICTOR_UNAVAILABLE", "PREDICTOR_BAD_ANSWER"),
            ),
        },
        response_model=None,
    )
    async def drift_of_today() -> Response:
        morning = await parts.mornings.of(parts.mornings.known.next_run_date())
        told = await parts.predictors.bins()
        return json_response(await parts.threads.ask(drift, parts.database, morning, told))

    @routes.get(
        "/rollout/steps",
        summary="The steps of rollouts, those taken last first",
        responses={
            **answer(rollout_schemas.RolloutSteps, "rollout_steps"),
            **errors("INVALID_REQUEST", "DATABASE_UNAVAILABLE"),
        },
        response_model=None,
    )
    async def rollout_steps(limit: Annotated[int, Query(ge=1, le=200)] = 30) -> Response:
        return json_response({"steps": await parts.threads.ask(newest, parts.database, limit)})

    @routes.post(
        "/rollout",
        status_code=201,
        summary="Write a step of a rollout down",
        description="Needs `Authorization: Bearer` with ADMIN_TOKEN. Moves nothing by itself.",
        responses={
            **answer(rollout_schemas.RolloutStep, "rollout_step", status=201),
            **errors("INVALID_REQUEST", "UNAUTHORIZED", "ADMIN_OFF", "DATABASE_UNAVAILABLE"),
        },
        openapi_extra={"security": [{"admin": []}], **_body()},
        response_model=None,
    )
    async def take_rollout_step(request: Request) -> Response:
        require_admin(request, parts.admin_token)
        step = Step.of(read_json(await request.body()))
        return json_response(await parts.threads.ask(add, parts.database, step, utc_now()), 201)

    return routes


def _body() -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/StepRequest"}}}
    return {"requestBody": {"required": True, "content": content}}
