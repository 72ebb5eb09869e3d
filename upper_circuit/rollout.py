"""
What a step of a rollout can be, said once: the command sends it, the API writes it down and shows it.

Nothing else of a rollout belongs to the domain: what is done to a cluster stands in the command line.
"""

from __future__ import annotations

from typing import Literal, get_args

Action = Literal["start", "promote", "abort", "rollback", "finish"]
ACTIONS: tuple[str, ...] = get_args(Action)
LONGEST = 500
"""Characters of a text of a step: who, from, to and why."""
