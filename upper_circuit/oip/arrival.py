"""
How a request's body comes in, to both programs that answer over HTTP: bounded in bytes before it is there, and in time.

A caller that sends its headers and nothing more would else be waited for as long as it likes. But nearly every body is
there when it is asked for, and a timer costs a quarter of all that the transformer's edge does for a request: only a
body that has to be waited for gets one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping, MutableMapping
from dataclasses import dataclass
from types import coroutine
from typing import Any

from upper_circuit.errors import BadInput

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

BODY_PATIENCE = 10.0
"""Seconds in which a body must arrive, from the first wait for it to its last byte."""


class GoneError(Exception):
    """The caller went away before it had sent its request."""


@dataclass(eq=False)
class BodyTooLarge(BadInput):
    """A body has, or says that it has, more bytes than are read."""

    size: int
    most: int

    def __str__(self) -> str:
        return f"the body has {self.size:,} bytes or more, {self.most:,} are allowed"


@dataclass(eq=False)
class BodyLate(BadInput):
    """A body did not come; what comes next on its connection may be the rest of it, so the connection must end."""

    seconds: float

    def __str__(self) -> str:
        return f"the body did not arrive within {self.seconds:g} s"


async def body_of(receive: Receive, headers: Mapping[bytes, bytes], most: int) -> bytes:
    """The whole body, of at most so many bytes. Raises BodyTooLarge, BodyLate, GoneError."""
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > most:
        raise BodyTooLarge(int(announced), most)
    first: Message | None = None
    waits_for: Any = None
    asked = receive().__await__()
    try:
        waits_for = next(asked)
    except StopIteration as answer:
        first = answer.value
        if not answer.value.get("more_body", False):
            return _part(answer.value, 0, most)
    try:
        async with asyncio.timeout(BODY_PATIENCE):
            return await _rest(first or await _going_on(asked, waits_for), receive, most)
    except TimeoutError:
        raise BodyLate(BODY_PATIENCE) from None


@coroutine
def _going_on(asked: Generator[Any, None, Message], waits_for: Any) -> Generator[Any, None, Message]:
    """What `await` does, from the first wait on."""
    while True:
        try:
            try:
                yield waits_for
            except BaseException as error:  # noqa: BLE001  # a cancellation, which the server's code has to see
                waits_for = asked.throw(error)
            else:
                waits_for = next(asked)
        except StopIteration as answer:
            message: Message = answer.value
            return message


async def _rest(message: Message, receive: Receive, most: int) -> bytes:
    parts = [_part(message, 0, most)]
    size = len(parts[0])
    while message.get("more_body", False):
        message = await receive()
        parts.append(_part(message, size, most))
        size += len(parts[-1])
    return b"".join(parts)


def _part(message: Message, before: int, most: int) -> bytes:
    if message["type"] == "http.disconnect":
        raise GoneError
    part: bytes = message.get("body", b"")
    if before + len(part) > most:
        raise BodyTooLarge(before + len(part), most)
    return part
