"""What Prometheus finds before anything has happened: a rise that begins nowhere is no rise to it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from upper_circuit.telemetry.metrics import HopMetrics, HttpMetrics, ModelMetrics


def zeros(registry: CollectorRegistry) -> set[str]:
    """The lines of a scrape that count nothing yet."""
    lines = generate_latest(registry).decode().splitlines()
    return {line.removesuffix(" 0.0") for line in lines if line.endswith(" 0.0")}


def test_results_are_counted_from_zero():
    """The first event makes 1 of 0, and no new series."""
    registry = CollectorRegistry()
    HopMetrics(registry)
    ModelMetrics(registry)

    assert {
        *(f'model_swaps_total{{result="{each}"}}' for each in ("swapped", "unchanged", "failed")),
        *(f'model_fallbacks_total{{result="{each}"}}' for each in ("served", "none_left")),
        *(f'hop_calls_total{{result="{each}"}}' for each in ("ok", "timeout", "unreachable")),
        *(f'hop_calls_total{{result="{each}"}}' for each in ("bad_answer", "defect", "500", "503")),
    } <= zeros(registry)


def test_a_route_that_answered_counts_its_errors_from_zero():
    """Whichever of them comes first."""
    registry = CollectorRegistry()
    HttpMetrics(registry).answered("/api/v1/predict", "POST", 200, 0.01)

    assert {
        f'http_requests_total{{method="POST",route="/api/v1/predict",status="{status}"}}'
        for status in (500, 502, 503, 504)
    } <= zeros(registry)


def test_an_error_that_comes_first_is_counted_once():
    """Its own series is not made anew."""
    registry = CollectorRegistry()
    metrics = HttpMetrics(registry)
    for _ in range(2):
        metrics.answered("/api/v1/predict", "POST", 503, 0.01)

    labels = {"route": "/api/v1/predict", "method": "POST", "status": "503"}
    assert 2 == registry.get_sample_value("http_requests_total", labels)


def test_a_model_is_no_fallback_before_there_is_one():
    """An alert waits for the 1 of either, and must find something that is not."""
    registry = CollectorRegistry()
    ModelMetrics(registry)

    assert {"model_is_fallback", "model_last_load_failed"} <= zeros(registry)
