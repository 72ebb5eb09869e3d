"""Questions that can be understood, and the sentence for those that cannot."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from transformer.bodies import read_json
from transformer.questions import Malformed, Question, question_of, questions_of
from upper_circuit.errors import BadInput

RIGHT: dict[str, Any] = {"bse_code": "500325", "prediction_date": "2024-11-14"}


def test_a_question_has_a_stock_and_a_morning() -> None:
    """The rest is off unless asked for."""
    assert Question("500325", date(2024, 11, 14)) == question_of(RIGHT)


def test_all_of_it_may_be_said() -> None:
    """Symbols are told in capitals without .NS."""
    asked = {**RIGHT, "nse_symbol": "m&m.ns", "include_features": True, "include_shap": True}

    found = question_of(asked)

    assert Question("500325", date(2024, 11, 14), "M&M", include_features=True, include_shap=True) == found


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"bse_code": 500325}, "bse_code is 500325, six digits as a text are needed"),
        ({"bse_code": "500325\n"}, "bse_code is"),
        ({"bse_code": ["500325"]}, "bse_code is a list"),
        ({"prediction_date": "14-11-2024"}, "prediction_date is '14-11-2024'"),
        ({"prediction_date": "2024-11-31"}, "prediction_date is '2024-11-31'"),
        ({"prediction_date": "20241114"}, "a date such as"),
        ({"prediction_date": "2024-W46-4"}, "a date such as"),
        ({"prediction_date": 20241114}, "a date such as"),
        ({"prediction_date": None}, "prediction_date is None"),
        ({"nse_symbol": ""}, "nse_symbol is ''"),
        ({"nse_symbol": "A" * 21}, "nse_symbol"),
        ({"nse_symbol": 7}, "nse_symbol is 7"),
        ({"include_features": "yes"}, "include_features is 'yes', true or false is needed"),
        ({"include_shap": None}, "include_shap is None"),
        ({"include_shap": 1}, "include_shap is 1"),
        ({"include_shapp": True}, "the field 'include_shapp' is not known"),
    ],
)
def test_what_cannot_be_understood_is_told(change: dict[str, Any], told: str) -> None:
    """Which field, what was found, what is needed."""
    with pytest.raises(Malformed, match=told.replace("(", "\\(")):
        question_of({**RIGHT, **change})


@pytest.mark.parametrize("missing", ["bse_code", "prediction_date"])
def test_both_are_needed(missing: str) -> None:
    """And the one that is not there is named."""
    with pytest.raises(Malformed, match=f"{missing} is missing"):
        question_of({name: value for name, value in RIGHT.items() if name != missing})


def test_a_fault_keeps_the_code_that_was_asked_for() -> None:
    """So that a batch's error can be told from its neighbours'; never more of it than a code may be."""
    found = questions_of([{"bse_code": "500325"}, {"bse_code": "x" * 1000}, {"bse_code": 7}, 8])

    assert ["500325", "x" * 40, None, None] == [each.bse_code for each in found]


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({}, "an object"),
        ([], "has 0"),
        ([RIGHT] * 101, "has 101"),
        ("a", "a text"),
        (None, "null"),
        (True, "true"),
    ],
)
def test_a_batch_is_a_list_of_1_to_100(document: Any, told: str) -> None:
    """Else the request as a whole is unusable."""
    with pytest.raises(Malformed, match=told):
        questions_of(document)


class TestJson:
    """A document means one thing, or is refused."""

    @pytest.mark.parametrize(
        "body",
        [b'{"a": "x:y", "b:c": [1, {"d": ":"}]}', rb'{"a\"": ":", "\u0061": 1}', b"[]", b'"text"', b" 7 "],
    )
    def test_colons_elsewhere_do_no_harm(self, body: bytes) -> None:
        """What the standard library reads, is read."""
        import json

        assert json.loads(body) == read_json(body)

    @pytest.mark.parametrize(
        "body",
        [
            b'{"a": 1, "a": 1}',
            rb'{"a": 1, "\u0061": 2}',
            b'[{"b": {"a": 1, "c": 2, "a": 3}}]',
            b'{"a:": 1, "a:": 2}',
        ],
    )
    def test_a_key_twice_is_refused(self, body: bytes) -> None:
        """Whichever value were taken, somebody would have meant the other."""
        with pytest.raises(BadInput, match="stands twice"):
            read_json(body)

    @pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"{'a': 1}", b"NaN", b'{"a": 1} x'])
    def test_what_is_no_json_is_refused(self, body: bytes) -> None:
        """With the parser's own reason."""
        with pytest.raises(BadInput, match="JSON"):
            read_json(body)

    @pytest.mark.parametrize("depth", [1000, 1020])
    def test_nesting_that_the_parser_bears_does_not_break_us(self, depth: int) -> None:
        """Its limit is 1,024 levels, our own stack's is less."""
        body = b'{"a": ' + b"[" * depth + b"]" * depth + b"}"

        with pytest.raises(BadInput, match="JSON is nested too deep"):
            read_json(body)
