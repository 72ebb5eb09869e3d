"""
Who the stocks are: our own master list and BSE's list of scrips, both keyed by BSE code.

The code is the only name a stock keeps for life, so a code that is malformed or stands for two stocks is refused. BSE's
list also holds preference shares (left out) and repeats some rows word for word (kept once); it says nothing of NSE,
bands or market value, and a column a list does not have must not erase what another list said: `columns` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from upper_circuit.market.formats import values
from upper_circuit.market.formats.form import Format, Given, Leftovers
from upper_circuit.market.formats.rows import MasterFile, MasterRow
from upper_circuit.market.formats.table import Table, Texts

TITLE = "master stock list"
SCRIPS_TITLE = "BSE list of scrips"
STATUSES = ("ACTIVE", "SUSPENDED", "DELISTED", "OTHER")
NO_BAND = "No Band"

_SCRIPS_2025 = (
    "SCRIP_CODE,NAME,Security_Id,Security Name,Status,Group,Face Value,ISIN No,Industry,Instrument,Sector Name,"
    "Industry New Name,Igroup Name,ISubgroup Name"
)
_SCRIPS_2024 = (
    "Security Code,Issuer Name,Security Id,Security Name,Status,Group,Face Value,ISIN No,Industry,Instrument,Sector Name,"
    "Industry New Name,Igroup Name,ISubgroup Name"
)
_SCRIP_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "bse_id": "security_id",
        "bse_group": "group",
        "face_value": "face value",
        "isin": "isin no",
        "sector": "sector name",
        "industry": "industry new name",
    }
)
_PREFERENCE = "Preference Shares"
_NO_ISIN = values.MISSING | {"NA", "0"}
_AGAIN = "the same row again"


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which column of a list holds what; `columns` by field of MasterRow."""

    title: str
    code: str
    company: str
    columns: Mapping[str, str]
    band: str | None = None


def parse(table: Table, given: Given) -> MasterFile:
    """Our own layout: bse_code, company_name and status, and any of the other fields of MasterRow.

    A column whose name begins with nse_band holds the band in percent, or "No Band".
    """
    del given
    own = {
        name: name for name in ("nse_symbol", "isin", "bse_id", "bse_group", "sector", "industry", "board")
    }
    own |= {"face_value": "face_value", "market_cap_cr": "market_cap_cr"}
    own = {field: name for field, name in own.items() if name in table}
    band = next((name for name in table.columns if name.startswith("nse_band") or name == "band"), None)
    statuses = tuple(status.upper() for status in table.texts("status"))
    for row, status in enumerate(statuses):
        if status not in STATUSES:
            raise table.refused(f"must be one of {', '.join(STATUSES)}", row, "status")
    return _master_file(table, _Layout(TITLE, "bse_code", "company_name", own, band), statuses)


def parse_scrips(table: Table, given: Given) -> MasterFile:
    """BSE's list, of active scrips or of all statuses; a status it does not explain is OTHER."""
    del given
    older = "security code" in table
    columns = dict(_SCRIP_COLUMNS) | ({"bse_id": "security id"} if older else {})
    code, company = ("security code", "issuer name") if older else ("scrip_code", "name")
    statuses = tuple(
        status.upper() if status.upper() in STATUSES else "OTHER" for status in table.texts("status")
    )
    return _master_file(table, _Layout(SCRIPS_TITLE, code, company, columns), statuses)


def _master_file(table: Table, layout: _Layout, statuses: Texts) -> MasterFile:
    codes, companies = values.codes(table, layout.code), table.texts(layout.company)
    cells = {field: _cells(table, field, name) for field, name in layout.columns.items()}
    band_of = _bands(table, layout.band)
    instruments = table.texts("instrument") if "instrument" in table else ("",) * len(table)
    left_out = Leftovers()
    rows: dict[str, MasterRow] = {}
    for row, code in enumerate(codes):
        if instruments[row] == _PREFERENCE:
            left_out.add("preference shares", f"{code} {companies[row]}")
            continue
        band, no_band = band_of[row]
        fields = {field: column[row] for field, column in cells.items()}
        stock = MasterRow(code, companies[row], statuses[row], **fields, band=band, no_band=no_band)  # type: ignore[arg-type]
        if code not in rows:
            rows[code] = stock
        elif rows[code] == stock:
            left_out.add(_AGAIN, f"{code} {companies[row]}")
        else:
            raise table.refused("stands twice, for different stocks", row, layout.code)
    known = frozenset(
        {"bse_code", "company_name", "status", *cells} | ({"band", "no_band"} if layout.band else set())
    )
    content = table.content
    return MasterFile(
        "master", layout.title, content.name, content.sha256, left_out.all(), known, tuple(rows.values())
    )


def _cells(table: Table, field: str, name: str) -> tuple[str | float | None, ...]:
    if field in ("face_value", "market_cap_cr"):
        return values.numbers(table, name)
    if field == "isin":
        # As filed, even where an old scrip's is a character short: it only ever joins a checked one of NSE.
        return tuple(None if isin in _NO_ISIN else isin for isin in table.texts(name))
    return values.optional_texts(table, name)


def _bands(table: Table, name: str | None) -> tuple[tuple[float | None, bool], ...]:
    """Band in percent (None: none on file) and whether the list says that there is none, for each row."""
    if name is None:
        return ((None, False),) * len(table)
    return tuple(
        (None, True) if text == NO_BAND else (band_from(table, name, row, text), False)
        for row, text in enumerate(table.texts(name))
    )


def band_from(table: Table, name: str, row: int, text: str) -> float | None:
    """A band in percent above 0 and up to 100; None where the cell is empty."""
    if text in values.MISSING:
        return None
    if text.replace(".", "", 1).isdecimal() and text.isascii() and 0 < float(text) <= 100:
        return float(text)
    raise table.refused(f"is neither a band in percent nor {NO_BAND}", row, name)


FORMATS = (
    Format(SCRIPS_TITLE, tuple(_SCRIPS_2025.lower().split(",")), parse_scrips),
    Format(SCRIPS_TITLE, tuple(_SCRIPS_2024.lower().split(",")), parse_scrips),
    Format(TITLE, ("bse_code", "company_name", "status"), parse, exact=False),
)
