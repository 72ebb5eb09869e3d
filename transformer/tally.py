"""What the health answer counts: requests, their mean time, their failures. Prometheus has the rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus


class Tally:
    """Requests since the start."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._seconds = 0.0
        self._failed = 0
        self.requests = 0

    def count(self, seconds: float, status: int) -> None:
        """A request ended."""
        self.requests += 1
        self._seconds += seconds
        self._failed += status >= 500 and status != HTTPStatus.NOT_IMPLEMENTED

    @property
    def uptime_seconds(self) -> float:
        """Since the start."""
        return self._clock() - self._started

    @property
    def mean_ms(self) -> float:
        """Mean time of a request; 0 before the first."""
        return 1000 * self._seconds / self.requests if self.requests else 0.0

    @property
    def error_rate(self) -> float:
        """Share of requests that failed through our fault; 0 before the first."""
        return self._failed / self.requests if self.requests else 0.0
