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

SCALARS = {
    "str",
    "int",
    "bool",
    "float",
    "object",
    "datetime",
    "ResourceQuantity",
    "IntstrIntOrString",
    "K8sIoApimachineryPkgUtilIntstrIntOrString",
}
Shape = Any


@cache
def _model(name: str) -> Any:
    """A class of KServe's package, or of Kubernetes' where KServe's refer to that; None: neither has it."""
    for module in ("kserve.models", "kubernetes.client"):
        found = getattr(importlib.import_module(module), name.replace("K8sIoApiAppsV1", "V1"), None)
        if found is not None:
            return found
    return None


def kserve_faults(each: Any, kind: str, where: str = "") -> Iterator[str]:
    """Fields of an object that KServe's own model of that kind does not have, or has of another type."""
    if match := re.fullmatch(r"list\[(.+)\]", kind):
        if not isinstance(each, list):
            yield f"{where} is no list"
            return
        for index, item in enumerate(each):
            yield from kserve_faults(item, match[1], f"{where}[{index}]")
    elif match := re.fullmatch(r"dict\(str, (.+)\)|dict\[str, (.+)\]", kind):
        if not isinstance(each, dict):
            yield f"{where} is no mapping"
            return
        for key, item in each.items():
            yield from kserve_faults(item, match[1] or match[2], f"{where}.{key}")
    elif kind in SCALARS or _model(kind) is None:
        wanted = {"str": str, "int": int, "bool": bool}.get(kind)
        if wanted and not isinstance(each, wanted):
            yield f"{where} is {each!r}, not {kind}"
    else:
        model = _model(kind)
        attributes = {json: (name, model.openapi_types[name]) for name, json in model.attribute_map.items()}
        if not isinstance(each, dict):
            yield f"{where} is no mapping"
            return
        for key, item in each.items():
            if key not in attributes:
                yield f"{where}.{key} is unknown to {kind}"
            else:
                yield from kserve_faults(item, attributes[key][1], f"{where}.{key}")


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
    """Where an object departs from a shape: a mapping of names, a list of one shape, {str: shape}, or a type."""
    if isinstance(shape, type):
        if not isinstance(each, shape):
            yield f"{where} is {each!r}, not {shape.__name__}"
    elif isinstance(shape, list):
        if not isinstance(each, list):
            yield f"{where} is no list"
            return
        for index, item in enumerate(each):
            yield from shape_faults(item, shape[0], f"{where}[{index}]")
    elif not isinstance(each, dict):
        yield f"{where} is no mapping"
    else:
        for key, item in each.items():
            if key not in shape and str not in shape:
                yield f"{where}.{key} is unknown"
            else:
                yield from shape_faults(item, shape.get(key, shape.get(str)), f"{where}.{key}")
