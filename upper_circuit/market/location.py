"""
What may stand where a database is named: a folder, or the URL of a PostgreSQL.

An address that is neither, such as `postgres://user:password@host/db`, is a fine name for a folder as far as the file
system goes: the market would be loaded into a new SQLite file, and the password would stand in a folder's name.
"""

from __future__ import annotations

import re
from pathlib import Path

from upper_circuit.errors import BadInput

POSTGRESQL = ("postgresql://", "postgresql+psycopg://")
"""How the URL of a PostgreSQL begins."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")


def is_postgresql(location: str | Path) -> bool:
    """Whether this is the URL of a PostgreSQL; False for a folder. Raises BadInput, without a secret, for neither."""
    text = str(location)
    if text.startswith(POSTGRESQL):
        return True
    scheme = _SCHEME.match(text)  # also where a Path has made one slash of two
    if scheme is not None:
        raise BadInput(
            f"a database is a folder or begins with postgresql://; this one begins with {scheme[1]}:"
        )
    return False
