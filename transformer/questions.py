"""
What may be asked, and the sentence for what may not.

The hot way in: a check by hand costs two microseconds where a pydantic model costs ten, and says what a person can
act on. The models in `schemas` describe the same language for the documentation; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from upper_circuit.errors import BadInput

MOST_ASKED = 100
"""Questions of one batch."""
_CODE = re.compile(r"[0-9]{6}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SYMBOL = re.compile(r"[A-Za-z0-9&_-]{1,20}(\.NS)?", re.IGNORECASE)
_FIELDS = frozenset({"bse_code", "nse_symbol", "prediction_date", "include_features", "include_shap"})


@dataclass(eq=False)
class Malformed(BadInput):
    """A question that cannot be understood; `bse_code` is what it has in that place, where that is a text."""

    reason: str
    bse_code: str | None = None

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class Question:
    """One stock on one morning.

    Guaranteed, where it came through `question_of`: six digits, a date, a symbol in capitals without `.NS`.
    """

    bse_code: str
    prediction_date: date
    nse_symbol: str | None = None
    include_features: bool = False
    include_shap: bool = False


def question_of(document: Any) -> Question:
    """The question in a JSON object; raises Malformed."""
    if not isinstance(document, dict):
        raise Malformed(f"a question is {_called(document)}, an object is needed")
    given = document.get("bse_code")
    told = given[:40] if isinstance(given, str) else None
    try:
        _require_known(document.keys())
        return Question(
            stock_code_of(_needed(document, "bse_code")),
            run_date_of(_needed(document, "prediction_date")),
            _symbol_of(document.get("nse_symbol")),
            _flag_of(document, "include_features"),
            _flag_of(document, "include_shap"),
        )
    except Malformed as error:
        error.bse_code = told
        raise


def questions_of(document: Any) -> list[Question | Malformed]:
    """The questions of a batch in their order, each or why it is none; Malformed where the list itself is wrong."""
    if not isinstance(document, list):
        raise Malformed(f"a batch is {_called(document)}, a list of questions is needed")
    if not 1 <= len(document) <= MOST_ASKED:
        raise Malformed(f"the batch has {len(document)} questions, 1 to {MOST_ASKED} are allowed")
    return [_question_or_why(each) for each in document]


def stock_code_of(value: Any) -> str:
    """The BSE code a text is."""
    if not isinstance(value, str) or _CODE.fullmatch(value) is None:
        raise Malformed(f"bse_code is {_shown(value)}, six digits as a text are needed, such as '500325'")
    return value


@lru_cache(maxsize=4096)
def _date_of(text: str) -> date | None:
    if _DATE.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def run_date_of(value: Any) -> date:
    """The date a text means."""
    found = _date_of(value) if isinstance(value, str) else None
    if found is None:
        raise Malformed(f"prediction_date is {_shown(value)}, a date such as '2024-11-14' is needed")
    return found


def _require_known(names: AbstractSet[str]) -> None:
    if not names <= _FIELDS:
        strange = min(names - _FIELDS)
        raise Malformed(f"the field {strange!r:.60} is not known; {', '.join(sorted(_FIELDS))} are")


def _symbol_of(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or _SYMBOL.fullmatch(value) is None:
        raise Malformed(
            f"nse_symbol is {_shown(value)}, a symbol such as 'RELIANCE' or 'RELIANCE.NS' is needed"
        )
    return value.upper().removesuffix(".NS")


def _flag_of(document: dict[str, Any], name: str) -> bool:
    value = document.get(name, False)
    if value is True or value is False:
        return bool(value)
    raise Malformed(f"{name} is {_shown(value)}, true or false is needed")


def _needed(document: dict[str, Any], name: str) -> Any:
    try:
        return document[name]
    except KeyError:
        raise Malformed(f"{name} is missing") from None


def _question_or_why(document: Any) -> Question | Malformed:
    try:
        return question_of(document)
    except Malformed as error:
        return error


def _shown(value: Any) -> str:
    return f"{value!r:.60}" if isinstance(value, str | int | float | None) else _called(value)


def _called(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", type(None): "null", bool: "true or false"}
    return names.get(type(value), "a number")
