"""A request over a port-forward, as far as it can be seen without a cluster."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from cli import forwarding


class Forward:
    """As the kubernetes client gives one: a socket by port, and an end."""

    def __init__(self, ours: socket.socket) -> None:
        self._ours = ours

    def socket(self, port: int) -> socket.socket:
        """The end that the client holds."""
        assert 8080 == port
        return self._ours

    def close(self) -> None:
        """Both directions."""
        self._ours.close()


@pytest.fixture
def ends() -> Iterator[tuple[Forward, socket.socket]]:
    """A forward, and what the pod has of it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Forward(ours), theirs


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[threading.ExceptHookArgs]]:
    """Threads that died loudly."""
    found: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", found.append)
    forwarding._keep_pumps_quiet.cache_clear()
    yield found
    forwarding._keep_pumps_quiet.cache_clear()


def test_a_pod_is_asked_and_its_connection_ends(ends: tuple[Forward, socket.socket]) -> None:
    """One question a forward; the pod is told not to wait for another."""
    forward, pod = ends
    pod.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}")

    answer = forwarding.request(
        forward, 8080, "POST", "/api/v1/rollout", body=b"{}", headers={"x-who": "asha"}
    )

    asked = pod.recv(10_000).lower()
    assert (202, b"{}") == (answer.status, answer.body)
    assert asked.startswith(b"post /api/v1/rollout http/1.1\r\n")
    assert b"connection: close\r\n" in asked
    assert b"x-who: asha\r\n" in asked


def test_a_pump_that_is_cut_says_nothing_and_every_other_thread_does(
    ends: tuple[Forward, socket.socket], told: list[threading.ExceptHookArgs]
) -> None:
    """Only what the request tells anyway is left out: a pump's own mistake, or another thread's, is not."""
    forward, pod = ends
    pod.close()
    with pytest.raises(OSError, match=r"Remote end closed connection|Broken pipe|reset"):
        forwarding.request(forward, 8080, "GET", "/", body=None, headers={})

    def die(error: type[Exception]) -> None:
        raise error

    for name, error in [
        ("Kubernetes port forward proxy: 8080", ConnectionResetError),
        ("Kubernetes port forward proxy: 8080", KeyError),
        ("another", ConnectionResetError),
    ]:
        thread = threading.Thread(target=die, args=[error], name=name)
        thread.start()
        thread.join()

    assert [KeyError, ConnectionResetError] == [each.exc_type for each in told]
    assert "another" == getattr(told[-1].thread, "name", None)
