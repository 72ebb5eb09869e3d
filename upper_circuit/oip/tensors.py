"""
One tensor: its values, and the way in and out of JSON and raw bytes.

A tensor says its shape and type beside its values, and the three may disagree: numpy would reshape, cast text to
numbers and turn 1e40 into infinity without a word. Here what is said and what is sent must agree to the element.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from upper_circuit.oip.contract import MOST_BYTES, MOST_ROWS, Datatype, TensorSpec

Values = npt.NDArray[np.float32] | npt.NDArray[np.int32] | tuple[str, ...]

_RAW = {Datatype.FP32: np.dtype("<f4"), Datatype.INT32: np.dtype("<i4")}
_NUMBERS: dict[Datatype, set[type]] = {Datatype.FP32: {float, int, type(None)}, Datatype.INT32: {int}}
_KNOWN = frozenset(Datatype)
_INT32 = np.iinfo(np.int32)
_MOST_DIMENSIONS = 2


class MalformedError(ValueError):
    """What came over the wire is not what it says it is; the text says what and where."""


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A name and values: float32 or int32 arrays in C order, or texts (which have one dimension).

    Guaranteed: no infinities. In FP32, NaN is a missing value, null in JSON, where an infinity would become one too.
    """

    name: str
    values: Values

    def __post_init__(self) -> None:
        if isinstance(self.values, np.ndarray) and np.isinf(self.values).any():
            place = [int(at) for at in np.argwhere(np.isinf(self.values))[0]]
            raise MalformedError(
                f"tensor {self.name!r} is infinite at {place}; a missing value is NaN (null)"
            )

    @property
    def datatype(self) -> Datatype:
        """The protocol's name of the values' type."""
        if isinstance(self.values, tuple):
            return Datatype.BYTES
        return Datatype.FP32 if self.values.dtype == np.float32 else Datatype.INT32

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows first."""
        return (len(self.values),) if isinstance(self.values, tuple) else self.values.shape

    def fitting(self, spec: TensorSpec) -> Tensor:
        """This tensor, once type and shape are those of `spec`; else MalformedError."""
        if self.datatype != spec.datatype:
            raise MalformedError(f"tensor {self.name!r} is {self.datatype}, {spec.datatype} is needed")
        fits = len(self.shape) == len(spec.shape) and all(
            wanted in (-1, found) for wanted, found in zip(spec.shape, self.shape, strict=True)
        )
        if not fits:
            raise MalformedError(
                f"tensor {self.name!r} has shape {list(self.shape)}, {list(spec.shape)} is needed"
            )
        return self


def head_of(name: str, shape: object, datatype: object) -> tuple[Datatype, tuple[int, ...]]:
    """Type and shape that a tensor's JSON states, once they are possible."""
    if not isinstance(datatype, str) or datatype not in _KNOWN:
        allowed = ", ".join(Datatype)
        raise MalformedError(f"tensor {name!r} has datatype {datatype!r:.40}, {allowed} are allowed")
    known = Datatype(datatype)
    if not isinstance(shape, list) or any(type(size) is not int for size in shape):
        raise MalformedError(f"tensor {name!r} has shape {shape!r:.60}, a list of whole numbers is needed")
    if not 1 <= len(shape) <= (1 if known is Datatype.BYTES else _MOST_DIMENSIONS):
        raise MalformedError(f"tensor {name!r} has {len(shape)} dimensions: {shape!s:.60}")
    if min(shape) < 0 or shape[0] > MOST_ROWS or prod(shape) * 4 > MOST_BYTES:
        raise MalformedError(f"tensor {name!r} has shape {shape!s:.60}, {MOST_ROWS} rows are allowed")
    return known, tuple(shape)


def from_json(name: str, datatype: Datatype, shape: tuple[int, ...], data: object) -> Tensor:
    """A tensor of checked type and shape from its JSON data, flat or nested as the shape."""
    if not isinstance(data, list):
        raise MalformedError(f"data of tensor {name!r} is {_called(data)}, a list is needed")
    if len(shape) == _MOST_DIMENSIONS and data and isinstance(data[0], list):
        data = _flat(name, shape, data)
    if len(data) != prod(shape):
        raise MalformedError(
            f"tensor {name!r} has {len(data)} values for shape {list(shape)} ({prod(shape)})"
        )

    kinds = set(map(type, data))
    if datatype is Datatype.BYTES:
        _require_kinds(name, kinds, {str})
        return Tensor(name, tuple(data))
    _require_kinds(name, kinds, _NUMBERS[datatype])
    if datatype is Datatype.INT32:
        if data and not _INT32.min <= min(data) <= max(data) <= _INT32.max:
            raise MalformedError(f"tensor {name!r} has a value outside of INT32")
        return Tensor(name, np.array(data, np.int32).reshape(shape))
    with np.errstate(over="ignore"):  # what becomes infinite is refused by Tensor
        return Tensor(name, np.array(data, np.float32).reshape(shape))


def from_raw(name: str, datatype: Datatype, shape: tuple[int, ...], raw: memoryview) -> Tensor:
    """A tensor of checked type and shape from its raw bytes, little-endian, row by row."""
    if datatype is Datatype.BYTES:
        return Tensor(name, _texts(name, shape[0], raw))
    if len(raw) != prod(shape) * 4:
        raise MalformedError(
            f"tensor {name!r} has {len(raw)} bytes for shape {list(shape)} ({prod(shape) * 4})"
        )
    # A copy: JSON of any length stands before these bytes, so in the body they may lie across a word's limits.
    values = np.frombuffer(raw, _RAW[datatype])
    if datatype is Datatype.INT32:
        return Tensor(name, values.astype(np.int32).reshape(shape))
    return Tensor(name, values.astype(np.float32).reshape(shape))


def to_json(tensor: Tensor) -> list[Any]:
    """Flat values; NaN is null in the text that orjson makes of them."""
    if isinstance(tensor.values, tuple):
        return list(tensor.values)
    flat: list[Any] = tensor.values.ravel().tolist()
    return flat


def to_raw(tensor: Tensor) -> bytes:
    """Raw bytes, little-endian, row by row; texts each behind their length in four bytes."""
    if isinstance(tensor.values, tuple):
        encoded = [text.encode() for text in tensor.values]
        return b"".join(chain.from_iterable((struct.pack("<I", len(text)), text) for text in encoded))
    return tensor.values.astype(_RAW[tensor.datatype], copy=False).tobytes()


def _flat(name: str, shape: tuple[int, ...], rows: Sequence[Any]) -> list[Any]:
    if len(rows) != shape[0] or any(not isinstance(row, list) or len(row) != shape[1] for row in rows):
        raise MalformedError(f"data of tensor {name!r} is not nested as shape {list(shape)}")
    return list(chain.from_iterable(rows))


def _texts(name: str, count: int, raw: memoryview) -> tuple[str, ...]:
    texts: list[str] = []
    at = 0
    for _ in range(count):
        start = at + 4
        length = int.from_bytes(raw[at:start], "little")
        at = start + length
        if at > len(raw):
            raise MalformedError(f"tensor {name!r} ends after {len(texts)} of {count} texts")
        try:
            texts.append(str(raw[start:at], "utf-8"))
        except UnicodeDecodeError:
            raise MalformedError(f"text {len(texts)} of tensor {name!r} is no UTF-8") from None
    if at != len(raw):
        raise MalformedError(f"tensor {name!r} has {len(raw) - at} bytes behind its {count} texts")
    return tuple(texts)


def _require_kinds(name: str, found: Iterable[type], allowed: set[type]) -> None:
    strange = set(found) - allowed
    if strange:
        wanted = "texts" if str in allowed else "numbers"
        kinds = ", ".join(sorted(_JSON_NAMES.get(kind, kind.__name__) for kind in strange))
        raise MalformedError(f"data of tensor {name!r} holds {kinds}, only {wanted} are allowed")


_JSON_NAMES: dict[type, str] = {
    dict: "objects",
    list: "lists",
    str: "texts",
    bool: "true or false",
    int: "whole numbers",
    float: "fractions",
    type(None): "null",
}


def _called(value: object) -> str:
    return "missing" if value is None else _JSON_NAMES.get(type(value), type(value).__name__)
