"""Questions about morning runs: which there were, how one went, what it left, and which sessions have none."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from transformer import run_schemas
from transformer.questions import Malformed, run_date_of
from transformer.routes.described import Responses, answer, errors, name_of
from transformer.routes.parts import Parts, json_response
from transformer.runs import left_by, recent_runs, run_of, sessions_of

MOST_DAYS = 800
"""Of one question about sessions: two years and a bit."""
RUN_ID = "X-Run-ID"
"""Header of a report or CSV: the run that left it."""

_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_RunDate = Annotated[str, Path(pattern=_DATE, description="The run date (Asia/Kolkata).")]
_FOUND_NONE = ("INVALID_REQUEST", "NOTHING_RECORDED", "DATABASE_UNAVAILABLE")


def router(parts: Parts) -> APIRouter:
    """These routes."""
    routes = APIRouter(prefix="/api/v1", tags=["Runs"], generate_unique_id_function=name_of)

    @routes.get(
        "/runs",
        summary="The morning runs, those begun last first",
        responses={**answer(run_schemas.Runs, "runs"), **errors("INVALID_REQUEST", "DATABASE_UNAVAILABLE")},
        response_model=None,
    )
    async def runs(limit: Annotated[int, Query(ge=1, le=200, description="Runs at most.")] = 30) -> Response:
        found = await parts.threads.ask(recent_runs, parts.database, limit)
        return json_response({"runs": [run.document() for run in found]})

    @routes.get(
        "/runs/{date}",
        summary="The newest run of a date, with its shards and every attempt at them",
        responses={**answer(run_schemas.RunDetail, "run"), **errors(*_FOUND_NONE)},
        response_model=None,
    )
    async def run(date: _RunDate) -> Response:
        return json_response(await parts.threads.ask(run_of, parts.database, run_date_of(date)))

    @routes.get(
        "/runs/{date}/report",
        summary="The report of the newest run of a date that has left one",
        response_class=Response,
        responses={**_left("text/plain", "The report, as people read it."), **errors(*_FOUND_NONE)},
    )
    async def run_report(date: _RunDate) -> Response:
        run_id, text = await parts.threads.ask(left_by, parts.database, run_date_of(date), "report")
        return Response(text, media_type="text/plain", headers={RUN_ID: run_id})

    @routes.get(
        "/runs/{date}/predictions.csv",
        summary="The predictions of the same run, as its CSV file has them",
        response_class=Response,
        responses={
            **_left("text/csv", "One line a stock, from the likeliest lock down."),
            **errors(*_FOUND_NONE),
        },
    )
    async def run_predictions(date: _RunDate) -> Response:
        run_id, table = await parts.threads.ask(left_by, parts.database, run_date_of(date), "csv")
        name = f'attachment; filename="predictions_{date}.csv"'
        headers = {RUN_ID: run_id, "Content-Disposition": name}
        return Response(table, media_type="text/csv", headers=headers)

    @routes.get(
        "/sessions",
        summary="The exchange's sessions between two dates, each with its newest run or null",
        description=f"At most {MOST_DAYS} days. What a backfill asks: which dates can have a run, and lack one.",
        responses={
            **answer(run_schemas.Sessions, "sessions"),
            **errors("INVALID_REQUEST", "DATABASE_UNAVAILABLE"),
        },
        response_model=None,
    )
    async def sessions(
        since: Annotated[str, Query(alias="from", pattern=_DATE, description="The first date.")],
        until: Annotated[str, Query(alias="to", pattern=_DATE, description="The last date.")],
    ) -> Response:
        first, last = run_date_of(since), run_date_of(until)
        if not 0 <= (last - first).days < MOST_DAYS:
            raise Malformed(f"{first} to {last}: 1 to {MOST_DAYS} days are allowed")
        calendar = parts.mornings.known.calendar
        found = await parts.threads.ask(sessions_of, parts.database, calendar, first, last)
        return json_response({"sessions": found})

    return routes


def _left(kind: str, what: str) -> Responses:
    """The `responses` entry of a text that a run has left."""
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Correlation-ID", RUN_ID)}
    content = {kind: {"schema": {"type": "string"}}}
    return {200: {"description": what, "headers": headers, "content": content}}
