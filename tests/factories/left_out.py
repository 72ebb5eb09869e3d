"""The command as in an image that lacks some packages: `python -c THIS a,b.c WORDS...`."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from typing import Any

names = sys.argv.pop(1).split(",")


class LeftOut(MetaPathFinder):
    """Finds nothing of the packages named, and leaves all others to the other finders."""

    def find_spec(self, name: str, *_: Any) -> None:
        """As Python does where a package is not installed."""
        if any(f"{name}.".startswith(f"{left_out}.") for left_out in names):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


if __name__ == "__main__":
    sys.meta_path.insert(0, LeftOut())

    from cli.__main__ import main

    main()
