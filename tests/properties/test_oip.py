"""Laws of the codec: what is encoded comes back, and nothing that comes in can break it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from upper_circuit.errors import BadInput
from upper_circuit.oip.codec import decode_request, decode_response, encode_request, encode_response
from upper_circuit.oip.messages import InferRequest, InferResponse, Wanted
from upper_circuit.oip.tensors import Tensor

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
shapes = st.one_of(st.tuples(st.integers(0, 6)), st.tuples(st.integers(0, 6), st.integers(0, 26)))
parameters = st.dictionaries(
    names.filter(lambda name: name != "binary_data_output"),
    st.one_of(
        st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), texts
    ),
    max_size=4,
)


@st.composite
def tensors(draw: st.DrawFn, name: str) -> Tensor:
    """A tensor of any kind we speak; floats with NaN, subnormals and both zeros."""
    kind = draw(st.sampled_from(["FP32", "INT32", "BYTES"]))
    if kind == "BYTES":
        return Tensor(name, tuple(draw(st.lists(texts, max_size=6))))
    if kind == "INT32":
        return Tensor(name, draw(arrays.arrays(np.int32, shapes)))
    values = st.floats(width=32, allow_infinity=False)
    return Tensor(name, draw(arrays.arrays(np.float32, shapes, elements=values)))


@st.composite
def many_tensors(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Tensors of different names."""
    return tuple(draw(tensors(name)) for name in draw(st.lists(names, unique=True, max_size=4)))


def bits(tensor: Tensor) -> tuple[Any, ...]:
    """Everything about a tensor, floats by their bits but for the one NaN that JSON knows."""
    values = tensor.values
    if isinstance(values, tuple):
        return tensor.name, tensor.datatype, tensor.shape, values
    plain = np.where(np.isnan(values), np.float32(np.nan), values) if values.dtype == np.float32 else values
    return tensor.name, tensor.datatype, tensor.shape, plain.tobytes()


@given(many_tensors(), texts, parameters, st.lists(names, unique=True, max_size=3), st.booleans())
def test_a_request_that_is_encoded_comes_back(
    inputs: tuple[Tensor, ...], id_: str, given_parameters: dict[str, Any], outputs: list[str], binary: bool
) -> None:
    """To the last bit, as JSON and raw."""
    asked = InferRequest(inputs, id_, given_parameters, tuple(Wanted(name) for name in outputs))

    found = decode_request(*encode_request(asked, binary=binary))

    assert list(map(bits, inputs)) == list(map(bits, found.inputs))
    assert (asked.id, asked.outputs) == (found.id, found.outputs)
    assert dict(asked.parameters) == dict(found.parameters)


@given(many_tensors(), st.data())
def test_an_answer_that_is_encoded_comes_back(outputs: tuple[Tensor, ...], data: st.DataObject) -> None:
    """Whichever of its outputs are raw."""
    raw = data.draw(st.sets(st.sampled_from([each.name for each in outputs]))) if outputs else set()
    answer = InferResponse("upper-circuit", outputs, "1.3.0")

    found = decode_response(*encode_response(answer, binary=raw))

    assert list(map(bits, outputs)) == list(map(bits, found.outputs))


@given(st.binary(max_size=200), st.one_of(st.none(), st.integers(-10, 300)))
def test_any_bytes_are_read_or_refused(body: bytes, header_length: int | None) -> None:
    """BadInput is the only way out; anything else would be a 500 that a caller can cause."""
    refused_or_read(body, header_length)


json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=8,
)


@given(st.data(), st.binary(max_size=40))
def test_any_request_that_is_nearly_right_is_read_or_refused(data: st.DataObject, raw: bytes) -> None:
    """A right request with one part replaced by anything at all."""
    import orjson

    tensor: dict[str, Any] = {"name": "x", "shape": [2], "datatype": "FP32", "data": [1.0, 2.0]}
    document: dict[str, Any] = {
        "inputs": [tensor],
        "id": "1",
        "parameters": {"a": 1},
        "outputs": [{"name": "p"}],
    }
    where = data.draw(
        st.sampled_from([*((document, key) for key in document), *((tensor, key) for key in tensor)])
    )
    where[0][where[1]] = data.draw(json_values.filter(fits_64_bits))
    text = orjson.dumps(document)

    refused_or_read(text + raw, len(text) if data.draw(st.booleans()) else None)


def fits_64_bits(value: Any) -> bool:
    """What orjson can write."""
    if isinstance(value, dict):
        return all(map(fits_64_bits, value.values()))
    if isinstance(value, list):
        return all(map(fits_64_bits, value))
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def refused_or_read(body: bytes, header_length: int | None) -> None:
    """Read a body; what was read keeps its promises."""
    try:
        found = decode_request(body, header_length)
    except BadInput:
        return
    for each in found.inputs:
        if isinstance(each.values, np.ndarray):
            assert math.prod(each.shape) == each.values.size
            assert not np.isinf(each.values).any()
