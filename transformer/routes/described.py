"""
Examples of errors by status: what openapi.yaml shows beside each route.

One table, so that a code that can be answered cannot be forgotten; a test compares it with `errors`.
"""

from __future__ import annotations

from typing import Any

from fastapi.routing import APIRoute

from transformer.errors import INTERNAL
from transformer.protocol_schemas import ProtocolError
from transformer.routes.examples import ANSWERS
from transformer.schemas import Error

Responses = dict[int | str, dict[str, Any]]

_SENTENCES: dict[int, dict[str, str]] = {
    400: {
        "INVALID_REQUEST": "bse_code is '50032', six digits as a text are needed, such as '500325'",
        "NOT_A_SESSION": "2024-11-15 is no session, next is 2024-11-18",
        "SYMBOL_MISMATCH": "stock 500325 has the NSE symbol RELIANCE, TCS was given, TCS is 532540",
    },
    401: {"UNAUTHORIZED": "a bearer token is needed: Authorization: Bearer"},
    403: {"ADMIN_OFF": "admin routes are off: ADMIN_TOKEN is not set"},
    404: {
        "STOCK_NOT_FOUND": "stock 999999 is not in master_stock_list",
        "NOTHING_RECORDED": "no predictions of 2024-11-14; `python -m batch --date YYYY-MM-DD` makes the list of a morning",
        "NOT_FOUND": "there is no /api/v1/predict/",
    },
    405: {"METHOD_NOT_ALLOWED": "GET is not allowed here"},
    408: {"BODY_LATE": "the body did not arrive within 10 s"},
    413: {"BODY_TOO_LARGE": "the body has 10,485,760 bytes or more, 65,536 are allowed"},
    415: {"UNSUPPORTED_MEDIA_TYPE": "content type 'text/plain': application/json is allowed"},
    422: {
        "FEATURES_UNAVAILABLE": "no features for 543257 on 2024-11-14: SHORT_HISTORY (12 own bars, 60 are needed)",
        "DATA_NOT_YET_AVAILABLE": "prices of 2024-11-13 are needed for 2024-11-14; the newest loaded are of 2024-11-12",
        "PRICES_STALE": "PRICES_STALE: 41.0% of the stocks that traded lately have a bar of 2024-11-13, 90.0% are needed",
        "TABLE_MISSING": "table quarterly_results holds nothing that is known for 2024-11-14",
        "DATA_UNAVAILABLE": "no prices before 1994-11-03 are loaded",
    },
    429: {"RATE_LIMITED": "too many requests from this address, retry in 1s"},
    500: {"INTERNAL_ERROR": INTERNAL},
    502: {
        "PREDICTOR_BAD_ANSWER": "the predictor gave 3 probability for 4 rows",
        "PREDICTOR_DISAGREES": "the predictor refused the features: feature fingerprint 5f1c was given, the model needs 90ab",
        "RELOAD_FAILED": "1 of 2 replicas did not reload",
    },
    503: {
        "MODEL_LOADING": "Model loading, retry in 5s",
        "MODEL_UNAVAILABLE": "no usable XGBoost model: no version is promoted",
        "PREDICTOR_UNAVAILABLE": "the predictor cannot answer now: connection refused",
        "DATABASE_UNAVAILABLE": "the market database was not read yet",
        "NOT_READY": "shutting down",
    },
    504: {"PREDICTOR_TIMEOUT": "the predictor did not answer in time"},
}
EXAMPLES = {
    code: (status, sentence) for status, codes in _SENTENCES.items() for code, sentence in codes.items()
}
"""Code -> status and an example of its sentence."""

EVERYWHERE = ("RATE_LIMITED", "BODY_TOO_LARGE", "INTERNAL_ERROR")
ASKING = ("INVALID_REQUEST", "NOT_A_SESSION", "STOCK_NOT_FOUND", "FEATURES_UNAVAILABLE", *(
    "DATA_NOT_YET_AVAILABLE", "PRICES_STALE", "TABLE_MISSING", "DATA_UNAVAILABLE", "DATABASE_UNAVAILABLE",
))  # fmt: skip
SCORING = (
    "MODEL_LOADING",
    "PREDICTOR_UNAVAILABLE",
    "PREDICTOR_BAD_ANSWER",
    "PREDICTOR_DISAGREES",
    "PREDICTOR_TIMEOUT",
)

_CORRELATION = {"X-Correlation-ID": {"$ref": "#/components/headers/X-Correlation-ID"}}
_RETRY = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}


def name_of(route: APIRoute) -> str:
    """The operation's id: what the function is called."""
    return route.name


def components() -> dict[str, Any]:
    """What the routes below refer to: an example of every error in both forms, and the headers."""
    examples: dict[str, Any] = {name: {"value": value} for name, value in ANSWERS.items()}
    for code, (_, sentence) in EXAMPLES.items():
        examples[code] = {"summary": sentence, "value": _example(code, sentence)}
        examples[f"V2_{code}"] = {"summary": sentence, "value": {"error": sentence}}
    return {
        "examples": dict(sorted(examples.items())),
        "headers": {
            "X-Correlation-ID": {
                "description": "The id that came in, or was made.",
                "schema": {"type": "string"},
            },
            "X-Run-ID": {"description": "The run that left it.", "schema": {"type": "string"}},
            "Retry-After": {
                "description": "Seconds after which asking again makes sense.",
                "schema": {"type": "integer"},
            },
        },
    }


def errors(*codes: str, model: type = Error, protocol: bool = False) -> Responses:
    """The `responses` of a route that may answer these codes, with an example of each."""
    found: Responses = {}
    for code in dict.fromkeys((*codes, *EVERYWHERE)):
        status, _ = EXAMPLES[code]
        entry = found.setdefault(
            status,
            {
                "model": ProtocolError if protocol else model,
                "description": "",
                "headers": {**_CORRELATION, **(_RETRY if status in (429, 503) else {})},
                "content": {"application/json": {"examples": {}}},
            },
        )
        entry["description"] = ", ".join(filter(None, [entry["description"], code]))
        name = f"V2_{code}" if protocol else code
        entry["content"]["application/json"]["examples"][code] = {"$ref": f"#/components/examples/{name}"}
    return dict(sorted(found.items()))


def answer(model: Any, example: str, *, status: int = 200, what: str = "The answer.") -> Responses:
    """The `responses` entry of a route's answer; `example` is a name in `ANSWERS`."""
    content = {"examples": {"answer": {"$ref": f"#/components/examples/{example}"}}}
    return {
        status: {
            "model": model,
            "description": what,
            "headers": _CORRELATION,
            "content": {"application/json": content},
        }
    }


def _example(code: str, sentence: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "error": code,
        "message": sentence,
        "bse_code": "500325" if code in (*ASKING, "SYMBOL_MISMATCH") else None,
        "timestamp": "2024-11-14T01:31:12.104512Z",
        "correlation_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }
    return {**told, "reason": "SHORT_HISTORY"} if code == "FEATURES_UNAVAILABLE" else told
