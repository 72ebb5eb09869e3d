"""Which model version a setting may ask for: one by its number, or the promoted one."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from upper_circuit.errors import BadInput
from upper_circuit.models.version import ModelVersion


def _version(value: str) -> str:
    return _parsed(value, "three numbers with dots such as 1.3.0 are allowed")


def _version_or_latest(value: str | None) -> str | None:
    if value is None or value == "latest":
        return None
    return _parsed(value, "latest, or three numbers with dots such as 1.3.0, is allowed")


def _parsed(value: str, allowed: str) -> str:
    try:
        return str(ModelVersion.parse(value))
    except (BadInput, ValueError):
        raise ValueError(allowed) from None


OneVersion = Annotated[str, AfterValidator(_version)]
"""A model version by its number."""
PreferredVersion = Annotated[str | None, AfterValidator(_version_or_latest)]
"""A model version by its number; None, also for `latest`: the promoted one."""
