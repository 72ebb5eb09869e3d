"""
The models a process holds: which one answers, which are kept for a while, and for how long.

Without a bound, a hundred reloads would be a hundred models in memory; with a bound alone, the model that answers
might be the one thrown out. So the one in charge stays whatever happens, the one it replaced stays for its grace, that
a way back costs nothing, and the rest make room, the longest unused first. Answers under way hold their own model
and are never touched by any of this.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from upper_circuit.models.scorer import Scorer
from upper_circuit.models.version import ModelVersion
from upper_circuit.telemetry.metrics import ModelMetrics


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that may answer, and what was asked for. Take it once per answer."""

    requested: ModelVersion
    served: ModelVersion
    fallback_because: str | None
    """Why another version than the requested one serves; None when it does not."""
    scorer: Scorer


@dataclass(frozen=True, slots=True)
class CacheStats:
    """How often a model was found in memory since the start, and what is there now."""

    hits: int
    misses: int
    cached: tuple[str, ...]
    """`type version` each, the latest used last."""
    memory_bytes: int

    @property
    def hit_rate(self) -> float:
        """Share of hits, 0 to 1; 0 before the first request."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


@dataclass(slots=True)
class _Held:
    scorer: Scorer
    memory_bytes: int
    forget_at: float | None = None


class ModelsInMemory:
    """At most `capacity` models by (type, version). Safe to use from several threads at once.

    Guaranteed: the model in charge of a type is held; a replaced one for `grace` seconds unless room is needed.
    """

    def __init__(
        self, *, capacity: int, grace: float, clock: Callable[[], float], metrics: ModelMetrics
    ) -> None:
        self._capacity = capacity
        self._grace = grace
        self._clock = clock
        self._metrics = metrics
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, ModelVersion], _Held] = OrderedDict()
        self._in_charge: dict[str, LoadedModel] = {}
        self._hits = self._misses = 0

    def in_charge(self, model_type: str) -> LoadedModel | None:
        """The model that answers for a type. Counted as a hit or a miss."""
        with self._lock:
            found = self._in_charge.get(model_type)
            if found is not None:
                self._held.move_to_end((model_type, found.served))
            self._count(found is not None)
            return found

    def present(self, model_type: str) -> LoadedModel | None:
        """As `in_charge`, without being counted as a use."""
        with self._lock:
            return self._in_charge.get(model_type)

    def named(self, model_type: str, version: ModelVersion) -> LoadedModel | None:
        """A version that is held, asked for by its number. Counted as a hit or a miss."""
        scorer = self.scorer(model_type, version)
        with self._lock:
            self._count(scorer is not None)
        return LoadedModel(version, version, None, scorer) if scorer else None

    def scorer(self, model_type: str, version: ModelVersion) -> Scorer | None:
        """What is held of a version, which from now on counts as just used: its grace no longer runs."""
        with self._lock:
            held = self._held.get((model_type, version))
            if held is None:
                return None
            self._held.move_to_end((model_type, version))
            held.forget_at = None
            return held.scorer

    def add(self, model_type: str, scorer: Scorer, memory_bytes: int) -> None:
        """Hold a model, and forget the longest unused ones where there are too many."""
        key = (model_type, scorer.version)
        with self._lock:
            self._held[key] = _Held(scorer, memory_bytes)
            self._metrics.memory_bytes.labels(model_type, str(scorer.version)).set(memory_bytes)
            kept = {key, *((kind, model.served) for kind, model in self._in_charge.items())}
            spare = [each for each in self._held if each not in kept]
            for each in spare[: max(0, len(self._held) - self._capacity)]:
                self._forget(each)

    def put_in_charge(self, model_type: str, loaded: LoadedModel) -> None:
        """From now on this model, which is held, answers for its type; the grace of the one before begins."""
        with self._lock:
            before = self._in_charge.get(model_type)
            self._in_charge[model_type] = loaded
            self._metrics.info.labels(*_labels(model_type, loaded)).set(1)
            if before is None:
                return
            if _labels(model_type, before) != _labels(model_type, loaded):
                self._metrics.info.remove(*_labels(model_type, before))
            if before.served != loaded.served:
                self._held[model_type, before.served].forget_at = self._clock() + self._grace

    def release(self) -> None:
        """Forget models whose grace is over."""
        now = self._clock()
        with self._lock:
            for key, held in list(self._held.items()):
                if held.forget_at is not None and held.forget_at <= now:
                    self._forget(key)

    def stats(self) -> CacheStats:
        """Counts since the start, and what is held now."""
        with self._lock:
            cached = tuple(f"{model_type} {version}" for model_type, version in self._held)
            memory = sum(held.memory_bytes for held in self._held.values())
            return CacheStats(self._hits, self._misses, cached, memory)

    def _count(self, hit: bool) -> None:
        self._hits, self._misses = self._hits + hit, self._misses + (not hit)
        self._metrics.cache_hit_rate.set(self._hits / (self._hits + self._misses))

    def _forget(self, key: tuple[str, ModelVersion]) -> None:
        del self._held[key]
        with suppress(KeyError):
            self._metrics.memory_bytes.remove(key[0], str(key[1]))


def _labels(model_type: str, loaded: LoadedModel) -> tuple[str, ...]:
    manifest = loaded.scorer.manifest
    return (
        model_type,
        str(loaded.served),
        str(loaded.requested),
        manifest.sha256,
        manifest.feature_fingerprint,
    )
