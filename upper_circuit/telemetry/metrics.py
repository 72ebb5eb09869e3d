"""
Every metric's name, once.

Dashboards, alerts and runbooks speak of metrics by name, and a name that is made up where it is counted is renamed
there too. Each class is one program's or part's set, made on the registry it is given: nothing is registered by an
import. Gauges say how several worker processes are added up. Results are counted from 0 on and not from the first
event on: Prometheus sees how far a counter rose between two looks, and in one that begins at 1 it sees no rise.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LOAD_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
_ERRORS = ("500", "502", "503", "504")


class ModelMetrics:
    """What a loader of models does."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.load_seconds = Histogram(
            "model_load_time_seconds",
            "Seconds from the decision to load a version until it may answer, verification included.",
            buckets=_LOAD_SECONDS,
            registry=registry,
        )
        self.load_failures = Counter(
            "model_load_failures_total",
            "Versions given up after all tries.",
            ["model_type", "version"],
            registry=registry,
        )
        self.cache_hit_rate = Gauge(
            "model_cache_hit_rate",
            "Share (0 to 1) of requests for a model that found it in memory, since the start.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.memory_bytes = Gauge(
            "model_memory_bytes",
            "Memory a loaded model took, at least the size of its file.",
            ["model_type", "version"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.info = Gauge(
            "model_info",
            "1 for the model that answers; another `requested` than `version` is a fallback.",
            ["model_type", "version", "requested", "sha256", "feature_fingerprint"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        # Not counters: a load fails and a fallback begins once, most often before anybody looks for the first time.
        self.is_fallback = Gauge(
            "model_is_fallback",
            "1 while another version answers than the one asked for.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.last_load_failed = Gauge(
            "model_last_load_failed",
            "1 when the last load or reload did not bring the version asked for.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.swaps = Counter(
            "model_swaps_total",
            "Reloads by result: swapped, unchanged, failed.",
            ["result"],
            registry=registry,
        )
        _from_zero(self.swaps, "swapped", "unchanged", "failed")
        self.fallbacks = Counter(
            "model_fallbacks_total",
            "Loads whose requested version failed, by result: served (an older one answers), none_left.",
            ["result"],
            registry=registry,
        )
        _from_zero(self.fallbacks, "served", "none_left")


class HttpMetrics:
    """Rate, errors and duration of each route; `route` is a template or `other`, never a caller's text."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "http_requests_total",
            "Requests answered.",
            ["route", "method", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "http_request_seconds",
            "Seconds from the request's head to the last byte of the answer.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "http_requests_in_flight",
            "Requests begun and not yet answered.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._of: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answer. Looking labels up costs more than counting, so what they lead to is kept."""
        found = self._of.get((route, method, status))
        if found is None:
            for error in _ERRORS:
                self.requests.labels(route, method, error)
            found = self.requests.labels(route, method, str(status)), self.seconds.labels(route)
            self._of[route, method, status] = found
        found[0].inc()
        found[1].observe(seconds)


class ScoringMetrics:
    """What the predictor's model is asked."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.rows = Histogram("scoring_rows", "Rows of a request.", buckets=_ROWS, registry=registry)
        self.seconds = Histogram(
            "scoring_seconds",
            "Seconds a request spent decoding, scoring and encoding, without the wait for its turn.",
            ["kind"],
            buckets=_SECONDS,
            registry=registry,
        )


class HopMetrics:
    """Rate, errors and duration of the calls from transformer to predictor."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.calls = Counter(
            "hop_calls_total",
            "Calls to a predictor by result: ok, or the kind of failure.",
            ["result"],
            registry=registry,
        )
        _from_zero(self.calls, "ok", "bad_answer", "defect", "timeout", "unreachable", *_ERRORS)
        self.seconds = Histogram(
            "hop_seconds", "Seconds of one call to a predictor.", buckets=_SECONDS, registry=registry
        )
        self.rows = Histogram("hop_rows", "Rows that left together.", buckets=_ROWS, registry=registry)
        self.in_flight = Gauge(
            "hop_calls_in_flight",
            "Calls under way.",
            registry=registry,
            multiprocess_mode="livesum",
        )


class BatchMetrics:
    """The morning runs, as whoever serves reads them from their ledger."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.last_success = Gauge(
            "batch_run_last_success_timestamp_seconds",
            "When the newest run date that has a list got it first; 0 before any.",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.duration = Gauge(
            "batch_run_duration_seconds",
            "Seconds from the beginning of that run to its report.",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.shards = Gauge(
            "batch_shards",
            "Shards of the newest run of the newest run date, by state: open, done, failed, skipped, lost.",
            ["state"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.stocks = Gauge(
            "batch_stocks",
            "Stocks of that run, by state: scored, skipped.",
            ["state"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        # Dates, not yes and no: what is left of yesterday, where the ledger cannot be read, must not pass for today's.
        self.due_date = Gauge(
            "batch_due_date_timestamp_seconds",
            "When the newest session that came began (midnight in Asia/Kolkata); its run is due at 07:00. 0 before any.",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.done_date = Gauge(
            "batch_done_date_timestamp_seconds",
            "When the newest run date that has a list began (midnight in Asia/Kolkata); 0 before any.",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self.ledger_read = Gauge(
            "batch_ledger_read_timestamp_seconds",
            "When the ledger was read last; 0 before.",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )


def _from_zero(counter: Counter, *results: str) -> None:
    for result in results:
        counter.labels(result)
