"""
From two looks at a pod's metrics to what its slot answered in between.

Prometheus is not asked, because many clusters have none: the pods count anyway, and the difference of two scrapes is
all that a window needs. A counter that went back belongs to a process that started again; what it counts since is
taken. A pod that was not there at the first look counts from zero, one that is gone at the second is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from prometheus_client.parser import text_string_to_metric_families

from upper_circuit.errors import BadAnswer
from upper_circuit.judging.evidence import Latencies, Traffic
from upper_circuit.oip import contract

SCORING_ROUTES = ("/api/v1/predict", "/api/v1/batch_predict", contract.INFER_PATH)
"""Probes and scrapes are no evidence: they outnumber a canary's requests and never fail."""

Counts = Counter[tuple[str, str]]
"""(route, status) -> requests, and (route, `le=...`) -> requests of at most so many seconds."""


def read(text: str) -> Counts:
    """The counters of HttpMetrics in one scrape, of routes that score; raises BadAnswer where it is no scrape."""
    found: Counts = Counter()
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                route = sample.labels.get("route", "")
                if route not in SCORING_ROUTES:
                    continue
                if sample.name == "http_requests_total":
                    found[route, sample.labels["status"]] += int(sample.value)
                elif sample.name == "http_request_seconds_bucket":
                    found[route, f"le={sample.labels['le']}"] += int(sample.value)
    except (ValueError, KeyError) as error:
        raise BadAnswer(f"a pod's /metrics cannot be read: {error}") from error
    return found


def traffic(before: Mapping[str, str], after: Mapping[str, str]) -> Traffic:
    """What the pods of one slot answered between two scrapes, by pod name. Raises BadAnswer."""
    total: Counts = Counter()
    for pod, text in after.items():
        total.update(_since(read(before[pod]) if pod in before else Counter(), read(text)))
    statuses = {key: count for key, count in total.items() if not key[1].startswith("le=")}
    return Traffic(
        requests=sum(statuses.values()),
        errors=sum(count for (_, status), count in statuses.items() if status >= "500"),
        latencies={
            route: found for route in SCORING_ROUTES if (found := _latencies(route, total)) is not None
        },
    )


def _since(before: Counts, after: Counts) -> Counts:
    started_again = any(after[key] < count for key, count in before.items())
    return after if started_again else Counter({key: count - before[key] for key, count in after.items()})


def _latencies(route: str, counts: Counts) -> Latencies | None:
    buckets = sorted(
        (float(name.removeprefix("le=")), count)
        for (of, name), count in counts.items()
        if of == route and name.startswith("le=")
    )
    if not buckets:
        return None
    return Latencies(tuple(bound for bound, _ in buckets), tuple(_apart(count for _, count in buckets)))


def _apart(cumulated: Iterable[int]) -> list[int]:
    counts, before = [], 0
    for count in cumulated:
        counts.append(count - before)
        before = count
    return counts
