"""
A file as named columns of text, each cell still knowing the line it stands on.

Every refusal must say file, line, field and value, so cells are never separated from their place before they have
been checked. Here a file is only taken apart: what its words mean is the business of `values` and of each format.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import StringIO
from itertools import compress

import numpy as np
import numpy.typing as npt

from upper_circuit.errors import FileRefused
from upper_circuit.market.formats.archive import Content

Texts = tuple[str, ...]
Column = Texts | npt.NDArray[np.float64] | npt.NDArray[np.int64]
"""Text of a CSV cell or a Parquet string; of Parquet also numbers (NaN: none) and moments (seconds since epoch UTC)."""

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")
_BLANKS = re.compile(r"[\s\u00a0]+")


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows by column.

    Guaranteed: all columns are as long as `lines`. `columns` is keyed by the lower-case heading; `headings` gives it
    as the file spells it. `lines[i]` is the line of row i (in Parquet: the row, from 1).
    """

    content: Content
    headings: Mapping[str, str]
    columns: Mapping[str, Column]
    lines: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.lines)

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def texts(self, name: str) -> Texts:
        """A column of text, blanks around it cut off."""
        column = self.columns[name]
        if isinstance(column, np.ndarray):
            raise self.refused("holds numbers where text is needed", field=name)
        return tuple(map(str.strip, column))

    def keep(self, rows: npt.NDArray[np.bool_]) -> Table:
        """The rows that a mask names."""
        if rows.all():
            return self
        chosen = rows.tolist()
        picked: dict[str, Column] = {
            name: column[rows] if isinstance(column, np.ndarray) else tuple(compress(column, chosen))
            for name, column in self.columns.items()
        }
        return Table(self.content, self.headings, picked, self.lines[rows])

    def refused(self, reason: str, row: int | None = None, field: str | None = None) -> FileRefused:
        """The error that names this file and, where given, the line and the cell."""
        if row is None:
            heading = "" if field is None else f"column {self.headings.get(field, field)} "
            return FileRefused(self.content.where, heading + reason)
        line = int(self.lines[row])
        if field is None:
            return FileRefused(self.content.where, reason, line)
        value = str(self.columns[field][row]).strip()
        return FileRefused(self.content.where, reason, line, self.headings.get(field, field), value)


def decode(content: Content) -> str:
    """The text of a file: UTF-8 with or without a mark at its start, else Latin-1; refused where it is no text."""
    if not content.data.strip():
        raise FileRefused(content.where, "is empty")
    try:
        text = content.data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.data.decode("latin-1")
    control = _CONTROL.search(text)
    if control:
        line = text.count("\n", 0, control.start()) + 1
        raise FileRefused(content.where, "is no text: it holds bytes that no exchange file has", line)
    if text.lstrip().startswith("<"):
        reason = (
            "is a web page, not an exchange file (exchanges answer so when they have no file of that day)"
        )
        raise FileRefused(content.where, reason, 1)
    return text


def squeezed(text: str) -> str:
    """Text with every run of blanks as one, none around it."""
    return _BLANKS.sub(" ", text).strip()


def header_of(text: str) -> Texts:
    """The headings of the first line, lower case, squeezed, without the empty one that a trailing comma makes."""
    first = text.lstrip("\ufeff").split("\n", 1)[0].rstrip("\r")
    try:
        cells = next(csv.reader([first], skipinitialspace=True), [])
    except csv.Error:
        cells = [first]
    if len(cells) > 1 and not cells[-1].strip():
        cells = cells[:-1]
    return tuple(squeezed(cell).lower() for cell in cells)


def csv_table(content: Content, text: str) -> Table:
    """Take apart a CSV whose every line has as many cells as its header."""
    rows, lines = _rows(content, text)
    header = rows[0]
    if len(rows) == 1:
        raise FileRefused(content.where, "has a header and no rows", lines[0])
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            reason = f"has {len(row)} columns where the header has {len(header)}"
            if line == lines[-1] and not text.endswith("\n"):
                reason += ": the file is cut off here"
            raise FileRefused(content.where, reason, line)
    columns = zip(*rows, strict=True)
    return named_columns(content, ((column[0], column[1:]) for column in columns), lines[1:])


def named_columns(content: Content, columns: Iterable[tuple[str, Column]], lines: Iterable[int]) -> Table:
    """A table of columns and the lines their cells stand on; a column without a heading holds nothing."""
    headings: dict[str, str] = {}
    cells: dict[str, Column] = {}
    for heading, column in columns:
        name = squeezed(heading).lower()
        if not name:
            continue
        if name in cells:
            raise FileRefused(content.where, f"has two columns {squeezed(heading)}", 1)
        headings[name] = squeezed(heading)
        cells[name] = column
    return Table(content, headings, cells, np.fromiter(lines, dtype=np.int64))


def _rows(content: Content, text: str) -> tuple[list[list[str]], list[int]]:
    """Rows that hold anything, with the line on which each ends."""
    rows: list[list[str]] = []
    lines: list[int] = []
    reader = csv.reader(StringIO(text, newline=""), strict=True, skipinitialspace=True)
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip(" \t\x1a")):
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise FileRefused(content.where, f"is no proper CSV: {error}", reader.line_num) from error
    return rows, lines
