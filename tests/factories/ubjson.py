"""
Writes UBJSON as XGBoost does.

Written from the UBJSON specification, with nothing of the product's parser, and held to XGBoost's own bytes by a test.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

ARRAYS = {
    "base_weights": "d", "loss_changes": "d", "split_conditions": "d", "sum_hessian": "d",
    "left_children": "l", "right_children": "l", "parents": "l", "split_indices": "l",
    "default_left": "U", "split_type": "U",
    "categories": "l", "categories_nodes": "l", "categories_segments": "L", "categories_sizes": "L",
    "feature_segments": "l", "sorted_idx": "l",
}  # fmt: skip
_PACKED = {"d": ">f4", "l": ">i4", "L": ">i8", "U": "u1"}


def encode(value: Any, key: str = "") -> bytes:
    """A JSON document as UBJSON with the value types that XGBoost 3.2 writes."""
    match value:
        case dict():
            inside = b"".join(_text(name) + encode(item, name) for name, item in value.items())
            return b"{" + inside + b"}"
        case list() if key in ARRAYS:
            kind = ARRAYS[key]
            packed = np.array(value, _PACKED[kind]).tobytes()
            return b"[$" + kind.encode() + b"#" + _length(len(value)) + packed
        case list():
            return b"[#" + _length(len(value)) + b"".join(encode(item) for item in value)
        case str():
            return b"S" + _text(value)
        case int():
            form, marker = next(
                (form, marker)
                for form, marker, bits in (
                    (">b", b"i", 7),
                    (">h", b"I", 15),
                    (">i", b"l", 31),
                    (">q", b"L", 63),
                )
                if -(2**bits) <= value < 2**bits
            )
            return marker + struct.pack(form, value)
    raise TypeError(f"no model holds {value!r}")


def _length(count: int) -> bytes:
    return b"L" + struct.pack(">q", count)


def _text(text: str) -> bytes:
    return _length(len(text.encode())) + text.encode()
