"""JSON that means one thing, whoever reads it: what the users' API and the protocol's codec stand on."""

from __future__ import annotations

import time

import pytest

from transformer.bodies import read_json
from upper_circuit.errors import BadInput
from upper_circuit.oip import plain_json
from upper_circuit.oip.codec import decode_request
from upper_circuit.oip.tensors import MalformedError


@pytest.mark.parametrize(
    "text", [b'{"a": 1, "a": 1}', rb'{"a": 1, "\u0061": 2}', b'{"b": [{"a": 1, "a": 2}]}']
)
def test_both_readers_refuse_a_key_twice_in_the_same_words(text: bytes) -> None:
    """The rule has one definition, or the two would grow apart."""
    sentence = "the key 'a' stands twice in one object"

    for read in (read_json, decode_request):
        with pytest.raises(BadInput, match=f"^{sentence}$"):
            read(text)
    with pytest.raises(MalformedError, match=f"^{sentence}$"):
        plain_json.read(text)


def test_a_key_twice_behind_a_crowd_of_others_is_found_at_once() -> None:
    """Comparing each with each would hold up everybody: half an hour for these."""
    crowd = ",".join(f'"{number}": 1' for number in range(200_000))
    started = time.monotonic()

    with pytest.raises(MalformedError, match="'last' stands twice"):
        plain_json.read(f'{{{crowd}, "last": 1, "last": 2}}'.encode())

    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "text", [b'{"a": [1, 2.5, null, {"b:": ":"}]}', rb'{"a\\": "\u003a"}', b"[1, 2]", b"7"]
)
def test_what_means_one_thing_is_read(text: bytes) -> None:
    """As the standard library reads it."""
    import json

    assert json.loads(text) == plain_json.read(text)
