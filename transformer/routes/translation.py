"""What FastAPI's routes refuse, in our own error objects: the same that the thin path sends."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from transformer.errors import Refused
from transformer.replies import refused
from transformer.routes.parts import response
from upper_circuit.errors import BadInput, UpperCircuitError

Kinds = Mapping[type[Exception], tuple[HTTPStatus, str]]


def translate(app: FastAPI, others: Kinds) -> None:
    """Answer our own errors, Starlette's and those of validation as ours; and other kinds by status and code."""

    async def refuse(request: Request, error: Exception) -> Response:
        return response(refused(_ours(error, request, others), request.url.path))

    for kind in (UpperCircuitError, HTTPException, RequestValidationError, *others, Exception):
        app.add_exception_handler(
            kind, refuse
        )  # a defect is answered here and goes on to the edge, which logs it


def _ours(error: Exception, request: Request, others: Kinds) -> UpperCircuitError | None:
    if isinstance(error, UpperCircuitError):
        return error
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return BadInput(f"{first['loc'][-1]}: {first['msg'][0].lower()}{first['msg'][1:]}")
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        told = {
            HTTPStatus.NOT_FOUND: f"there is no {request.url.path[:100]}",
            HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not allowed here",
        }
        reason = told.get(status, str(error.detail))
        return Refused(status, status.name, reason, headers=error.headers or {})
    for kind, (status, code) in others.items():
        if isinstance(error, kind):
            return Refused(status, code, str(error))
    return None
