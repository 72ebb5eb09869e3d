"""
Puts the parts together, once, from settings.

Nothing else constructs anything, so that a test may build a predictor with a clock and a registry of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from predictor.keeper import ModelKeeper
from predictor.routes import Routes
from predictor.scoring import Scoring
from predictor.settings import PredictorSettings
from upper_circuit.models.loader import ModelLoader, Policy
from upper_circuit.models.registry import Registry
from upper_circuit.models.version import ModelVersion
from upper_circuit.telemetry.metrics import HttpMetrics, ModelMetrics, ScoringMetrics


@dataclass(frozen=True, slots=True)
class Predictor:
    """The parts a server needs."""

    settings: PredictorSettings
    keeper: ModelKeeper
    scoring: Scoring
    routes: Routes
    http_metrics: HttpMetrics


def build(
    settings: PredictorSettings,
    *,
    metrics: CollectorRegistry,
    clock: Callable[[], float] = time.monotonic,
    fingerprint: Callable[[], str] | None = None,
) -> Predictor:
    """A predictor that has loaded nothing yet; `fingerprint` is by default that of this program's own features."""
    preferred = settings.preferred_model_version
    policy = Policy(
        preferred=ModelVersion.parse(preferred) if preferred else None,
        strict=settings.model_strict,
        memory_limit=settings.model_memory_limit,
    )
    registry = Registry(settings.model_registry_path)
    loader = ModelLoader(
        registry,
        fingerprint=fingerprint or _own_fingerprint,
        metrics=ModelMetrics(metrics),
        clock=clock,
        policy=policy,
    )
    keeper = ModelKeeper(loader, grace=policy.grace)
    token = settings.admin_token.get_secret_value() if settings.admin_token else None
    return Predictor(
        settings,
        keeper,
        Scoring(keeper, ScoringMetrics(metrics)),
        Routes(keeper, loader, registry, metrics, token),
        HttpMetrics(metrics),
    )


def _own_fingerprint() -> str:
    from upper_circuit.features.catalog import FINGERPRINT  # noqa: PLC0415  # its package costs a start 0.2 s

    return FINGERPRINT
