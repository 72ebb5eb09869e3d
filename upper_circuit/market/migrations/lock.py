"""
One migrator at a time in a folder.

SQLite's own lock begins inside a file; here the file itself is being made. The lock is the operating system's, so it
ends with the process that holds it, however it ends.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file, waiting for whoever has it. The file stays: removing it would let two hold it."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
