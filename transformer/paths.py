"""
Every path there is, with what the edge must know before anything is looked at.

Metrics are labelled with a template and never with a caller's text, or a stranger could fill the memory of every
Prometheus that listens.
"""

from __future__ import annotations

from dataclasses import dataclass

from upper_circuit.oip import contract

SMALL = 64 << 10
"""Bytes of a body; a batch of 100 questions has about 15,000."""
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Path:
    """A path as it came, and its route."""

    text: str
    route: str
    """A template, or `other`."""
    is_limited: bool = True
    """False for probes and scrapes: they are neither limited nor logged."""
    most_bytes: int = SMALL


_LIMITED = (
    "/api/v1/predict",
    "/api/v1/batch_predict",
    "/api/v1/predictions",
    "/api/v1/comparison",
    "/api/v1/drift",
    "/api/v1/rollout",
    "/api/v1/rollout/steps",
    "/api/v1/runs",
    "/api/v1/sessions",
    "/api/v1/models",
    "/api/v1/models/reload",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/v2",
    "/v2/models",
    f"/v2/models/{contract.MODEL_NAME}",
)
_PROBES = (
    "/",
    "/metrics",
    "/api/v1/health",
    "/api/v1/health/ready",
    "/api/v1/health/live",
    "/v2/health/ready",
    "/v2/health/live",
    contract.READY_PATH,
)
_KNOWN: dict[str, Path] = {
    **{path: Path(path, path) for path in _LIMITED},
    **{path: Path(path, path, is_limited=False) for path in _PROBES},
    contract.INFER_PATH: Path(contract.INFER_PATH, contract.INFER_PATH, most_bytes=contract.MOST_BYTES),
}
_BELOW = (
    ("/api/v1/comparison/", "/api/v1/comparison/{date}"),
    ("/api/v1/runs/", "/api/v1/runs/{date}"),
    ("/api/v1/stocks/", "/api/v1/stocks/{bse_code}/why"),
    ("/v2/repository/", "/v2/repository"),
    ("/docs/", "/docs"),
)


def path_of(text: str) -> Path:
    """What is known of a path."""
    known = _KNOWN.get(text)
    if known is not None:
        return known
    for prefix, route in _BELOW:
        if text.startswith(prefix):
            return Path(text, route)
    return Path(text, OTHER)
