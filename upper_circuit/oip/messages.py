"""
A request and an answer of the protocol as checked values.

Both programs speak of inputs and outputs by name; a name that is missing is a caller's mistake in a request and a broken
program in an answer, and without two classes both would end as the same KeyError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from upper_circuit.errors import BadAnswer, BadInput
from upper_circuit.oip.contract import TensorSpec
from upper_circuit.oip.tensors import MalformedError, Tensor

Parameter = bool | int | float | str
Parameters = Mapping[str, Parameter]

_BINARY_OUTPUT = "binary_data_output"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An output asked for by name; `binary` is None where the request's own parameter decides."""

    name: str
    binary: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class InferRequest:
    """Guaranteed, where it was decoded: names of inputs and of outputs are unique."""

    inputs: tuple[Tensor, ...]
    id: str | None = None
    parameters: Parameters = field(default_factory=dict)
    outputs: tuple[Wanted, ...] = ()
    """Which to answer with; none: all."""

    def take(self, *specs: TensorSpec) -> tuple[Tensor, ...]:
        """The inputs, which must be exactly these, in this order; else BadInput."""
        by_name = {tensor.name: tensor for tensor in self.inputs}
        wanted = [spec.name for spec in specs]
        if by_name.keys() != set(wanted):
            raise BadInput(f"inputs are {', '.join(by_name) or 'none'}; {', '.join(wanted)} must be given")
        try:
            return tuple(by_name[spec.name].fitting(spec) for spec in specs)
        except MalformedError as error:
            raise BadInput(str(error)) from error

    def flag(self, name: str) -> bool:
        """A parameter that is true or false, false where it is missing."""
        value = self.parameters.get(name, False)
        if not isinstance(value, bool):
            raise BadInput(f"parameter {name} is {value!r:.60}, true or false is allowed")
        return value

    def select(self, made: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], frozenset[str]]:
        """Of the outputs made, those asked for in their order, and which of them go out as raw bytes."""
        by_name = {tensor.name: tensor for tensor in made}
        all_binary = self.flag(_BINARY_OUTPUT)
        if not self.outputs:
            return tuple(made), frozenset(by_name if all_binary else ())
        for wanted in self.outputs:
            if wanted.name not in by_name:
                raise BadInput(f"output {wanted.name!r} is not made; this request makes {', '.join(by_name)}")
        chosen = tuple(by_name[wanted.name] for wanted in self.outputs)
        binary = (w.name for w in self.outputs if (all_binary if w.binary is None else w.binary))
        return chosen, frozenset(binary)


@dataclass(frozen=True, slots=True, eq=False)
class InferResponse:
    """Guaranteed, where it was decoded: names of outputs are unique."""

    model_name: str
    outputs: tuple[Tensor, ...]
    model_version: str | None = None
    id: str | None = None
    parameters: Parameters = field(default_factory=dict)

    def output(self, spec: TensorSpec) -> Tensor:
        """The output of that name, type and shape; else BadAnswer."""
        for tensor in self.outputs:
            if tensor.name == spec.name:
                try:
                    return tensor.fitting(spec)
                except MalformedError as error:
                    raise BadAnswer(f"the answer of {self.model_name}: {error}") from error
        raise BadAnswer(f"the answer of {self.model_name} has no output {spec.name!r}")
