"""
Questions to the API from the command line.

The commands of people read the ledger through the API and never through the database: whoever may look at runs need
not have the password of what they are written in.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from upper_circuit.errors import BadInput, UpperCircuitError

_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    body: bytes


Ask = Callable[[str], Answer]
"""GET of a path; raises UpperCircuitError when nobody answers."""


class ApiAway(UpperCircuitError):
    """Nobody answered."""


@dataclass(eq=False)
class ApiRefused(UpperCircuitError):
    """The API answered with an error."""

    status: int
    code: str
    message: str

    def __str__(self) -> str:
        return self.message


def ask_at(url: str) -> Ask:
    """Ask at an address."""
    if not url.startswith(("http://", "https://")):
        raise BadInput(f"--url {url}: http:// or https:// is needed")

    def ask(path: str) -> Answer:
        try:
            with urllib.request.urlopen(url.rstrip("/") + path, timeout=_SECONDS) as response:  # noqa: S310
                return Answer(response.status, response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read())
        except OSError as error:
            raise ApiAway(f"{url} does not answer: {error}") from error

    return ask


def read(ask: Ask, path: str) -> Any:
    """The document at a path; raises ApiRefused with the API's own sentence."""
    answer = ask(path)
    try:
        told = json.loads(answer.body)
    except ValueError:
        raise ApiRefused(
            answer.status, "NO_JSON", f"status {answer.status} without JSON: is this the API?"
        ) from None
    if answer.status != 200:
        named = told if isinstance(told, dict) else {}
        code, message = named.get("error", "UNKNOWN"), named.get("message", f"status {answer.status}")
        raise ApiRefused(answer.status, code, message)
    return told
