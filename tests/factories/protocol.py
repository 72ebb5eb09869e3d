"""The objects of the Open Inference Protocol's REST specification as JSON schemas, written from its text."""

from __future__ import annotations

from typing import Any

import jsonschema  # type: ignore[import-untyped]

_TEXTS = {"type": "array", "items": {"type": "string"}}
_PARAMETERS = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
_TENSOR = {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "properties": {
        "name": {"type": "string"},
        "datatype": {"enum": ["FP32", "INT32", "BYTES"]},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "data": {"type": "array", "items": {"type": ["number", "string", "boolean"]}},
        "parameters": _PARAMETERS,
    },
}
_OBJECTS: dict[str, dict[str, Any]] = {
    "server metadata": {
        "required": ["name", "version", "extensions"],
        "properties": {"name": {"type": "string"}, "version": {"type": "string"}, "extensions": _TEXTS},
    },
    "model metadata": {
        "required": ["name", "platform", "inputs", "outputs"],
        "properties": {
            "name": {"type": "string"},
            "versions": _TEXTS,
            "platform": {"type": "string"},
            "inputs": {"type": "array", "items": _TENSOR},
            "outputs": {"type": "array", "items": _TENSOR},
        },
    },
    "server live": {"required": ["live"], "properties": {"live": {"type": "boolean"}}},
    "server ready": {"required": ["ready"], "properties": {"ready": {"type": "boolean"}}},
    "model ready": {
        "required": ["name", "ready"],
        "properties": {"name": {"type": "string"}, "ready": {"type": "boolean"}},
    },
    "inference": {
        "required": ["model_name", "outputs"],
        "properties": {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "parameters": _PARAMETERS,
            "outputs": {"type": "array", "items": {**_TENSOR, "required": [*_TENSOR["required"], "data"]}},
        },
    },
    "error": {"required": ["error"], "properties": {"error": {"type": "string"}}, "maxProperties": 1},
}
PATHS = {
    "server metadata": "/v2",
    "server live": "/v2/health/live",
    "server ready": "/v2/health/ready",
    "model metadata": "/v2/models/upper-circuit",
    "model ready": "/v2/models/upper-circuit/ready",
}


def require(kind: str, document: Any) -> None:
    """Raise unless a document is this object of the protocol."""
    jsonschema.validate(document, {"type": "object", **_OBJECTS[kind]})
