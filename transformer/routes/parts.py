"""What every route may need, and how a route says what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry

from transformer.database_threads import DatabaseThreads
from transformer.errors import Refused
from transformer.fast import HotRoutes
from transformer.models import Models
from transformer.mornings import Mornings
from transformer.predictors import Predictors
from transformer.replies import Reply, document
from transformer.service import PredictionService
from upper_circuit.market.database import Database
from upper_circuit.oip.bearer import has_shown


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes stand on."""

    service: PredictionService
    hot: HotRoutes
    mornings: Mornings
    models: Models
    predictors: Predictors
    database: Database
    metrics: CollectorRegistry
    admin_token: str | None
    is_draining: Callable[[], bool]
    is_alive: Callable[[], bool]
    threads: DatabaseThreads = field(default_factory=DatabaseThreads)
    """For everything that asks `database`."""


def json_response(told: Any, status: int = HTTPStatus.OK) -> Response:
    """An answer in the project's JSON."""
    return Response(document(told), status, media_type="application/json")


def response(reply: Reply) -> Response:
    """A reply of the thin path, as FastAPI wants it."""
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return Response(reply.body, reply.status, headers, reply.content_type.decode())


def require_admin(request: Request, token: str | None) -> str:
    """The token of the admin routes, once the caller has shown it; raises Refused."""
    if token is None:
        raise Refused(HTTPStatus.FORBIDDEN, "ADMIN_OFF", "admin routes are off: ADMIN_TOKEN is not set")
    if not has_shown(token, request.headers.get("authorization")):
        told = "a bearer token is needed: Authorization: Bearer"
        challenge = {"www-authenticate": "Bearer"}
        raise Refused(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", told, headers=challenge)
    return token
