"""Questions about stocks: one, many, the morning's list, and why."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from transformer import schemas
from transformer.errors import refusal
from transformer.questions import run_date_of
from transformer.recorded import recorded_list
from transformer.replies import told
from transformer.routes.described import ASKING, SCORING, answer, errors, name_of
from transformer.routes.parts import Parts, json_response, response
from upper_circuit.errors import UpperCircuitError

_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_REFUSED = ("SYMBOL_MISMATCH", "UNSUPPORTED_MEDIA_TYPE", "BODY_LATE")


def router(parts: Parts) -> APIRouter:
    """These routes."""
    routes = APIRouter(prefix="/api/v1", tags=["Predictions"], generate_unique_id_function=name_of)

    @routes.post(
        "/predict",
        summary="One stock on one morning",
        responses={
            **answer(schemas.Prediction, "prediction"),
            **errors(*ASKING, *_REFUSED, *SCORING),
        },
        openapi_extra=_body(schemas.PredictionRequest),
        response_model=None,
    )
    async def predict(request: Request) -> Response:
        return response(await parts.hot.predict(dict(request.scope["headers"]), await request.body()))

    @routes.post(
        "/batch_predict",
        summary="1 to 100 stocks, answered by one model",
        description="A list in the order asked: each entry an answer, or the error object in its place.",
        responses={
            **answer(schemas.BatchAnswer, "batch"),
            **errors("INVALID_REQUEST", *_REFUSED[1:], *SCORING),
        },
        openapi_extra=_body(schemas.BatchRequest),
        response_model=None,
    )
    async def batch_predict(request: Request) -> Response:
        return response(await parts.hot.batch_predict(dict(request.scope["headers"]), await request.body()))

    @routes.get(
        "/predictions",
        summary="A morning's list, as its run recorded it",
        responses={
            **answer(schemas.RecordedList, "recorded"),
            **errors("INVALID_REQUEST", "NOTHING_RECORDED", "DATABASE_UNAVAILABLE"),
        },
        response_model=None,
    )
    async def predictions(
        date: Annotated[str | None, Query(pattern=_DATE, description="Default: the newest recorded.")] = None,
        top: Annotated[int, Query(ge=1, le=20_000, description="Rows at most.")] = 20,
        min_probability: Annotated[float, Query(ge=0, le=1)] = 0.0,
    ) -> Response:
        day = None if date is None else run_date_of(date)
        found = await parts.threads.ask(
            recorded_list, parts.database, day, top=top, min_probability=min_probability
        )
        return json_response(found.document())

    @routes.get(
        "/stocks/{bse_code}/why",
        summary="Score, contributions and what was filled; or why there is no score",
        responses={
            **answer(schemas.Why | schemas.WhyNot, "why"),
            **errors(*(code for code in ASKING if code != "FEATURES_UNAVAILABLE"), *SCORING),
        },
        response_model=None,
    )
    async def why(
        request: Request,
        bse_code: Annotated[str, Path(pattern=r"^[0-9]{6}$")],
        date: Annotated[str, Query(pattern=_DATE, description="The morning asked about.")],
    ) -> Response:
        try:
            found = await parts.service.explain(bse_code, run_date_of(date))
        except UpperCircuitError as error:
            return response(told(refusal(error, bse_code), request.url.path))
        return json_response(found.document())

    return routes


def _body(model: type[schemas.PredictionRequest | schemas.BatchRequest]) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}
    return {"requestBody": {"required": True, "content": content}}
