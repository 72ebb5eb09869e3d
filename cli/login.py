"""Who types: what audits and logs say of whoever promoted a model or moved traffic."""

from __future__ import annotations

import getpass


def login() -> str:
    """The name of the user of this process; `unknown` where a container's user has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
