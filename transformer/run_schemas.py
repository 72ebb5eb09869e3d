"""What the API says of morning runs: the part of openapi.yaml that is about the ledger."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from transformer.schemas import Described

ShardState = Literal["open", "done", "failed", "skipped", "lost"]


class Run(Described):
    """A morning run in one line."""

    run_id: str
    run_date: date
    as_of: date | None
    """The newest session whose prices were used; null before the plan."""
    state: Literal["planned", "running", "done", "failed", "skipped"]
    """`failed` where a shard is missing, though the others' predictions are there; `skipped`: no session."""
    reason: str | None
    """Why it failed or was skipped."""
    notes: str | None
    """What the run was marked with: stale prices, tables not loaded."""
    model_type: str | None
    model_version: str | None
    data_version: int | None
    """The state of the market database that it was made from."""
    shards: dict[ShardState, int]
    """How many shards are in each state."""
    scored: int
    skipped: int
    """Stocks without a score."""
    started_at: datetime
    finished_at: datetime | None
    seconds: int | None
    """From the beginning to the report; null while it runs."""


class Runs(Described):
    """Runs, those begun last first."""

    runs: list[Run]


class VersionCount(Described):
    """How much of a date a model version has scored."""

    model_version: str | None
    predictions: int


class Shard(Described):
    """The part of a run's stocks that one process scores."""

    shard: int
    state: ShardState
    """`lost`: nobody said how it ended, and its time is over."""
    scored: int | None
    skipped: int | None
    seconds: dict[str, float]
    """By phase: features, model, write."""
    reason: str | None
    finished_at: datetime | None


class Attempt(Described):
    """One try at a shard."""

    token: int
    """Ascends; only the newest attempt at a shard may write."""
    shard: int
    worker: str
    """A pod's name, or host:pid."""
    state: Literal["running", "done", "failed", "interrupted", "fenced"]
    reason: str | None
    started_at: datetime
    finished_at: datetime | None


class RunDetail(Described):
    """A run with all that its ledger has."""

    run: Run
    model_versions: list[VersionCount]
    """Every version that has predictions of the date."""
    shards: list[Shard]
    attempts: list[Attempt]


class Session(Described):
    """A day of trade and what became of it."""

    day: date
    run: Run | None
    """The newest run of the date."""


class Sessions(Described):
    """The exchange's sessions of a span, oldest first."""

    sessions: list[Session]
