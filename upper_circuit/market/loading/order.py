"""
In which order files that come together are loaded.

The shell lists them by name, which says nothing: prices need the list of stocks that says whose they are, each day of
prices is quick to load as the newest, and of two files of one day the correction must come last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from upper_circuit.errors import FileRefused
from upper_circuit.market.formats import MasterFile, NseListingsFile, ParsedFile, PriceFile


class Turn(NamedTuple):
    """When a file's turn is; turns sort."""

    kind: int
    day: date = date.min
    exchange: str = ""
    modified_ns: int = 0
    name_length: int = 0
    """Of files with equal times the longer name is the later: a browser that loads X.csv again calls it `X (1).csv`."""
    path: Path = Path()

    def is_replaced_by(self, other: Turn) -> bool:
        """Whether the other file has prices of the same day and exchange."""
        return bool(self.exchange) and self[:3] == other[:3]


def in_order(paths: Sequence[Path], read: Callable[[Path], ParsedFile]) -> list[Turn]:
    """Lists of stocks first, then prices by day, then the rest; of one day or kind the file that was changed last is last.

    A file that `read` refuses comes first: it is refused again when its turn is, and then reported.
    """
    if len(paths) == 1:
        return [Turn(0, path=paths[0])]
    return sorted(_turn(path, read) for path in paths)


def _turn(path: Path, read: Callable[[Path], ParsedFile]) -> Turn:
    try:
        file, modified_ns = read(path), path.stat().st_mtime_ns
    except (FileRefused, OSError):
        return Turn(0, path=path)
    if isinstance(file, PriceFile):
        return Turn(3, file.trade_date, file.exchange, modified_ns, len(path.name), path)
    kind = {MasterFile: 1, NseListingsFile: 2}.get(type(file), 4)
    return Turn(kind, modified_ns=modified_ns, name_length=len(path.name), path=path)
