"""
JSON from strangers, read so that it means one thing.

Parsers keep the last of two equal keys in silence, and which one a proxy, a log and the program see may differ. Here
such a document is refused, for the users' API and for the protocol alike.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from upper_circuit.oip.tensors import MalformedError

_NUMBERS = {float, int, type(None)}


def read(text: bytes) -> Any:
    """The document; MalformedError where it is none, nested too deep, or has a key twice in one object."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedError(f"the body is no JSON: {error}") from error
    try:
        # Each key has a colon, so one colon more in the text than in the document is a key that was dropped; a
        # backslash may hide one, and then the slow reader looks.
        if b"\\" in text or text.count(b":") != _colons(document):
            json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise MalformedError("the JSON is nested too deep") from None
    return document


def _colons(value: Any) -> int:
    if isinstance(value, dict):
        return sum([1 + key.count(":") + _colons(inner) for key, inner in value.items()])
    if isinstance(value, str):
        return value.count(":")
    if isinstance(value, list):
        # Numbers, by far the most of an inference, have none: look inside only where other things are.
        return 0 if set(map(type, value)) <= _NUMBERS else sum(map(_colons, value))
    return 0


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise MalformedError(f"the key {name!r:.60} stands twice in one object")
        found[name] = value
    return found
