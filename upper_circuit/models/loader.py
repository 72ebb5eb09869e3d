"""
Which model answers, and what happens when the one that should cannot.

Loading is slow and may fail, answering may do neither. So whoever answers takes a `LoadedModel` once and keeps it for
the whole answer, while loading, swapping and forgetting happen behind a lock. A version that cannot be loaded is
replaced by an older one that can, and never in silence: the reason travels with every answer, a metric says it as long
as it lasts, and so does one line of this module's logger (level ERROR). Times are those of the clock passed in.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from upper_circuit.errors import ModelRejected, ModelUnavailable, NoUsableModel
from upper_circuit.models.manifest import MODEL_TYPE, Manifest
from upper_circuit.models.memory import CacheStats, LoadedModel, ModelsInMemory
from upper_circuit.models.registry import Registry
from upper_circuit.models.scorer import Scorer, made_with
from upper_circuit.models.verification import MEMORY_LIMIT
from upper_circuit.models.version import ModelVersion
from upper_circuit.telemetry.metrics import ModelMetrics

__all__ = ["LATEST", "CacheStats", "LoadedModel", "ModelLoader", "Policy", "Reload"]

LATEST = "latest"
"""What `promote` wrote, unless a version is pinned."""

log = logging.getLogger(__name__)

# ValueError: XGBoost's own errors; all of them are reasons to take an older version rather than none.
_FAILURES = (ModelUnavailable, OSError, ValueError, MemoryError)


@dataclass(frozen=True, slots=True)
class Reload:
    """What a reload did."""

    before: ModelVersion | None
    model: LoadedModel
    result: Literal["swapped", "unchanged"]


@dataclass(frozen=True, slots=True)
class Policy:
    """How a loader chooses, tries and forgets."""

    preferred: ModelVersion | None = None
    """Pins this version, whatever is promoted."""
    strict: bool = False
    """No fallback: the requested version or none."""
    memory_limit: int = MEMORY_LIMIT
    """Bytes one model may take."""
    tries: int = 3
    first_wait: float = 0.5
    """Seconds before the second try; each further wait is twice as long."""
    grace: float = 60.0
    """Seconds a model stays in memory after another one took its place."""
    capacity: int = 3
    """Models in memory at most, beside those that answers under way still hold."""


class ModelLoader:
    """Models of a registry in memory. Safe to use from several threads at once.

    Every model passes `Registry.verify` before it may answer; `fingerprint` gives that of the features this program
    is made for (asked for with the first model, as it costs an import).
    """

    def __init__(
        self,
        registry: Registry,
        *,
        fingerprint: Callable[[], str],
        metrics: ModelMetrics,
        clock: Callable[[], float],
        policy: Policy | None = None,
    ) -> None:
        self._registry = registry
        self._fingerprint = fingerprint
        self._metrics = metrics
        self._clock = clock
        self._policy = policy or Policy()
        self._one_at_a_time = threading.Lock()
        self._memory = ModelsInMemory(
            capacity=self._policy.capacity, grace=self._policy.grace, clock=clock, metrics=metrics
        )

    def in_hand(self, model_type: str = MODEL_TYPE) -> LoadedModel | None:
        """The model that answers where no version is named, or None while there is none. Never waits for a load."""
        return self._memory.in_charge(model_type)

    def present(self, model_type: str = MODEL_TYPE) -> LoadedModel | None:
        """As `in_hand`, without being counted as a use: for probes and reports."""
        return self._memory.present(model_type)

    def load_model(self, model_type: str = MODEL_TYPE, version: str = LATEST) -> LoadedModel:
        """The model from memory, else loaded now (seconds); NoUsableModel when neither it nor a fallback can be.

        `latest` is resolved when it is first asked for and by `reload_models`, not in between.
        """
        wanted = None if version == LATEST else ModelVersion.parse(version)
        found = self.in_hand(model_type) if wanted is None else self._memory.named(model_type, wanted)
        if found is not None:
            return found
        with self._one_at_a_time:
            if wanted is not None:
                return self._first_usable(model_type, wanted)
            loaded = self._memory.present(model_type)  # by whoever held the lock
            return loaded or self._next_in_charge(model_type)

    async def load_model_async(
        self, model_type: str = MODEL_TYPE, version: str = LATEST, *, executor: Executor | None = None
    ) -> LoadedModel:
        """As `load_model`, in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(executor, self.load_model, model_type, version)

    def reload_models(self, model_type: str = MODEL_TYPE) -> Reload:
        """Ask the registry anew which version should answer, load it beside the present one, then swap.

        Answers go on meanwhile. On failure NoUsableModel is raised and the present model stays.
        """
        with self._one_at_a_time:
            before = self._memory.present(model_type)
            try:
                loaded = self._next_in_charge(model_type)
            except ModelUnavailable:
                self._metrics.swaps.labels("failed").inc()
                raise
            same = before is not None and before.served == loaded.served
            result: Literal["swapped", "unchanged"] = "unchanged" if same else "swapped"
            self._metrics.swaps.labels(result).inc()
            log.info("model.reloaded", extra={**_facts(loaded), "result": result})
            return Reload(before.served if before else None, loaded, result)

    def get_model_metadata(self, model_type: str = MODEL_TYPE, version: str = LATEST) -> Manifest:
        """What a version says of itself, without loading it."""
        wanted = (
            next(self._candidates(model_type, None)) if version == LATEST else ModelVersion.parse(version)
        )
        return self._registry.manifest(wanted, model_type)

    def get_cache_stats(self) -> CacheStats:
        """Hits and misses since the start, and what is in memory now."""
        return self._memory.stats()

    @property
    def busy(self) -> bool:
        """Whether a load or reload is under way."""
        return self._one_at_a_time.locked()

    def release(self) -> None:
        """Forget models whose grace is over."""
        self._memory.release()

    def _candidates(self, model_type: str, wanted: ModelVersion | None) -> Iterator[ModelVersion]:
        """The requested version, then the promoted one, then those before it, newest first.

        Not those after it: a version above the promoted one is one that nobody promoted, or that was rolled back.
        """
        requested = wanted or self._policy.preferred
        promoted = None
        if requested is None or not self._policy.strict:
            try:
                promoted = self._registry.promoted(model_type)
            except ModelRejected as error:
                if requested is None:
                    raise NoUsableModel(model_type, str(error)) from error
        first = requested or promoted
        if first is None:
            because = (
                f"no version is promoted in {self._registry.root}; `upper-circuit models promote VERSION` does it, "
                "in a cluster with --namespace, or `models push VERSION --promote` where it is not there yet"
            )
            raise NoUsableModel(model_type, because)
        yield first
        if self._policy.strict:
            return
        if promoted not in (None, first):
            yield promoted
        for version in reversed(self._registry.versions(model_type)):
            if version < (promoted or first) and version != first:
                yield version

    def _next_in_charge(self, model_type: str) -> LoadedModel:
        try:
            loaded = self._first_usable(model_type, None)
        except ModelUnavailable:
            self._metrics.last_load_failed.set(1)
            raise
        self._memory.put_in_charge(model_type, loaded)
        is_fallback = loaded.fallback_because is not None
        self._metrics.is_fallback.set(is_fallback)
        self._metrics.last_load_failed.set(is_fallback)
        return loaded

    def _first_usable(self, model_type: str, wanted: ModelVersion | None) -> LoadedModel:
        failures: list[str] = []
        requested: ModelVersion | None = None
        try:
            for version in self._candidates(model_type, wanted):
                requested = requested or version
                try:
                    scorer = self._scorer(model_type, version)
                except _FAILURES as error:
                    failures.append(
                        str(error) if isinstance(error, ModelUnavailable) else f"{version}: {error}"
                    )
                    self._give_up(model_type, version, error)
                    continue
                return self._chosen(requested, version, failures, scorer)
        except OSError as error:
            failures.append(f"{self._registry.root}: {error}")
        if requested is not None:
            self._metrics.fallbacks.labels("none_left").inc()
        strict = " (MODEL_STRICT forbids falling back)" if self._policy.strict else ""
        raise NoUsableModel(model_type, "; ".join(failures) + strict)

    def _chosen(
        self, requested: ModelVersion, served: ModelVersion, failures: list[str], scorer: Scorer
    ) -> LoadedModel:
        loaded = LoadedModel(requested, served, "; ".join(failures) or None, scorer)
        if failures:
            self._metrics.fallbacks.labels("served").inc()
            log.error("model.fallback", extra=_facts(loaded))
        return loaded

    def _scorer(self, model_type: str, version: ModelVersion) -> Scorer:
        held = self._memory.scorer(model_type, version)
        if held is not None:
            return held
        import stamina  # noqa: PLC0415  # with the first model, as xgboost

        attempts = stamina.retry_context(
            on=_FAILURES,
            attempts=self._policy.tries,
            timeout=None,
            wait_initial=self._policy.first_wait,
            wait_max=60 * self._policy.first_wait,
            wait_jitter=self._policy.first_wait / 2,
        )
        for attempt in attempts:
            with attempt:
                return self._load(model_type, version)
        raise AssertionError  # the last attempt returned or raised

    def _load(self, model_type: str, version: ModelVersion) -> Scorer:
        started = self._clock()
        manifest = self._registry.verify(
            version, model_type, fingerprint=self._fingerprint(), memory_limit=self._policy.memory_limit
        )
        made_with()  # imports xgboost, whose memory is not the model's
        before = _resident_bytes()
        scorer = Scorer.load(self._registry.folder(version, model_type))
        if scorer.manifest != manifest:
            raise ModelRejected(str(version), "manifest", "it changed between verification and loading")
        took = max(_resident_bytes() - before, manifest.size_bytes)
        self._memory.add(model_type, scorer, took)
        seconds = self._clock() - started
        self._metrics.load_seconds.observe(seconds)
        log.info("model.loaded", extra={"version": str(version), "seconds": round(seconds, 3), "bytes": took})
        return scorer

    def _give_up(self, model_type: str, version: ModelVersion, error: BaseException) -> None:
        self._metrics.load_failures.labels(model_type, str(version)).inc()
        facts = {"model_type": model_type, "version": str(version), "tries": self._policy.tries}
        log.error("model.load_failed", extra={**facts, "because": str(error)})


def _facts(loaded: LoadedModel) -> dict[str, Any]:
    because = {"fallback_because": loaded.fallback_because} if loaded.fallback_because else {}
    return {"requested": str(loaded.requested), "served": str(loaded.served), **because}


def _resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:  # no Linux: then the size of the file stands for it
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
