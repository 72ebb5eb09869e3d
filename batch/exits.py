"""
Exit codes, the only words a scheduler understands.

A failure that can never succeed must not be tried again, and one that may succeed must: whoever runs the batch (cron,
a Job's podFailurePolicy) decides by these numbers alone, so each has one meaning and its translation one place,
`batch/__main__.py`.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a run ended."""

    DONE = 0
    """Everything is written; also: no session on that day, which is recorded."""
    RETRY = 1
    """Something was not there or broke: stale prices, a database that is away, a defect. Again may help."""
    HOPELESS = 42
    """This shard can never succeed; others may."""
    NOTHING_CAN = 43
    """No shard can: model, schema, settings or usage."""
    INTERRUPTED = 75
    """Asked to stop, or replaced by a newer attempt, after saving what was done."""
