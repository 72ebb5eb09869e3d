"""
Load over plain sockets, so that what is measured is the server.

The known clients cost more than the servers under test. Here a request is bytes made beforehand, an answer is looked at
for its status and length only, and one loop over `epoll` serves all connections: 60,000 requests a second on one core.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle

import numpy as np

PATIENCE = 30.0
"""Seconds without any answer after which a load gives up."""
Meter = Callable[[], float]
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def post(path: str, body: bytes, host: str = "localhost") -> bytes:
    """A whole request on a connection that is kept."""
    head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@dataclass(frozen=True, slots=True)
class Load:
    """What came back in a span of time.

    Guaranteed: `latencies` are seconds, ascending, of the good answers that came inside the span.
    """

    seconds: float
    latencies: np.typing.NDArray[np.float64]
    failed: int
    first_failure: str | None
    metered: float
    """By how much the meter rose meanwhile."""

    @property
    def per_second(self) -> float:
        """Good answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds that `share` percent of the answers took at most; NaN without any."""
        return float(np.percentile(self.latencies, share)) * 1000 if len(self.latencies) else float("nan")


@dataclass(slots=True, eq=False)
class _Connection:
    socket: socket.socket
    asked_at: float = 0.0
    buffer: bytes = b""
    length: int | None = None

    def ask(self, request: bytes, at: float) -> None:
        self.asked_at = at
        self.buffer, self.length = b"", None
        with contextlib.suppress(ConnectionError):  # told again when the answer is read
            self.socket.sendall(request)  # a few hundred bytes into an empty buffer: never waits

    def read(self) -> bytes | None:
        """The whole answer once it is there; raises ConnectionError where the other end closed."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise ConnectionError("the server closed the connection")
        self.buffer = self.buffer + part if self.buffer else part
        if self.length is None:
            head = self.buffer.find(b"\r\n\r\n")
            if head < 0:
                return None
            found = _LENGTH.search(self.buffer, 0, head)
            if found is None:
                raise ConnectionError("an answer without content-length")
            self.length = head + 4 + int(found[1])
        return self.buffer if len(self.buffer) >= self.length else None


def _nothing() -> float:
    return 0.0


@dataclass(slots=True)
class _Tally:
    since: float
    until: float
    meter: Meter = _nothing
    metered: float | None = None
    latencies: list[float] = field(default_factory=list)
    failed: int = 0
    first_failure: str | None = None

    def begin(self, now: float) -> None:
        """To be called now and then until the span has begun."""
        if self.metered is None and now >= self.since:
            self.since, self.metered = now, self.meter()

    def note(self, asked_at: float, now: float, answer: bytes | None, why: str = "") -> None:
        if self.metered is None:
            return
        if answer is not None and answer[9:12] == b"200":
            self.latencies.append(now - asked_at)
            return
        self.failed += 1
        if self.first_failure is None:
            self.first_failure = why or (answer or b"")[:400].decode("latin-1")

    def load(self, now: float) -> Load:
        metered = self.meter() - (self.metered or 0.0)
        latencies = np.sort(np.array(self.latencies))
        return Load(now - self.since, latencies, self.failed, self.first_failure, metered)


def closed_loop(
    port: int,
    requests: Sequence[bytes],
    *,
    clients: int,
    seconds: float,
    ramp: float = 0.5,
    at_least: int = 1,
    meter: Meter = _nothing,
) -> Load:
    """Clients that ask again as soon as they have their answer.

    What comes during the first `ramp` seconds does not count. A slow server gets up to five times the seconds, until
    `at_least` answers have come. `meter` is read when counting begins and ends.
    """
    ahead = cycle(requests)
    start = time.perf_counter()
    tally = _Tally(start + ramp, start + ramp + seconds, meter)
    with selectors.DefaultSelector() as selector:
        for _ in range(clients):
            _open(selector, port).ask(next(ahead), time.perf_counter())
        try:
            while (now := time.perf_counter()) < tally.until or (
                len(tally.latencies) < at_least and now < tally.until + 4 * seconds
            ):
                tally.begin(now)
                for connection, answer, why in _answers(selector, 0.1):
                    now = time.perf_counter()
                    tally.note(connection.asked_at, now, answer, why)
                    again = connection if not why else _reopen(selector, connection, port)
                    again.ask(next(ahead), now)
            return tally.load(now)
        finally:
            _close(selector)


def paced(
    port: int,
    requests: Sequence[bytes],
    *,
    rate: float,
    seconds: float,
    ramp: float = 0.5,
    connections: int = 100,
) -> Load:
    """Requests at fixed times whatever the answers do; a latency counts from the moment a request was due."""
    ahead = cycle(requests)
    start = time.perf_counter()
    tally = _Tally(start + ramp, start + ramp + seconds)
    sent = 0
    with selectors.SelectSelector() as selector:  # epoll would wake up to 1 ms late
        idle = deque(_open(selector, port) for _ in range(connections))
        try:
            while (now := time.perf_counter()) < tally.until:
                tally.begin(now)
                while idle and (due := start + sent / rate) <= now:
                    idle.popleft().ask(next(ahead), due)
                    sent += 1
                wait = min(tally.until, start + sent / rate) - now if idle else tally.until - now
                for connection, answer, why in _answers(selector, max(wait, 0.0)):
                    tally.note(connection.asked_at, time.perf_counter(), answer, why)
                    if connection in idle:  # closed by the server while nothing was asked
                        idle.remove(connection)
                    idle.append(connection if not why else _reopen(selector, connection, port))
            return tally.load(now)
        finally:
            _close(selector)


def _answers(selector: selectors.BaseSelector, within: float) -> list[tuple[_Connection, bytes | None, str]]:
    found: list[tuple[_Connection, bytes | None, str]] = []
    for key, _ in selector.select(min(within, PATIENCE)):
        connection: _Connection = key.data
        try:
            answer = connection.read()
        except ConnectionError as error:
            found.append((connection, None, str(error)))
        else:
            if answer is not None:
                found.append((connection, answer, ""))
    return found


def _open(selector: selectors.BaseSelector, port: int) -> _Connection:
    connection = _Connection(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
    connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    selector.register(connection.socket, selectors.EVENT_READ, connection)
    return connection


def _reopen(selector: selectors.BaseSelector, broken: _Connection, port: int) -> _Connection:
    selector.unregister(broken.socket)
    broken.socket.close()
    return _open(selector, port)


def _close(selector: selectors.BaseSelector) -> None:
    for key in list(selector.get_map().values()):
        key.data.socket.close()
