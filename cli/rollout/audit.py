"""
Who did what to the rollout, when and why.

Kept beside the results, where it outlives releases and clusters, and written by the API with the admin token: whoever
may move traffic has the Secret, and nobody else can write history. A step that could not be recorded is told, loudly,
and not undone: at 09:10 the traffic matters more.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any

from cli.cluster import Cluster, ClusterRefused
from cli.login import login
from cli.rollout.plan import Plan
from cli.rollout.slots import pods_of
from cli.rollout.state import SLOTS
from upper_circuit.rollout import LONGEST

PATH = "/api/v1/rollout"


def record(cluster: Cluster, values: Mapping[str, Any], plan: Plan, why: str) -> str | None:
    """Write a step down; None, or a sentence that says why it could not be."""
    where = _token(cluster, values)
    if where is None:
        return "not recorded: adminToken.existingSecret is not set, so the admin routes are off"
    step = {
        "who": login(),
        "action": plan.action,
        "from": plan.before,
        "to": plan.after,
        "why": why[:LONGEST],
    }
    try:
        return _post(cluster, json.dumps(step).encode(), cluster.secret(*where).strip())
    except (ClusterRefused, OSError, http.client.HTTPException) as error:
        return f"not recorded: {error}"


def _token(cluster: Cluster, values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Secret and key of the admin token: the user's own, or the one that the demo brings."""
    token = values.get("adminToken") or {}
    if token.get("existingSecret"):
        return token["existingSecret"], token.get("key") or "token"
    is_demo = (values.get("bootstrap") or {}).get("demo")
    return (f"{cluster.name}-demo", "admin-token") if is_demo else None


def _post(cluster: Cluster, body: bytes, token: str) -> str | None:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    trouble = "no transformer runs"
    for slot in SLOTS:
        for pod in pods_of(cluster, slot, "transformer"):
            name = pod["metadata"]["name"]
            try:
                answer = cluster.send(name, "POST", PATH, body, headers)
            except (ClusterRefused, OSError, http.client.HTTPException) as error:
                trouble = f"{name}: {error}"
                continue
            if answer.status == 201:
                return None
            trouble = f"{name} answered {answer.status}: {answer.body.decode(errors='replace')[:200]}"
    return f"not recorded: {trouble}"
