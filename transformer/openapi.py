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
    for model in (PredictionRequest, BatchRequest):
        made = model.model_json_schema(ref_template="#/components/schemas/{model}")
        made.pop("$defs", None)
        schemas[model.__name__] = made
    found["components"]["securitySchemes"] = {"admin": {"type": "http", "scheme": "bearer"}}
    found["components"]["schemas"] = dict(sorted(schemas.items()))
    return found


def main() -> None:
    """Print the description as YAML."""
    from transformer.app import routers_without_parts  # noqa: PLC0415

    yaml.safe_dump(
        describe(routers_without_parts()), sys.stdout, sort_keys=False, allow_unicode=True, width=110
    )


if __name__ == "__main__":
    main()
