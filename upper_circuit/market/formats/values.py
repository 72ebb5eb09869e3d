"""
From the words of a file to numbers, days and moments, exactly or not at all.

A price read through binary floating point misses its own circuit limit; a time without zone is Indian; a date alone
is no time. Each function turns one column into values and refuses the first cell that is not what it should be, with
its line, field and text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from upper_circuit.market.days import Moments, date_of, day_of, ist_day, moment_of
from upper_circuit.market.formats.rows import Whole
from upper_circuit.market.formats.table import Table, Texts

MISSING = frozenset({"", "-"})
"""How exchange files write that there is no value."""
EARLIEST = date(1990, 1, 1)
"""Before this no exchange of India traded on screens: an earlier day is a slip."""

LATEST = date(2100, 1, 1)
"""A day after this is a slip too."""

_PRICE = re.compile(r"-?(?:[0-9]{1,7}(?:\.[0-9]{0,2}0*)?|\.[0-9]{1,2}0*)")
_COUNT = re.compile(r"[0-9]{1,15}(?:\.0*)?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,20}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")  # never infinite
_CODE = re.compile(r"[0-9]{6}")
_ISIN = re.compile(r"IN[A-Z0-9]{9}[0-9]")
_NAMED_MONTH = re.compile(r"([0-9]{1,2})[- ]([A-Za-z]{3})[- ]([0-9]{4}|[0-9]{2})")
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTHS = {name: month for month, name in enumerate(_MONTH_NAMES, start=1)}


def paise(table: Table, name: str) -> Whole:
    """Prices of at most two decimals and below Rs 1 crore, as whole paise. No price is refused."""
    return _paise(table, name, table.texts(name))


def optional_paise(table: Table, name: str) -> tuple[int | None, ...]:
    """`paise` where a missing price, or one of 0, is None."""
    column = tuple("0" if text in MISSING else text for text in table.texts(name))
    return tuple(value or None for value in _paise(table, name, column).tolist())


def _paise(table: Table, name: str, column: Texts) -> Whole:
    _all_match(table, name, column, _PRICE, "is no price in rupees with at most two decimals")
    rupees = np.fromiter(map(float, column), dtype=np.float64, count=len(column))
    # Below 1e7 rupees the product is off by far less than half a paisa, so rounding gives the decimal itself.
    return np.rint(rupees * 100).astype(np.int64)


def counts(table: Table, name: str) -> Whole:
    """Whole numbers >= 0."""
    column = table.texts(name)
    _all_match(table, name, column, _COUNT, "is no whole number")
    return np.fromiter((int(text.partition(".")[0]) for text in column), dtype=np.int64, count=len(column))


def optional_counts(table: Table, name: str) -> tuple[int | None, ...]:
    """Whole numbers >= 0, None where missing."""
    column = table.texts(name)
    allowed = "is neither a whole number nor -"
    _all_match(table, name, column, _COUNT, allowed, blank=True)
    return tuple(None if text in MISSING else int(text.partition(".")[0]) for text in column)


def numbers(table: Table, name: str) -> tuple[float | None, ...]:
    """Finite numbers, None where missing."""
    column = table.columns[name]
    if isinstance(column, np.ndarray):
        first(table, np.isinf(column), lambda _: "is no finite number", name)
        return tuple(None if math.isnan(value) else value for value in column.astype(np.float64).tolist())
    texts = table.texts(name)
    _all_match(table, name, texts, _NUMBER, "is no number", blank=True)
    return tuple(None if text in MISSING else float(text) for text in texts)


def codes(table: Table, name: str) -> Texts:
    """BSE codes: exactly 6 digits."""
    column = table.texts(name)
    _all_match(table, name, column, _CODE, "is no BSE code of 6 digits")
    return column


def optional_codes(table: Table, name: str) -> tuple[str | None, ...]:
    """BSE codes, None where missing or where the file has no such column."""
    if name not in table:
        return (None,) * len(table)
    column = table.texts(name)
    _all_match(table, name, column, _CODE, "is no BSE code of 6 digits", blank=True)
    return tuple(None if text in MISSING else text for text in column)


def optional_texts(table: Table, name: str) -> tuple[str | None, ...]:
    """Text, None where missing or where the file has no such column."""
    if name not in table:
        return (None,) * len(table)
    return tuple(None if text in MISSING else text for text in table.texts(name))


def isins(table: Table, name: str) -> Texts:
    """ISINs of India, "" where missing; NA and 0 stand for missing too."""
    column = tuple("" if text in ("NA", "0") or text in MISSING else text for text in table.texts(name))
    _all_match(table, name, column, _ISIN, "is no ISIN of India (IN and 10 characters)", blank=True)
    return column


def names(table: Table, name: str) -> Texts:
    """Symbols and tickers: printable ASCII, never empty."""
    column = table.texts(name)
    for row, text in enumerate(column):
        if not (text and text.isascii() and text.isprintable()):
            raise table.refused("is no symbol", row, name)
    return column


def dates(table: Table, name: str) -> tuple[date, ...]:
    """Days written 2025-12-17, 17-Dec-2025 or 17-Dec-25; in Parquet the day on which a moment falls in India."""
    typed = _typed_moments(table, name)
    if typed is not None:
        days = ist_day(typed)
        slip = (days < day_of(EARLIEST)) | (days > day_of(LATEST))
        first(table, slip, lambda _: f"lies outside {EARLIEST}..{LATEST}", name)
        return tuple(date_of(day) for day in days.tolist())
    known: dict[str, date] = {}
    return tuple(
        known.get(text) or known.setdefault(text, _checked_day(table, name, row, text))
        for row, text in enumerate(table.texts(name))
    )


def _checked_day(table: Table, name: str, row: int, text: str) -> date:
    day = day_from(text)
    if day is None or not EARLIEST <= day <= LATEST:
        raise table.refused("is no day like 2025-12-17 or 17-Dec-2025", row, name)
    return day


def day_from(text: str) -> date | None:
    """The day that a text writes; None: it writes none. Months are English whatever the machine's language."""
    try:
        iso = _ISO_DAY.fullmatch(text)
        if iso:
            return date(int(iso[1]), int(iso[2]), int(iso[3]))
        named = _NAMED_MONTH.fullmatch(text)
        if named:
            year = int(named[3]) + (2000 if len(named[3]) == 2 else 0)
            return date(year, _MONTHS.get(named[2].upper(), 0), int(named[1]))
    except ValueError:
        return None
    return None


def moments(table: Table, name: str, today: date) -> Moments:
    """Times not after today; one without zone is Asia/Kolkata. A day alone is refused: it would be known too early."""
    typed = _typed_moments(table, name)
    found = _text_moments(table, name) if typed is None else typed
    days = ist_day(found)
    for wrong, reason in (
        (days > day_of(today), f"lies in the future (today is {today})"),
        (days < day_of(EARLIEST), f"lies before {EARLIEST}"),
    ):
        if wrong.any():
            raise table.refused(reason, int(np.argmax(wrong)), name)
    return found


def _typed_moments(table: Table, name: str) -> Moments | None:
    """The moments of a Parquet column; None: the column is text."""
    column = table.columns[name]
    if not isinstance(column, np.ndarray):
        return None
    if column.dtype != np.int64:
        raise table.refused("holds numbers where times are needed", field=name)
    return column.astype(np.int64)


def _text_moments(table: Table, name: str) -> Moments:
    found = (_moment(table, name, row, text) for row, text in enumerate(table.texts(name)))
    return np.fromiter(found, dtype=np.int64, count=len(table))


def _moment(table: Table, name: str, row: int, text: str) -> int:
    day, _, clock = text.partition(" ")
    named = day_from(day) if clock else None
    try:
        if len(text) > len("2025-12-17"):
            return moment_of(datetime.fromisoformat(f"{named} {clock}" if named else text))
    except (ValueError, OverflowError):
        pass
    raise table.refused("is no time like 2025-12-17 18:05:00", row, name)


def first(table: Table, wrong: npt.NDArray[np.bool_], reason: Callable[[int], str], field: str) -> None:
    """Refuse the first row that a mask marks as wrong."""
    if wrong.any():
        row = int(np.argmax(wrong))
        raise table.refused(reason(row), row, field)


def _all_match(
    table: Table, name: str, column: Texts, pattern: re.Pattern[str], reason: str, *, blank: bool = False
) -> None:
    if all(map(pattern.fullmatch, column)):
        return
    for row, text in enumerate(column):
        if not (pattern.fullmatch(text) or (blank and text in MISSING)):
            raise table.refused(reason, row, name)
