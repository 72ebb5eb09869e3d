"""From two scrapes of real metrics to what a slot answered in between."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from upper_circuit.errors import BadAnswer
from upper_circuit.judging import scrapes
from upper_circuit.telemetry.metrics import HttpMetrics

PREDICT = "/api/v1/predict"


class Pod:
    """A transformer, as far as its metrics go."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._metrics = HttpMetrics(self._registry)

    def answer(self, times: int, route: str = PREDICT, status: int = 200, seconds: float = 0.004) -> str:
        """Requests answered, and the scrape after them."""
        for _ in range(times):
            self._metrics.answered(route, "POST", status, seconds)
        return generate_latest(self._registry).decode()


def test_a_window_is_the_difference_of_two_scrapes_summed_over_pods():
    """What was counted before the window is not its own."""
    first, second = Pod(), Pod()
    before = {"first": first.answer(50, status=500), "second": second.answer(1)}

    found = scrapes.traffic(
        before, {"first": first.answer(3), "second": second.answer(2, status=503, seconds=0.2)}
    )

    assert (5, 2) == (found.requests, found.errors)
    took = found.latencies[PREDICT]
    assert {0.005: 3, 0.25: 2} == {
        bound: count for bound, count in zip(took.bounds, took.counts, strict=True) if count
    }


def test_probes_and_scrapes_are_no_requests():
    """Only routes that score count."""
    pod = Pod()
    pod.answer(90, "/api/v1/health/ready", status=503)

    found = scrapes.traffic({}, {"pod": pod.answer(2, "/api/v1/batch_predict")})

    assert (2, 0, ["/api/v1/batch_predict"]) == (found.requests, found.errors, list(found.latencies))


def test_a_pod_that_started_again_counts_from_zero():
    """Its counters went back: what they say is all since then."""
    found = scrapes.traffic({"pod": Pod().answer(50)}, {"pod": Pod().answer(3)})

    assert 3 == found.requests


def test_a_callers_fault_is_no_error():
    """A mistyped code is answered with 404 by the best of models."""
    assert 0 == scrapes.traffic({}, {"pod": Pod().answer(3, status=404)}).errors


def test_a_pod_that_talks_nonsense_is_told():
    """Something else answers on its port."""
    with pytest.raises(BadAnswer, match="cannot be read"):
        scrapes.traffic({}, {"pod": "http_requests_total{ nonsense"})
