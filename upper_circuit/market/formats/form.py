"""
A format as the reader knows it: the header that tells it, and the function that believes its rows.

Names of files change with every tool that stores them; the first line does not. Exchange formats are known by their
exact header, so that a column added or gone is refused with its name and never read as its neighbour; the users' own
tables by the columns they must have, in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from upper_circuit.errors import FileRefused
from upper_circuit.market.days import moment_of
from upper_circuit.market.formats.archive import Content
from upper_circuit.market.formats.rows import Dropped, ParsedFile
from upper_circuit.market.formats.table import Table, Texts, csv_table

STOCK = ("bse_code", "nse_symbol")
"""A user's table names its stocks by at least one of these."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the caller knows and the file may lack. `announced_at`: the moment a list without times became public."""

    today: date
    trade_date: date | None = None
    announced_at: int | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """One form of a file.

    `columns` are lower case. `exact`: these and no others, in this order; otherwise these at least, and where
    `by_stock` also bse_code or nse_symbol. `take_apart` makes the table of a text; Parquet comes as a table.
    """

    title: str
    columns: Texts
    parse: Callable[[Table, Given], ParsedFile]
    exact: bool = True
    by_stock: bool = False
    take_apart: Callable[[Content, str], Table] = csv_table

    def matches(self, header: Texts) -> bool:
        """Whether a file with this header is of this form."""
        if self.exact:
            return header == self.columns
        return set(self.columns) <= set(header) and (not self.by_stock or not set(STOCK).isdisjoint(header))

    def __str__(self) -> str:
        shown = ",".join(self.columns[:3]) + (",..." if len(self.columns) > 3 else "")
        return f"{self.title} ({shown})"


class Leftovers:
    """Collects the rows that are left out, by reason, in the order in which the reasons came up."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, reason: str, name: str) -> None:
        """Count one row."""
        self._names.setdefault(reason, []).append(name)

    def all(self) -> tuple[Dropped, ...]:
        """What was left out so far."""
        return tuple(Dropped(reason, tuple(names)) for reason, names in self._names.items())


def stated_moment(table: Table, given: Given) -> int:
    """The caller's moment for a list that has none; refused without it, and after today."""
    if given.announced_at is None:
        reason = "says nowhere when it became public; give the time (announced_at) it was published"
        raise FileRefused(table.content.where, reason)
    if given.announced_at >= moment_of(datetime.combine(given.today + timedelta(days=1), time())):
        raise FileRefused(table.content.where, f"is said to be public only after today ({given.today})")
    return given.announced_at
