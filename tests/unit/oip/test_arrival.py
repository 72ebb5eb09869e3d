"""Bodies as they come: whole, in pieces, late, or never."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upper_circuit.oip import arrival
from upper_circuit.oip.arrival import BodyLate, BodyTooLarge, GoneError, body_of


class Caller:
    """Sends messages, each after so many turns of the event loop; then goes away, or says nothing any more."""

    def __init__(self, messages: list[tuple[int, dict[str, Any]]], *, stays: bool = False) -> None:
        self.messages = messages
        self.stays = stays
        self.cleaned_up = False

    async def receive(self) -> Any:
        """As a server's."""
        try:
            if not self.messages:
                await (asyncio.Event().wait() if self.stays else asyncio.sleep(0))
                return {"type": "http.disconnect"}
            turns, message = self.messages.pop(0)
            for _ in range(turns):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # a server may have something to put in order
            self.cleaned_up = True
            raise
        return message


def pieces(*parts: tuple[int, bytes], ends: bool = True) -> list[tuple[int, dict[str, Any]]]:
    """The messages of a body in parts."""
    last = len(parts) - 1
    return [
        (turns, {"type": "http.request", "body": part, "more_body": not ends or at < last})
        for at, (turns, part) in enumerate(parts)
    ]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=5)), min_size=1, max_size=6), st.integers(0, 20)
)
def test_a_body_is_the_sum_of_its_pieces_whenever_they_come(
    parts: list[tuple[int, bytes]], most: int
) -> None:
    """Those that are there at once and those waited for; one byte more than allowed is refused."""
    whole = b"".join(part for _, part in parts)

    async def main() -> bytes:
        return await body_of(Caller(pieces(*parts)).receive, {}, most)

    if len(whole) <= most:
        assert whole == asyncio.run(main())
    else:
        with pytest.raises(BodyTooLarge, match=f", {most} are allowed"):
            asyncio.run(main())


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=5)), max_size=4))
def test_who_goes_away_before_the_end_is_gone(parts: list[tuple[int, bytes]]) -> None:
    """However much had come."""
    caller = Caller(pieces(*parts, ends=False))

    with pytest.raises(GoneError):
        asyncio.run(body_of(caller.receive, {}, 100))


def test_one_that_says_it_is_too_large_is_not_asked_for() -> None:
    """Not a byte of it."""
    caller = Caller(pieces((0, b"x")))

    with pytest.raises(BodyTooLarge, match="101 bytes or more, 100 are allowed"):
        asyncio.run(body_of(caller.receive, {b"content-length": b"101"}, 100))

    assert 1 == len(caller.messages)


@pytest.mark.parametrize("parts", [[], [(0, b"{")], [(2, b"{")]], ids=["nothing", "a part", "a part, later"])
def test_one_that_does_not_come_is_late_and_the_server_may_clean_up(
    parts: list[tuple[int, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if it has to wait for something then."""
    monkeypatch.setattr(arrival, "BODY_PATIENCE", 0.05)
    caller = Caller(pieces(*parts, ends=False), stays=True)

    with pytest.raises(BodyLate, match=r"within 0\.05 s"):
        asyncio.run(body_of(caller.receive, {}, 100))

    assert caller.cleaned_up


def test_a_request_that_is_given_up_is_given_up_where_it_waits() -> None:
    """A cancellation is no lateness."""
    caller = Caller([], stays=True)

    async def main() -> None:
        reading = asyncio.create_task(body_of(caller.receive, {}, 100))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(main())
    assert caller.cleaned_up
