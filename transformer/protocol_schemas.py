"""
The objects of the Open Inference Protocol, as openapi.yaml shows them.

Apart from our own API's, because nobody here may change them.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Datatype = Literal["BYTES", "FP32", "INT32"]
Parameters = dict[str, bool | int | float | str]


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class ProtocolError(_Described):
    """A refusal in the words of the Open Inference Protocol."""

    error: str


class Tensor(_Described):
    """A tensor of the protocol."""

    name: str
    datatype: Datatype
    shape: list[int]
    data: list[Any] | None = None
    """Flat or nested as the shape; absent where the values follow the JSON as raw bytes."""
    parameters: Parameters | None = None


class TensorMetadata(_Described):
    """What a tensor looks like; -1 is any number."""

    name: str
    datatype: Datatype
    shape: list[int]


class RequestedOutput(_Described):
    """An output asked for by name."""

    name: str
    parameters: Parameters | None = None


class InferenceRequest(BaseModel):
    """Inputs `bse_code` [n] and `prediction_date` [n] or [1], both BYTES."""

    id: str | None = None
    parameters: Parameters | None = None
    inputs: list[Tensor]
    outputs: list[RequestedOutput] | None = None


class InferenceResponse(_Described):
    """Outputs `probability` FP32, `label` INT32 and `confidence` BYTES, [n] each."""

    model_name: str
    model_version: str
    id: str
    parameters: Parameters | None = None
    outputs: list[Tensor]


class ServerMetadata(_Described):
    """Who this is, and which extensions of the protocol it speaks."""

    name: str
    version: str
    extensions: list[str]


class ModelMetadata(_Described):
    """Inputs and outputs."""

    name: str
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ModelReady(_Described):
    """An inference would be answered now."""

    name: str
    ready: Literal[True]
