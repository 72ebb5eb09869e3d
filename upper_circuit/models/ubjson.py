"""
Reads the one dialect of UBJSON that XGBoost 3.2 writes, and refuses all else.

Whatever a gate reads differently from the library behind it, it lets through. So nothing is guessed: no value type
XGBoost does not write in a model, no key twice (XGBoost takes the first, others the last), no bytes after the end, no
length that the remaining bytes cannot hold. Limits keep a hostile file from costing more than it weighs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

_INTEGERS = {b"i": 1, b"I": 2, b"l": 4, b"L": 8}
_ARRAYS: dict[bytes, np.dtype[Any]] = {
    b"d": np.dtype(">f4"),
    b"l": np.dtype(">i4"),
    b"L": np.dtype(">i8"),
    b"U": np.dtype("u1"),
}
_DEPTH = 16
_LONGEST_TEXT = 4096


class MalformedError(ValueError):
    """The bytes are no model as XGBoost writes them; the text says what and where."""


@dataclass(slots=True)
class _Reader:
    raw: bytes
    values_left: int
    at: int = 0

    def document(self) -> dict[str, Any]:
        if self.raw[:2] != b"{L":
            raise MalformedError(f"the file begins with {self.raw[:2]!r}, not as a model.ubj")
        document: dict[str, Any] = self.value(0)
        if self.at != len(self.raw):
            raise MalformedError(f"{len(self.raw) - self.at} bytes follow the end at byte {self.at}")
        return document

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.raw):
            raise MalformedError(f"the file ends at byte {len(self.raw)}, {end - len(self.raw)} bytes early")
        taken = self.raw[self.at : end]
        self.at = end
        return taken

    def length(self) -> int:
        """A count or a length: XGBoost writes each as `L` and eight bytes."""
        self.expect(b"L")
        length = int.from_bytes(self.take(8), "big", signed=True)
        if not 0 <= length <= len(self.raw) - self.at:
            raise MalformedError(
                f"length {length} at byte {self.at - 8}, {len(self.raw) - self.at} bytes remain"
            )
        return length

    def expect(self, marker: bytes) -> None:
        found = self.take(1)
        if found != marker:
            raise MalformedError(f"{found!r} at byte {self.at - 1} where {marker!r} is due")

    def text(self) -> str:
        length = self.length()
        if length > _LONGEST_TEXT:
            raise MalformedError(f"a text of {length} bytes at byte {self.at}")
        try:
            return self.take(length).decode()
        except UnicodeDecodeError as error:
            raise MalformedError(f"a text at byte {self.at - length} is no UTF-8") from error

    def value(self, depth: int) -> Any:
        if depth > _DEPTH:
            raise MalformedError(f"more than {_DEPTH} levels deep at byte {self.at}")
        self.values_left -= 1
        if self.values_left < 0:
            raise MalformedError(f"more values than a model has, by byte {self.at}")
        marker = self.take(1)
        if marker == b"{":
            return self.mapping(depth)
        if marker == b"[":
            return self.array(depth)
        if marker == b"S":
            return self.text()
        if marker in _INTEGERS:
            return int.from_bytes(self.take(_INTEGERS[marker]), "big", signed=True)
        raise MalformedError(f"value type {marker!r} at byte {self.at - 1}, which no model has")

    def mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.raw[self.at : self.at + 1] != b"}":
            key = self.text()
            if key in found:
                raise MalformedError(f"key {key!r} stands twice, again at byte {self.at}")
            found[key] = self.value(depth + 1)
        self.at += 1
        return found

    def array(self, depth: int) -> Any:
        kind = self.take(1)
        if kind == b"#":
            return [self.value(depth + 1) for _ in range(self.length())]
        if kind != b"$":
            raise MalformedError(f"an array without a count at byte {self.at - 1}")
        dtype = _ARRAYS.get(self.take(1))
        if dtype is None:
            raise MalformedError(
                f"array type {self.raw[self.at - 1 : self.at]!r} at byte {self.at - 1}, which no model has"
            )
        self.expect(b"#")
        return np.frombuffer(self.take(self.length() * dtype.itemsize), dtype)


def parse(raw: bytes, *, values: int) -> dict[str, Any]:
    """The document in `raw` with at most that many values (an array of numbers counts as one).

    Objects come as dict, lists as list, typed arrays as numpy arrays over the bytes given, integers as int, texts as
    str. MalformedError says what is wrong and at which byte.
    """
    return _Reader(raw, values).document()
