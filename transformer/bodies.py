"""
JSON from strangers.

Parsers keep the last of two equal keys in silence, and which one a proxy, a log and the program see may differ. Here a
document means one thing or is refused, with a sentence.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from upper_circuit.errors import BadInput


def read_json(body: bytes) -> Any:
    """The document in a body; BadInput where it is none, nested too deep, or has a key twice in one object."""
    if not body:
        raise BadInput("the body is empty; a JSON document is needed")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"the body is no JSON: {error}") from None
    try:
        # Each key has a colon, so one colon more in the text than in the document is a key that was dropped; a
        # backslash may hide one, and then the slow reader looks.
        if b"\\" in body or body.count(b":") != _colons(document):
            json.loads(body, object_pairs_hook=_once, parse_int=float)
    except RecursionError:
        raise BadInput("the JSON is nested too deep") from None
    return document


def _colons(value: Any) -> int:
    if isinstance(value, dict):
        return sum([1 + key.count(":") + _colons(inner) for key, inner in value.items()])
    if isinstance(value, str):
        return value.count(":")
    if isinstance(value, list):
        return sum(map(_colons, value))
    return 0


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"the key {twice!r:.60} stands twice in one object")
    return found
