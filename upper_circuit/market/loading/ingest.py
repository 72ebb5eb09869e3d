"""
One file into the database.

The file is believed already (`formats.read`); what remains can only be known with the database at hand: whether it is
in force already, whether it corrects another one, whether it is a copy of another day's or only a part of its own. All of
a file is loaded in one transaction, or nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from upper_circuit.errors import FileRefused
from upper_circuit.market.database import Database
from upper_circuit.market.days import IST_OFFSET, SECONDS, date_of
from upper_circuit.market.exchange_calendar import extend_calendar
from upper_circuit.market.formats import (
    AnnouncementsFile,
    BandsFile,
    Dropped,
    FactorsFile,
    MasterFile,
    MeetingsFile,
    NseListingsFile,
    ParsedFile,
    PriceFile,
    ResultsFile,
    SessionsFile,
)
from upper_circuit.market.loading import deriving, prices, registry, tables
from upper_circuit.market.loading.joining import read_joins
from upper_circuit.market.loading.news import load_announcements
from upper_circuit.market.loading.stock_bars import from_packed
from upper_circuit.market.loading.tables import Loaded

USER = "user"
_ALONE = "given alone, it is loaded again"


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a file. `unchanged`: why nothing was; None where something was loaded."""

    name: str
    format: str
    rows: int
    dropped: tuple[Dropped, ...]
    unchanged: str | None = None
    exchange: str | None = None
    trade_date: date | None = None
    replaces: tuple[str, ...] = ()
    inferred: tuple[str, ...] = ()
    """Corporate actions that the day's prices suggest: stock, ex-date, factor."""
    doubt: str | None = None
    """Why the file may not be what it should, though it was loaded."""
    suspicious: tuple[str, ...] = ()
    """Figures in another unit than their neighbours, stored as filed and never used: stock, quarter, figure."""


def ingest(
    database: Database, file: ParsedFile, *, now: int, once: bool = False, allow_partial: bool = False
) -> Ingested:
    """Load one file.

    Args:
        database: at the newest schema.
        file: as `formats.read` returned it.
        now: the moment that goes on record.
        once: leave content alone that was loaded before, whatever took its place since: who looks through a folder
            again and again finds there what was corrected long ago.
        allow_partial: prices of far fewer stocks than those around them are all there is of their day.

    A file whose rows are all in force changes nothing (ADR 22). Other prices of a day and exchange take the place of
    those loaded.

    Raises:
        FileRefused: a holiday's copy of another day; a part of a day; no row joins a stock; nothing is made of such a
            file.
    """
    with registry.changing(database) as connection:
        known = registry.find(connection, file.sha256)
        before = next((each.name for each in known if each.trade_date == _day_of(file)), None)
        if isinstance(file, PriceFile):
            _refuse_other_day(connection, file, known)
            return _ingest_prices(connection, file, now, before, once=once, allow_partial=allow_partial)
        if once and before is not None:
            return _unchanged(file, f"the same content was loaded as {before} before; {_ALONE}")
        loaded = _load(connection, file, now)
        if not loaded.rows:
            raise FileRefused(file.name, f"nothing to load: {_reasons(loaded.dropped)}")
        if not loaded.changed:
            return _unchanged(file, _in_force(before, "all that it says is loaded"))
        if loaded.stocks:
            deriving.derive(connection, from_packed(connection, loaded.stocks), loaded.stocks)
        dropped = (*file.dropped, *loaded.dropped)
        file_id = registry.register(
            connection,
            name=file.name,
            kind=file.kind,
            sha256=file.sha256,
            now=now,
            trade_date=_day_of(file),
        )
        registry.count(connection, file_id, rows=loaded.rows, dropped=_total(dropped))
        registry.changed(connection, now)
        return Ingested(file.name, file.format, loaded.rows, dropped, suspicious=loaded.suspicious)


def _day_of(file: ParsedFile) -> date | None:
    """The day that a file is of; the same content for another day is another file."""
    match file:
        case PriceFile():
            return file.trade_date
        case BandsFile():
            return file.effective_date
        case _:
            return None


def _refuse_other_day(connection: sa.Connection, file: PriceFile, known: list[registry.Known]) -> None:
    for other in known:
        if other.trade_date in (None, file.trade_date):
            continue
        _, in_force = prices.rows_on(connection, other.trade_date, file.exchange)
        if other.file_id in in_force:
            reason = f"is given for {file.trade_date}, but the same file is loaded for {other.trade_date}"
            raise FileRefused(file.name, reason)


def _in_force(before: str | None, otherwise: str) -> str:
    return otherwise if before is None else f"the same content is loaded as {before}"


def _unchanged(file: ParsedFile, why: str) -> Ingested:
    exchange, day = (file.exchange, file.trade_date) if isinstance(file, PriceFile) else (None, None)
    return Ingested(file.name, file.format, 0, (), unchanged=why, exchange=exchange, trade_date=day)


def _ingest_prices(
    connection: sa.Connection,
    file: PriceFile,
    now: int,
    before: str | None,
    *,
    once: bool,
    allow_partial: bool,
) -> Ingested:
    rows, left_out = prices.rows_of(file, read_joins(connection, before=file.trade_date))
    dropped = (*file.dropped, *left_out)
    if not rows:
        reason = f"none of its rows is of a stock to load: {_reasons(left_out)}; is a master list loaded?"
        raise FileRefused(file.name, reason)
    old, old_files = prices.rows_on(connection, file.trade_date, file.exchange)
    prices.refuse_other_name(file, rows, old)
    if prices.says_no_more(rows, old):
        return _unchanged(file, _in_force(before, f"the same prices are loaded for {file.trade_date}"))
    if once and before is not None:
        return _unchanged(file, f"the same content was loaded as {before}, and others replaced it; {_ALONE}")
    prices.refuse_copy(connection, file, rows)
    doubt = prices.refuse_part(connection, file, rows, old, allowed=allow_partial)
    file_id = registry.register(
        connection,
        name=file.name,
        kind=file.kind,
        sha256=file.sha256,
        now=now,
        exchange=file.exchange,
        trade_date=file.trade_date,
        replaces=max(old_files, default=None),
    )
    inferred = prices.load_day(connection, file, rows, file_id)
    extend_calendar(connection)
    registry.count(connection, file_id, rows=len(rows), dropped=_total(dropped))
    registry.changed(connection, now)
    return Ingested(
        name=file.name,
        format=file.format,
        rows=len(rows),
        dropped=dropped,
        exchange=file.exchange,
        trade_date=file.trade_date,
        replaces=tuple(registry.name_by_id(connection, one) for one in sorted(old_files)),
        inferred=inferred,
        doubt=doubt,
    )


def _load(connection: sa.Connection, file: ParsedFile, now: int) -> Loaded:
    match file:
        case MasterFile():
            loaded = tables.load_master(connection, file, bands_since=date_of((now + IST_OFFSET) // SECONDS))
        case SessionsFile():
            loaded = tables.load_sessions(connection, file)
        case NseListingsFile():
            loaded = tables.load_listings(connection, file, read_joins(connection))
        case ResultsFile():
            loaded = tables.load_results(connection, file, read_joins(connection))
        case AnnouncementsFile():
            loaded = load_announcements(connection, file, read_joins(connection))
        case MeetingsFile():
            loaded = tables.load_meetings(connection, file, read_joins(connection))
        case BandsFile():
            loaded = tables.load_bands(connection, file, read_joins(connection))
        case FactorsFile():
            loaded = tables.load_factors(connection, file, read_joins(connection), USER)
        case _:
            raise FileRefused(
                file.name, f"is a list of {file.kind}: good for checks, nothing here is made of it"
            )
    return loaded


def _total(dropped: tuple[Dropped, ...]) -> int:
    return sum(one.count for one in dropped)


def _reasons(dropped: tuple[Dropped, ...]) -> str:
    return "; ".join(map(str, dropped))
