"""JSON bodies of the users' API: what cannot be read is the caller's mistake, told in a sentence."""

from __future__ import annotations

from typing import Any

from upper_circuit.errors import BadInput
from upper_circuit.oip import plain_json
from upper_circuit.oip.tensors import MalformedError


def read_json(body: bytes) -> Any:
    """The document in a body; BadInput where it is none, nested too deep, or has a key twice in one object."""
    if not body:
        raise BadInput("the body is empty; a JSON document is needed")
    try:
        return plain_json.read(body)
    except MalformedError as error:
        raise BadInput(str(error)) from None
