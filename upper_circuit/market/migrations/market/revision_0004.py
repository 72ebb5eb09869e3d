"""Nothing changes here: both halves have the same number, so that one number says what a database is."""

from __future__ import annotations

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Leave everything as it is."""
