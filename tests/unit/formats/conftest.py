"""What tests of files share: a way to read a text or bytes as if it lay on a disk."""

from collections.abc import Callable
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from upper_circuit.market import formats

TODAY = date(2025, 12, 18)
Reader = Callable[..., Any]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Write a content under a name that says nothing and read it; options go to `formats.read`."""
    folder = tmp_path_factory.mktemp("files")
    numbers = count()

    def read_content(content: str | bytes, *, name: str = "download", **options: Any) -> Any:
        path: Path = folder / f"{next(numbers)}" / name
        path.parent.mkdir()
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return formats.read(path, **{"today": TODAY} | options)

    return read_content
