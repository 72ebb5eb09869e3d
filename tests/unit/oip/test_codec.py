"""Messages of the protocol: the examples of its specification, and everything that must not pass."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest

from upper_circuit.errors import BadAnswer, BadInput
from upper_circuit.oip import contract
from upper_circuit.oip.codec import (
    decode_request,
    decode_response,
    encode_error,
    encode_request,
    encode_response,
)
from upper_circuit.oip.messages import InferRequest, InferResponse, Wanted
from upper_circuit.oip.tensors import Tensor


def tensor(**changes: Any) -> dict[str, Any]:
    """An input of two rows and three columns as JSON."""
    return {"name": "x", "shape": [2, 3], "datatype": "FP32", "data": [1, 2.5, -3, 4, 5, 6], **changes}


def body(**changes: Any) -> bytes:
    """A request with that input."""
    return json.dumps({"inputs": [tensor()], **changes}).encode()


def raw_body(raw: bytes, **changes: Any) -> tuple[bytes, int]:
    """A request whose one input lies behind the JSON, and the length of the JSON."""
    told = {"name": "x", "shape": [2, 3], "datatype": "FP32", "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [{**told, **changes}]}).encode()
    return head + raw, len(head)


def test_values_come_row_by_row() -> None:
    """The specification's order: the last dimension varies fastest."""
    [found] = decode_request(body()).inputs

    assert [[1, 2.5, -3], [4, 5, 6]] == found.values.tolist()  # type: ignore[union-attr]
    assert "FP32" == found.datatype
    assert (2, 3) == found.shape


def test_nested_data_mean_the_same_as_flat_data() -> None:
    """The protocol allows both."""
    [found] = decode_request(body(inputs=[tensor(data=[[1, 2.5, -3], [4, 5, 6]])])).inputs

    assert [[1, 2.5, -3], [4, 5, 6]] == found.values.tolist()  # type: ignore[union-attr]


def test_null_is_a_missing_value() -> None:
    """JSON has no NaN, and the SDK's client sends null for it."""
    [found] = decode_request(body(inputs=[tensor(data=[1, None, 3, 4, 5, 6])])).inputs

    assert isinstance(found.values, np.ndarray)
    assert [[False, True, False], [False, False, False]] == np.isnan(found.values).tolist()


def test_raw_tensors_are_little_endian_behind_the_json() -> None:
    """As Triton's binary tensor extension has it; written here with struct."""
    raw = struct.pack("<6f", 1, 2.5, -3, 4, 5, 6)

    [found] = decode_request(*raw_body(raw)).inputs

    assert [[1, 2.5, -3], [4, 5, 6]] == found.values.tolist()  # type: ignore[union-attr]


@pytest.mark.parametrize("padding", range(4))
def test_raw_values_are_aligned_whatever_the_length_of_the_json(padding: int) -> None:
    """XGBoost reads them in place, and a float must not lie across two words."""
    raw = struct.pack("<6f", 1, 2.5, -3, 4, 5, 6)

    [found] = decode_request(*raw_body(raw, name="x" * (1 + padding))).inputs

    assert isinstance(found.values, np.ndarray)
    assert found.values.flags.aligned
    assert found.values.flags.c_contiguous


def test_texts_travel_raw_behind_their_lengths() -> None:
    """Four bytes of length, little-endian, then UTF-8."""
    raw = b"\x06\x00\x00\x00500325" + b"\x03\x00\x00\x00\xe2\x82\xb9"

    [found] = decode_request(*raw_body(raw, shape=[2], datatype="BYTES")).inputs

    assert ("500325", "₹") == found.values


def test_several_raw_tensors_follow_in_the_order_of_the_json() -> None:
    """Each takes as many bytes as it said."""
    first, second = struct.pack("<2f", 1, 2), struct.pack("<2i", 7, -8)
    head = json.dumps(
        {
            "inputs": [
                {"name": "a", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 8}},
                {"name": "b", "shape": [1], "datatype": "BYTES", "data": ["here"]},
                {"name": "c", "shape": [2], "datatype": "INT32", "parameters": {"binary_data_size": 8}},
            ]
        }
    ).encode()

    found = decode_request(head + first + second, len(head))

    assert ["a", "b", "c"] == [each.name for each in found.inputs]
    assert [7, -8] == found.inputs[2].values.tolist()  # type: ignore[union-attr]


def test_id_parameters_and_outputs_are_read() -> None:
    """What a caller asks for beside the tensors."""
    outputs = [{"name": "probability"}, {"name": "margin", "parameters": {"binary_data": True}}]

    found = decode_request(body(id="42", parameters={"contributions": True}, outputs=outputs))

    assert "42" == found.id
    assert found.flag("contributions")
    assert not found.flag("other")
    assert (Wanted("probability"), Wanted("margin", binary=True)) == found.outputs


BROKEN = {
    "not JSON": (b"<xml/>", "no JSON"),
    "empty": (b"", "no JSON"),
    "cut short": (body()[:-5], "no JSON"),
    "not UTF-8": (body(id="x").replace(b'"x"', b'"\xff"', 1), "no JSON"),
    "NaN by name": (body().replace(b"2.5", b"NaN"), "no JSON"),
    "Infinity by name": (body().replace(b"2.5", b"-Infinity"), "no JSON"),
    "a list": (b"[]", "no object"),
    "no inputs": (b"{}", "inputs must be a list"),
    "inputs an object": (body(inputs={}), "inputs must be a list"),
    "an input that is a text": (body(inputs=["x"]), "no object"),
    "more tensors than any model has": (body(inputs=[tensor(name=str(n)) for n in range(17)]), "at most 16"),
    "an input without a name": (body(inputs=[tensor(name=None)]), "without a name"),
    "an input with an empty name": (body(inputs=[tensor(name="")]), "without a name"),
    "a name too long": (body(inputs=[tensor(name="x" * 257)]), "without a name"),
    "a name twice": (body(inputs=[tensor(), tensor()]), "'x' stands twice"),
    "no datatype": (body(inputs=[tensor(datatype=None)]), "FP32, INT32, BYTES are allowed"),
    "a datatype not known": (body(inputs=[tensor(datatype="FP64")]), "'FP64', FP32, INT32, BYTES"),
    "a datatype that is a list": (body(inputs=[tensor(datatype=["FP32"])]), "are allowed"),
    "no shape": (body(inputs=[tensor(shape=None)]), "list of whole numbers"),
    "a shape of fractions": (body(inputs=[tensor(shape=[2.0, 3])]), "list of whole numbers"),
    "a shape of truths": (body(inputs=[tensor(shape=[True, 6])]), "list of whole numbers"),
    "a negative shape": (body(inputs=[tensor(shape=[-2, -3])]), r"shape \[-2, -3\]"),
    "no dimensions": (body(inputs=[tensor(shape=[])]), "0 dimensions"),
    "three dimensions": (body(inputs=[tensor(shape=[1, 2, 3])]), "3 dimensions"),
    "too many rows": (body(inputs=[tensor(shape=[4097, 0], data=[])]), "4096 rows are allowed"),
    "too many columns": (body(inputs=[tensor(shape=[1, 2**60], data=[])]), "rows are allowed"),
    "fewer values than the shape": (body(inputs=[tensor(data=[1, 2, 3])]), r"3 values for shape \[2, 3\]"),
    "more values than the shape": (body(inputs=[tensor(data=[0] * 7)]), "7 values for shape"),
    "no data": (body(inputs=[tensor(data=None)]), "missing, a list is needed"),
    "data an object": (body(inputs=[tensor(data={})]), "objects, a list is needed"),
    "text among numbers": (body(inputs=[tensor(data=["1", 2, 3, 4, 5, 6])]), "texts, only numbers"),
    "truth among numbers": (body(inputs=[tensor(data=[True, 2, 3, 4, 5, 6])]), "true or false, only numbers"),
    "an object among numbers": (body(inputs=[tensor(data=[{}, 2, 3, 4, 5, 6])]), "objects, only numbers"),
    "ragged rows": (body(inputs=[tensor(data=[[1, 2, 3], [4, 5]])]), "not nested as shape"),
    "rows nested too deep": (body(inputs=[tensor(data=[[[1], 2, 3], [4, 5, 6]])]), "lists, only numbers"),
    "a value that becomes infinite": (body(inputs=[tensor(data=[1, 2, 3, 4, 1e39, 6])]), r"infinite at \[1, 1\]"),
    "numbers among texts": (
        body(inputs=[tensor(shape=[2], datatype="BYTES", data=["500325", 500325])]), "whole numbers, only texts",
    ),
    "null among texts": (body(inputs=[tensor(shape=[1], datatype="BYTES", data=[None])]), "null, only texts"),
    "texts of two dimensions": (body(inputs=[tensor(datatype="BYTES", data=["a"] * 6)]), "2 dimensions"),
    "a fraction among whole numbers": (
        body(inputs=[tensor(shape=[1], datatype="INT32", data=[1.5])]), "fractions, only numbers",
    ),
    "a whole number too large": (
        body(inputs=[tensor(shape=[1], datatype="INT32", data=[2**31])]), "outside of INT32",
    ),
    "an id that is a number": (body(id=7), "id must be a text"),
    "an id too long": (body(id="x" * 300), "id must be a text"),
    "parameters a list": (body(parameters=[1]), "parameters must be an object"),
    "a parameter that is a list": (body(parameters={"a": [1]}), "parameters must be an object"),
    "outputs an object": (body(outputs={}), "outputs must be a list"),
    "an output twice": (body(outputs=[{"name": "p"}, {"name": "p"}]), "'p' stands twice"),
    "an output half binary": (
        body(outputs=[{"name": "p", "parameters": {"binary_data": 1}}]), "true or false is allowed",
    ),
    "a key twice": (b'{"inputs": [], "inputs": []}', "'inputs' stands twice"),
    "a key twice in an input": (body().replace(b'"name"', b'"name": "y", "name"'), "'name' stands twice"),
    "a key twice behind an escaped colon": (b'{"id": "\\u003a", "a": 1, "a": 2}', "'a' stands twice"),
    "a key twice, once escaped": (b'{"id": "a", "\\u0069d": "b"}', "'id' stands twice"),
    "nested deep": (body().replace(b"2.5", b"[" * 100 + b"]" * 100), "lists, only numbers"),
    "nested too deep": (body().replace(b"2.5", b"[" * 1000 + b"]" * 1000), "the JSON is nested too deep"),
    "nested deeper than any parser goes": (b"[" * 100_000 + b"]" * 100_000, "no JSON"),
    "nested deep and escaped": (
        b'{"id": "\\n", "a": ' + b"[" * 1000 + b"]" * 1000 + b"}", "nested too deep|inputs must be a list",
    ),
    "a number beyond all": (body(parameters={"a": 1}).replace(b"1}}", b"1" * 5000 + b"}}"), "no JSON"),
    "a crowd of objects": (body(inputs=[{}] * 100), "more than 64 objects"),
    "too large": (b" " * (contract.MOST_BYTES + 1), "4,194,304 are allowed"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "because"), BROKEN.values(), ids=BROKEN)
def test_a_request_that_is_not_what_it_says_is_refused_with_a_reason(given: bytes, because: str) -> None:
    """Nothing is guessed, cast or cut to size."""
    with pytest.raises(BadInput, match=because):
        decode_request(given)


RAW = struct.pack("<6f", 1, 2, 3, 4, 5, 6)
BROKEN_RAW = {
    "fewer bytes than the shape": (raw_body(RAW[:-4]), "20 bytes for shape"),
    "more bytes than the shape": (raw_body(RAW + b"\0" * 4), "28 bytes for shape"),
    "bytes behind the last tensor": ((raw_body(RAW)[0] + b"x", raw_body(RAW)[1]), "1 bytes follow"),
    "bytes that are not there": ((raw_body(RAW)[0][:-1], raw_body(RAW)[1]), "23 bytes are left"),
    "infinity": (raw_body(struct.pack("<6f", 1, 2, 3, float("inf"), 5, 6)), r"infinite at \[1, 0\]"),
    "a header length beyond the body": ((b"{}", 3), "said to have 3 bytes"),
    "a negative header length": ((b"{}", -1), "said to have -1 bytes"),
    "raw and JSON": (raw_body(RAW, data=[1] * 6), "data and binary_data_size"),
    "a size that is no number": (raw_body(RAW, parameters={"binary_data_size": "24"}), "number of bytes"),
    "a size that is true": (raw_body(RAW, parameters={"binary_data_size": True}), "number of bytes"),
    "a negative size": (raw_body(RAW, parameters={"binary_data_size": -24}), "number of bytes"),
    "a text cut short": (raw_body(b"\x09\0\0\0abc", shape=[1], datatype="BYTES"), "ends after 0 of 1 texts"),
    "texts that are missing": (raw_body(b"\x01\0\0\0a", shape=[2], datatype="BYTES"), "ends after 1 of 2"),
    "bytes behind the texts": (raw_body(b"\x01\0\0\0ab", shape=[1], datatype="BYTES"), "1 bytes behind"),
    "a text that is no UTF-8": (raw_body(b"\x01\0\0\0\xff", shape=[1], datatype="BYTES"), "no UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "because"), BROKEN_RAW.values(), ids=BROKEN_RAW)
def test_raw_tensors_that_are_not_what_they_say_are_refused(given: tuple[bytes, int], because: str) -> None:
    """Lengths come from outside and are never believed."""
    with pytest.raises(BadInput, match=because):
        decode_request(*given)


def test_colons_in_texts_are_no_keys() -> None:
    """The quick look for keys that stand twice counts colons."""
    found = decode_request(body(id="a:b", parameters={"c:d": "e:f"}))

    assert "a:b" == found.id
    assert {"c:d": "e:f"} == found.parameters


def test_escapes_are_read_as_any_others() -> None:
    """A backslash only sends the text to the slower reader."""
    assert 'a"b' == decode_request(body(id='a"b')).id


class TestAnswering:
    """What was made, in the form that was asked for."""

    made = (
        Tensor("probability", np.array([0.25, 0.5], np.float32)),
        Tensor("margin", np.zeros(2, np.float32)),
    )

    def request(self, *outputs: Wanted, **parameters: bool) -> InferRequest:
        """A request that only asks."""
        return InferRequest((), outputs=outputs, parameters=parameters)

    def test_everything_is_json_unless_asked_otherwise(self) -> None:
        """The protocol's default."""
        chosen, binary = self.request().select(self.made)

        assert ["probability", "margin"] == [each.name for each in chosen]
        assert frozenset() == binary

    def test_outputs_come_in_the_order_asked_for(self) -> None:
        """And only those."""
        chosen, _ = self.request(Wanted("margin"), Wanted("probability")).select(self.made)

        assert ["margin", "probability"] == [each.name for each in chosen]

    def test_one_parameter_makes_all_outputs_raw(self) -> None:
        """`binary_data_output` of the request."""
        _, binary = self.request(binary_data_output=True).select(self.made)

        assert {"probability", "margin"} == binary

    def test_an_output_overrules_the_request(self) -> None:
        """`binary_data` of the output."""
        wanted = self.request(Wanted("probability"), Wanted("margin", binary=False), binary_data_output=True)

        _, binary = wanted.select(self.made)

        assert {"probability"} == binary

    def test_an_output_that_is_not_made_is_refused_by_name(self) -> None:
        """With the names of those that are."""
        with pytest.raises(BadInput, match=r"'contributions' is not made; .* probability, margin"):
            self.request(Wanted("contributions")).select(self.made)

    def test_a_flag_that_is_no_truth_value_is_refused(self) -> None:
        """1 is not true."""
        with pytest.raises(BadInput, match="contributions is 1, true or false"):
            InferRequest((), parameters={"contributions": 1}).flag("contributions")


class TestTaking:
    """A program takes exactly the inputs it knows."""

    features = Tensor("features", np.zeros((2, 25), np.float32))

    def test_the_inputs_come_in_the_order_asked_for(self) -> None:
        """Whatever their order in the request."""
        codes, days = Tensor("bse_code", ("500325",)), Tensor("prediction_date", ("2025-12-17",))

        assert (codes, days) == InferRequest((days, codes)).take(contract.BSE_CODE, contract.PREDICTION_DATE)

    @pytest.mark.parametrize(
        ("inputs", "because"),
        [
            ((), "inputs are none; features must be given"),
            ((features, Tensor("more", ("x",))), "inputs are features, more; features must be given"),
            ((Tensor("features", ("x",)),), "is BYTES, FP32 is needed"),
            ((Tensor("features", np.zeros((2, 24), np.float32)),), r"shape \[2, 24\], \[-1, 25\] is needed"),
            ((Tensor("features", np.zeros(25, np.float32)),), r"shape \[25\], \[-1, 25\] is needed"),
        ],
        ids=["none", "one more", "another type", "another width", "another dimension"],
    )
    def test_other_inputs_are_refused(self, inputs: tuple[Tensor, ...], because: str) -> None:
        """A tensor that is ignored is a caller's misunderstanding that nobody hears of."""
        with pytest.raises(BadInput, match=because):
            InferRequest(inputs).take(contract.FEATURES)


class TestAnswers:
    """Answers as the hop reads them."""

    answer = InferResponse(
        "upper-circuit",
        (Tensor("probability", np.array([0.1, 0.9], np.float32)),),
        "1.3.0",
        "42",
        {"requested_version": "1.3.0"},
    )

    def test_json_holds_no_null(self) -> None:
        """The protocol's schemas forbid it; the SDK's own answers are full of it."""
        bare = InferResponse("upper-circuit", (Tensor("p", np.array([0.5], np.float32)),))

        text, header_length = encode_response(bare)

        assert {
            "model_name": "upper-circuit",
            "outputs": [{"name": "p", "shape": [1], "datatype": "FP32", "data": [0.5]}],
        } == json.loads(text)
        assert header_length is None

    def test_raw_outputs_lie_behind_the_json(self) -> None:
        """And the header length is the JSON's."""
        text, header_length = encode_response(self.answer, binary={"probability"})

        assert struct.pack("<2f", 0.1, 0.9) == text[header_length:]
        assert {"binary_data_size": 8} == json.loads(text[:header_length])["outputs"][0]["parameters"]

    @pytest.mark.parametrize("binary", [(), ("probability",)], ids=["json", "raw"])
    def test_all_of_an_answer_comes_back(self, binary: tuple[str, ...]) -> None:
        """Version, id and parameters too."""
        found = decode_response(*encode_response(self.answer, binary=binary))

        assert ("upper-circuit", "1.3.0", "42") == (found.model_name, found.model_version, found.id)
        assert {"requested_version": "1.3.0"} == found.parameters
        assert [np.float32(0.1), np.float32(0.9)] == found.output(contract.PROBABILITY).values.tolist()  # type: ignore[union-attr]

    def test_an_answer_that_is_none_is_the_other_programs_fault(self) -> None:
        """Never BadInput: the caller of ours did nothing wrong."""
        with pytest.raises(BadAnswer, match="no answer in the Open Inference Protocol: the body is no JSON"):
            decode_response(b"<html>502</html>")

    def test_an_answer_without_the_output_is_told_by_its_name(self) -> None:
        """The other program made something else."""
        with pytest.raises(BadAnswer, match="no output 'margin'"):
            self.answer.output(contract.MARGIN)

    def test_an_output_of_another_shape_is_refused(self) -> None:
        """A probability a row, not a row a probability."""
        wrong = InferResponse("m", (Tensor("probability", np.zeros((1, 2), np.float32)),))

        with pytest.raises(BadAnswer, match=r"shape \[1, 2\], \[-1\] is needed"):
            wrong.output(contract.PROBABILITY)


def test_a_request_says_what_it_asks_for_as_the_protocol_writes_it() -> None:
    """Outputs with their parameters, inputs raw where asked."""
    asked = InferRequest(
        (Tensor("x", np.array([1], np.int32)),), "7", {"a": 1}, (Wanted("p"), Wanted("q", binary=True))
    )

    text, header_length = encode_request(asked, binary=True)

    assert {
        "id": "7",
        "parameters": {"a": 1},
        "inputs": [{"name": "x", "shape": [1], "datatype": "INT32", "parameters": {"binary_data_size": 4}}],
        "outputs": [{"name": "p"}, {"name": "q", "parameters": {"binary_data": True}}],
    } == json.loads(text[:header_length])


def test_an_infinity_is_not_sent_either() -> None:
    """As JSON it would become null, and null is a missing value."""
    with pytest.raises(ValueError, match=r"infinite at \[1\]"):
        Tensor("margin", np.array([0, -np.inf], np.float32))


def test_an_error_is_the_protocols_error_object() -> None:
    """One key, one sentence."""
    assert {"error": 'no "x"'} == json.loads(encode_error('no "x"'))
