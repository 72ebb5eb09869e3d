"""
Messages of the Open Inference Protocol (V2, REST) from bytes and back.

Written anew, for two reasons: the SDK's own reader turns raw tensors into lists (500 rows take 15 ms where 0.04 do),
and it lets pass what must not: a name twice, more values than the shape has, text where numbers belong. The refusal of
a request is BadInput with a sentence for the caller; that of an answer is BadAnswer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

from upper_circuit.errors import BadAnswer, BadInput
from upper_circuit.oip import plain_json
from upper_circuit.oip.contract import MOST_BYTES
from upper_circuit.oip.messages import InferRequest, InferResponse, Parameter, Wanted
from upper_circuit.oip.tensors import MalformedError, Tensor, from_json, from_raw, head_of, to_json, to_raw

_MOST_TENSORS = 16
_MOST_OBJECTS = 4 * _MOST_TENSORS
_LONGEST_NAME = 256
_BINARY, _SIZE = "binary_data", "binary_data_size"


def decode_request(body: bytes, header_length: int | None = None) -> InferRequest:
    """The request in a body; `header_length` is the binary extension's header, None where it was not sent."""
    try:
        document, raw = _split(body, header_length)
        outputs = tuple(_wanted(each) for each in _list_of(document, "outputs", optional=True))
        _require_unique("outputs", [wanted.name for wanted in outputs])
        return InferRequest(
            _tensors(document, "inputs", raw), _text(document, "id"), _parameters(document), outputs
        )
    except MalformedError as error:
        raise BadInput(str(error)) from error


def decode_response(body: bytes, header_length: int | None = None) -> InferResponse:
    """The answer in a body that came with status 200."""
    try:
        document, raw = _split(body, header_length)
        return InferResponse(
            _text(document, "model_name") or "",
            _tensors(document, "outputs", raw),
            _text(document, "model_version"),
            _text(document, "id"),
            _parameters(document),
        )
    except MalformedError as error:
        raise BadAnswer(f"no answer in the Open Inference Protocol: {error}") from error


def encode_request(request: InferRequest, *, binary: bool = False) -> tuple[bytes, int | None]:
    """Body and header length (None: all is JSON); `binary` sends the inputs as raw bytes."""
    document: dict[str, Any] = {}
    if request.id is not None:
        document["id"] = request.id
    if request.parameters:
        document["parameters"] = request.parameters
    names = [tensor.name for tensor in request.inputs] if binary else ()
    document["inputs"], raw = _encoded(request.inputs, names)
    if request.outputs:
        document["outputs"] = [
            {"name": wanted.name}
            if wanted.binary is None
            else {"name": wanted.name, "parameters": {_BINARY: wanted.binary}}
            for wanted in request.outputs
        ]
    return _joined(document, raw)


def encode_response(response: InferResponse, *, binary: Collection[str] = ()) -> tuple[bytes, int | None]:
    """Body and header length (None: all is JSON); outputs named in `binary` go out as raw bytes."""
    document: dict[str, Any] = {"model_name": response.model_name}
    if response.model_version is not None:
        document["model_version"] = response.model_version
    if response.id is not None:
        document["id"] = response.id
    if response.parameters:
        document["parameters"] = response.parameters
    document["outputs"], raw = _encoded(response.outputs, binary)
    return _joined(document, raw)


def encode_error(message: str) -> bytes:
    """The protocol's error object."""
    return orjson.dumps({"error": message})


def _encoded(tensors: Sequence[Tensor], binary: Collection[str]) -> tuple[list[dict[str, Any]], list[bytes]]:
    told: list[dict[str, Any]] = []
    raw: list[bytes] = []
    for tensor in tensors:
        head: dict[str, Any] = {"name": tensor.name, "shape": tensor.shape, "datatype": tensor.datatype}
        if tensor.name in binary:
            raw.append(to_raw(tensor))
            head["parameters"] = {_SIZE: len(raw[-1])}
        else:
            head["data"] = to_json(tensor)
        told.append(head)
    return told, raw


def _joined(document: dict[str, Any], raw: list[bytes]) -> tuple[bytes, int | None]:
    head = orjson.dumps(document)
    return (b"".join([head, *raw]), len(head)) if raw else (head, None)


def _split(body: bytes, header_length: int | None) -> tuple[dict[str, Any], memoryview]:
    if len(body) > MOST_BYTES:
        raise MalformedError(f"the body has {len(body):,} bytes, {MOST_BYTES:,} are allowed")
    length = len(body) if header_length is None else header_length
    if not 0 <= length <= len(body):
        raise MalformedError(f"the JSON is said to have {length} bytes, the body has {len(body)}")
    whole = memoryview(body)
    return _document(bytes(whole[:length])), whole[length:]


def _document(text: bytes) -> dict[str, Any]:
    if text.count(b"{") > _MOST_OBJECTS:
        raise MalformedError(f"the JSON has more than {_MOST_OBJECTS} objects")
    document = plain_json.read(text)
    if not isinstance(document, dict):
        raise MalformedError("the JSON is no object")
    return document


def _tensors(document: Mapping[str, Any], key: str, raw: memoryview) -> tuple[Tensor, ...]:
    tensors = []
    for each in _list_of(document, key):
        name = _name(each, key)
        datatype, shape = head_of(name, each.get("shape"), each.get("datatype"))
        size = _size(each, name)
        if size is None:
            tensors.append(from_json(name, datatype, shape, each.get("data")))
            continue
        if "data" in each:
            raise MalformedError(f"tensor {name!r} has data and {_SIZE}, one of them is allowed")
        if size > len(raw):
            raise MalformedError(f"tensor {name!r} has {_SIZE} {size}, {len(raw)} bytes are left")
        tensors.append(from_raw(name, datatype, shape, raw[:size]))
        raw = raw[size:]
    if len(raw):
        raise MalformedError(f"{len(raw)} bytes follow the last tensor")
    _require_unique(key, [tensor.name for tensor in tensors])
    return tuple(tensors)


def _size(tensor: Mapping[str, Any], name: str) -> int | None:
    size = _parameters(tensor).get(_SIZE)
    if size is not None and (type(size) is not int or size < 0):
        raise MalformedError(f"tensor {name!r} has {_SIZE} {size!r:.40}, a number of bytes is needed")
    return size


def _wanted(output: Any) -> Wanted:
    name = _name(output, "outputs")
    binary = _parameters(output).get(_BINARY)
    if binary is not None and not isinstance(binary, bool):
        raise MalformedError(f"output {name!r} has {_BINARY} {binary!r:.40}, true or false is allowed")
    return Wanted(name, binary)


def _list_of(document: Mapping[str, Any], key: str, *, optional: bool = False) -> list[Any]:
    found = document.get(key)
    if found is None and optional:
        return []
    if not isinstance(found, list) or len(found) > _MOST_TENSORS:
        raise MalformedError(f"{key} must be a list of at most {_MOST_TENSORS} tensors")
    return found


def _name(value: Any, key: str) -> str:
    if not isinstance(value, dict):
        raise MalformedError(f"{key} holds something that is no object")
    name = value.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= _LONGEST_NAME:
        raise MalformedError(f"{key} holds a tensor without a name of 1 to {_LONGEST_NAME} characters")
    return name


def _text(document: Mapping[str, Any], key: str) -> str | None:
    value = document.get(key)
    if value is not None and (not isinstance(value, str) or len(value) > _LONGEST_NAME):
        raise MalformedError(f"{key} must be a text of at most {_LONGEST_NAME} characters")
    return value


def _parameters(document: Mapping[str, Any]) -> dict[str, Parameter]:
    found = document.get("parameters")
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(value, Parameter) for value in found.values()):
        raise MalformedError("parameters must be an object of texts, numbers, true and false")
    return found


def _require_unique(what: str, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise MalformedError(f"{what}: {name!r:.60} stands twice")
        seen.add(name)
