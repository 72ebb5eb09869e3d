"""
The API's description: `/openapi.json`, and docs/api/openapi.yaml by `python -m transformer.openapi`.

Made from our routes alone: KServe's app has dozens more that no user of this API should build on.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any

import yaml
from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi

from transformer.protocol_schemas import InferenceRequest
from transformer.rollout_schemas import StepRequest
from transformer.routes.described import components
from transformer.schemas import BatchRequest, PredictionRequest

DESCRIPTION = """\
Which Indian shares are likely to lock at their upper circuit, told before the market opens.

A question names a stock and a morning; the answer uses only what was public before 07:00 Asia/Kolkata of that day.
Every error has the same form, with a constant code, a sentence and the correlation id of the request.

**Not investment advice.**"""


def describe(routers: list[APIRouter]) -> dict[str, Any]:
    """The OpenAPI document of some routers."""
    found = get_openapi(
        title="Upper Circuit",
        version=version("upper-circuit"),
        description=DESCRIPTION,
        routes=[route for router in routers for route in router.routes],
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for model in (PredictionRequest, BatchRequest, InferenceRequest, StepRequest):
        made = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= {**made.pop("$defs", {}), model.__name__: made}
    _without_fastapis_422(found)
    found["components"] |= components()
    found["components"]["securitySchemes"] = {"admin": {"type": "http", "scheme": "bearer"}}
    found["components"]["schemas"] = dict(sorted(schemas.items()))
    return found


def _without_fastapis_422(found: dict[str, Any]) -> None:
    """A malformed request is our 400, but FastAPI adds its own to every route that has parameters."""
    for methods in found["paths"].values():
        for operation in methods.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        found["components"]["schemas"].pop(name, None)


def main() -> None:
    """Print the description as YAML."""
    from transformer.app import routers_without_parts  # noqa: PLC0415

    yaml.safe_dump(
        describe(routers_without_parts()), sys.stdout, sort_keys=False, allow_unicode=True, width=110
    )


if __name__ == "__main__":
    main()
