"""
Whether somebody else writes the values.

Under Argo CD or Flux the values stand in Git, and what a command changes in the cluster is changed back a minute
later: a canary that vanishes by itself, or worse, a rollback. So nothing is done there; the change is printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_MARKS = {
    "argocd.argoproj.io/instance": "Argo CD",
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
}
_MANAGER = "app.kubernetes.io/managed-by"


def writer(objects: Iterable[Mapping[str, Any]]) -> str | None:
    """Who else keeps these objects (their metadata) as they are; None: only Helm."""
    for metadata in objects:
        marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
        for mark, name in _MARKS.items():
            if mark in marks:
                return f"{name} ({marks[mark]})"
        manager = marks.get(_MANAGER, "Helm")
        if manager != "Helm":
            return str(manager)
    return None
