"""
Versions that compare as numbers.

Compared as text 1.10.0 comes before 1.9.0, and a registry that sorts so serves last year's model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from upper_circuit.errors import BadInput

_FORM = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True, order=True)
class ModelVersion:
    """MAJOR.MINOR.PATCH, ordered like the tuple of its numbers.

    Guaranteed: whole numbers from 0 to 999,999,999, and `ModelVersion.parse(str(version)) == version`.
    """

    major: int
    minor: int
    patch: int

    def __post_init__(self) -> None:
        for number in (self.major, self.minor, self.patch):
            if not 0 <= number <= 999_999_999:
                raise ValueError(f"{number} in a version: 0 to 999999999 are allowed")

    @classmethod
    def parse(cls, text: str) -> ModelVersion:
        """The version a text names; no `v` before it, no leading zeros, nothing after it."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise BadInput(f"{text!r} is no model version: three numbers with dots are wanted, such as 1.3.0")
        return cls(*(int(number) for number in match.groups()))

    def next_minor(self) -> ModelVersion:
        """What a training after this one is called."""
        return ModelVersion(self.major, self.minor + 1, 0)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


FIRST = ModelVersion(1, 0, 0)
"""What the first training into an empty registry is called."""
