"""How long a connection lasts: as a law, whatever the times of its requests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transformer.connections import Connections

PEER, OTHER = ("10.0.0.7", 40_001), ("10.0.0.7", 40_002)


@given(st.floats(0.1, 5_000), st.lists(st.floats(0.001, 129), min_size=1, max_size=60))
def test_an_answer_is_the_last_one_exactly_where_the_connection_is_old(
    most: float, pauses: list[float]
) -> None:
    """Counted from its first request, however long it may last; the peer's next connection begins anew."""
    connections, now, began = Connections(most), 1_000.0, None

    for pause in pauses:
        began = now if began is None else began
        is_old = now - began >= most
        assert is_old == connections.is_over(PEER, now)
        began = None if is_old else began
        now += pause


def test_a_busy_connection_ends_however_much_later_than_others_are_forgotten() -> None:
    """Asked on every second, it is known all the time."""
    connections = Connections(200)

    assert 200 == next(second for second in range(1_000) if connections.is_over(PEER, 1_000.0 + second))


@given(st.lists(st.floats(0, 1e6), max_size=20).map(sorted))
def test_without_a_limit_none_ends(moments: list[float]) -> None:
    """The default of a laptop, and a caller on a Unix socket, who has no address."""
    assert not any(Connections(0).is_over(PEER, now) for now in moments)
    assert not any(Connections(1).is_over(None, now) for now in moments)


def test_connections_that_nobody_asks_on_are_forgotten() -> None:
    """A client that never comes back must not stay in memory; one that asks on is not taken for a new one."""
    connections = Connections(5)
    for port in range(10_000):
        connections.is_over(("10.0.0.8", port), 1_000.0)

    assert not connections.is_over(OTHER, 1_200.0)
    assert 1 == len(connections._seen)
    assert connections.is_over(OTHER, 1_205.0)
