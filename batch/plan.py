"""
What a run has agreed on before any stock is scored.

Shards that each read settings and data for themselves would score different lists against different medians. So one
of them makes the plan, stores it, and all read it from then on: who is scored by which shard, as of which session,
from which state of the data, against which cross-section, with which models, and what every output must be marked with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class Plan:
    """A run's decisions.

    Guaranteed: every code is in exactly one shard; there is at least one shard.
    """

    run_date: date
    as_of: date
    """The newest session whose prices are used."""
    data_version: int
    """State of the market database that plan and shards were made from."""
    model_type: str
    model_version: str
    f1: float | None
    """The model's own F1 at 0.5 on its test period; None without one."""
    shards: tuple[tuple[str, ...], ...]
    cross_section: str
    """`CrossSection` as its JSON text."""
    notes: tuple[str, ...]
    """What every output is marked with: stale prices, tables not loaded."""
    began: float
    """Seconds since 1970-01-01 UTC at which the run began."""
    other_version: str | None = None
    """A second model version that is scored in the same pass, on the same rows."""
    other_refused: str | None = None
    """Why a second version that was asked for is not."""

    def __post_init__(self) -> None:
        codes = self.codes
        if not self.shards or len(set(codes)) != len(codes):
            raise ValueError("a plan has at least one shard, and every stock in exactly one")

    @property
    def asides(self) -> tuple[str, ...]:
        """What people are told of the run; no prediction is marked with it."""
        return (f"no second model was scored: {self.other_refused}",) if self.other_refused else ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """Notes and asides: what the ledger says of the run."""
        return (*self.notes, *self.asides)

    @property
    def versions(self) -> tuple[str, ...]:
        """What is scored; the run's own version first."""
        return (self.model_version, *filter(None, [self.other_version]))

    @property
    def codes(self) -> tuple[str, ...]:
        """Everybody who is to be scored, shard by shard."""
        return tuple(code for shard in self.shards for code in shard)

    def to_bytes(self) -> bytes:
        """JSON; `from_bytes` gives an equal plan."""
        facts = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps(facts, default=date.isoformat, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, text: bytes) -> Plan:
        """The plan that `to_bytes` wrote."""
        facts: dict[str, Any] = json.loads(text)
        return cls(
            **{
                **facts,
                "run_date": date.fromisoformat(facts["run_date"]),
                "as_of": date.fromisoformat(facts["as_of"]),
                "shards": tuple(tuple(codes) for codes in facts["shards"]),
                "notes": tuple(facts["notes"]),
            }
        )


def deal(codes: Sequence[str], shards: int) -> tuple[tuple[str, ...], ...]:
    """Deal stocks to shards like cards, so that each gets as many large companies as the others.

    The rule depends on the order of `codes` and on nothing else (not on Python's hash, which differs by process).
    """
    return tuple(tuple(codes[first::shards]) for first in range(shards))
