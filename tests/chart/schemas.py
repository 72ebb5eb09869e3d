"""
The shapes of objects that are not Kubernetes' own, as far as the chart uses them.

Their definitions lie in clusters and not in packages, but for KServe, whose package has them as classes. A field that
is misspelt here is one that its controller would never read.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

Shape = Any
"""A mapping of names to shapes, {str: shape}, [shape], a type, the name of a KServe model, or None: anything."""


def shape_of(kind: str) -> Shape:
    """What KServe's package says of a type: one level, with the names of the types below."""
    if match := re.fullmatch(r"list\[(.+)\]", kind):
        return [match[1]]
    if match := re.fullmatch(r"dict[(\[]str, (.+)[)\]]", kind):
        return {str: match[1]}
    model = _model(kind)
    if model is None:
        return {"str": str, "int": int, "bool": bool}.get(kind)
    return {json: model.openapi_types[name] for name, json in model.attribute_map.items()}


@cache
def _model(name: str) -> Any:
    """A class of KServe's package, or of Kubernetes' where KServe's refer to that; None: neither has it."""
    for module in ("kserve.models", "kubernetes.client"):
        found = getattr(importlib.import_module(module), name.replace("K8sIoApiAppsV1", "V1"), None)
        if found is not None:
            return found
    return None


BACKEND = {"name": str, "port": int, "weight": int}
PATH = {"type": str, "value": str}
HEADER = {"type": str, "name": str, "value": str}
SHAPES: dict[str, Shape] = {
    "HTTPRoute": {
        "parentRefs": [
            {"name": str, "namespace": str, "sectionName": str, "port": int, "group": str, "kind": str}
        ],
        "hostnames": [str],
        "rules": [
            {
                "matches": [{"path": PATH, "headers": [HEADER]}],
                "filters": [{"type": str, "requestMirror": {"backendRef": BACKEND, "percent": int}}],
                "timeouts": {"request": str},
                "retry": {"attempts": int, "codes": [int], "backoff": str},
                "backendRefs": [BACKEND],
            }
        ],
    },
    "BackendTrafficPolicy": {
        "targetRefs": [{"group": str, "kind": str, "name": str}],
        "loadBalancer": {"type": str},
        "timeout": {"tcp": {"connectTimeout": str}},
        "retry": {
            "numRetries": int,
            "perRetry": {"timeout": str, "backOff": {"baseInterval": str, "maxInterval": str}},
            "retryOn": {"triggers": [str], "httpStatusCodes": [int]},
        },
        "healthCheck": {
            "passive": {
                "interval": str,
                "consecutiveGatewayErrors": int,
                "consecutive5XxErrors": int,
                "baseEjectionTime": str,
                "maxEjectionPercent": int,
            }
        },
    },
    "PodMonitor": {
        "selector": {
            "matchLabels": {str: str},
            "matchExpressions": [{"key": str, "operator": str, "values": [str]}],
        },
        "podMetricsEndpoints": [
            {
                "port": str,
                "path": str,
                "interval": str,
                "relabelings": [{"sourceLabels": [str], "targetLabel": str}],
            }
        ],
    },
    "PrometheusRule": {
        "groups": [
            {
                "name": str,
                "rules": [
                    {"alert": str, "expr": str, "for": str, "labels": {str: str}, "annotations": {str: str}}
                ],
            }
        ]
    },
}


def shape_faults(each: Any, shape: Shape, where: str = "spec") -> Iterator[str]:
    """Where an object departs from a shape."""
    if isinstance(shape, str):
        shape = shape_of(shape)
    if shape is None:
        return
    if isinstance(shape, type):
        if not isinstance(each, shape):
            yield f"{where} is {each!r}, not {shape.__name__}"
        return
    if not isinstance(each, type(shape)):
        yield f"{where} is {each!r}, not a {type(shape).__name__}"
        return
    items = (
        each.items() if isinstance(each, dict) else ((str(index), item) for index, item in enumerate(each))
    )
    for key, item in items:
        below = shape[0] if isinstance(shape, list) else shape.get(key, shape.get(str, KeyError))
        if below is KeyError:
            yield f"{where}.{key} is unknown"
        else:
            yield from shape_faults(item, below, f"{where}.{key}")
