"""
Metrics of this program, with those of the predictor's models beside them.

Who watches the API wants to see a model that fell back or a load that took long, and may not reach the predictor's
pods. So the model metrics of every replica that answers are added, each with the replica's address as a label.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

_FOREIGN = "model_"


def exposition(own: CollectorRegistry, scrapes: Sequence[tuple[str, bytes]]) -> bytes:
    """The text that Prometheus reads: our metrics, and those about models of (address, scrape) pairs."""
    return generate_latest(own) + _of_replicas(tuple(scrapes))


@lru_cache(maxsize=1)
def _of_replicas(scrapes: tuple[tuple[str, bytes], ...]) -> bytes:
    """Kept for as long as the scrapes are the same: reading one holds up everybody's answers for milliseconds."""
    registry = CollectorRegistry()
    registry.register(_Foreign(scrapes))
    return generate_latest(registry)


class _Foreign:
    def __init__(self, scrapes: Sequence[tuple[str, bytes]]) -> None:
        self._scrapes = scrapes

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for replica, text in self._scrapes:
            for family in _model_families(text):
                merged = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type)
                )
                for sample in family.samples:
                    merged.add_sample(sample.name, {**sample.labels, "replica": replica}, sample.value)
        return families.values()


def _model_families(text: bytes) -> Iterator[Metric]:
    try:
        families = list(text_string_to_metric_families(text.decode()))
    except ValueError:  # no metrics: a replica that talks nonsense must not hide ours
        return
    yield from (family for family in families if family.name.startswith(_FOREIGN))
