"""
The files of a folder of history into their tables, each after those it needs.

Who the stocks are comes first, then their prices, for both decide to whom a result or an announcement belongs; what is
derived from bars comes after the corporate actions. A file that was loaded before and is read again under a new list of
stocks only adds: what is there is its own, or corrected it. All of it happens inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np
import sqlalchemy as sa

from upper_circuit.errors import FileRefused
from upper_circuit.market import formats
from upper_circuit.market.days import IST_OFFSET, SECONDS, date_of, day_of
from upper_circuit.market.exchange_calendar import PUBLISHED, extend_calendar
from upper_circuit.market.loading import deriving, registry, tables
from upper_circuit.market.loading.archive import Archive, day_of_bands, published_at
from upper_circuit.market.loading.history_prices import load_prices, without_corrected
from upper_circuit.market.loading.joining import Joins, read_joins
from upper_circuit.market.loading.news import load_announcements, together
from upper_circuit.market.loading.price_archive import LeftOut, choose, read_prices
from upper_circuit.market.loading.stock_bars import StockBars, from_packed
from upper_circuit.market.loading.tables import Loaded
from upper_circuit.market.loading.writing import Columns, Conflict, insert, many_rows
from upper_circuit.market.schema import announcement_scores, trading_calendar

Progress = Callable[[str, float], None]
"""Told what is being done and the share of the whole that is done, 0..1."""

_File = TypeVar("_File", bound=formats.ParsedFile)


@dataclass(slots=True)
class FolderLoad:
    """One import under way: what it works on, and what it did so far."""

    connection: sa.Connection
    archive: Archive
    hashes: dict[Path, str]
    fresh: set[Path]
    """The files to read."""
    again: dict[Path, int]
    """Those of them that were loaded before, with their ids."""
    now: int
    progress: Progress
    rows: dict[str, int] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    suspicious: list[str] = field(default_factory=list)
    inferred: deriving.Inferred = ()
    inferred_after: date | None = None

    def run(self) -> None:
        """Load what is fresh."""
        joins = self._stocks_and_prices()
        self.progress("sessions, bands, meetings", 0.72)
        self._calendar()
        for path in self._paths("bands"):
            bands = self._read(path, formats.BandsFile, trade_date=day_of_bands(path))
            loaded = tables.load_bands(self.connection, bands, joins, self._conflict(path))
            self._note(path, bands, "price_bands", loaded)
        for path in self._paths("meetings"):
            meetings = self._read(path, formats.MeetingsFile, announced_at=published_at(path))
            loaded = tables.load_meetings(self.connection, meetings, joins, self._conflict(path))
            self._note(path, meetings, "earnings_calendar", loaded)
        self.progress("results", 0.75)
        for path in self._paths("results"):
            results = self._read(path, formats.ResultsFile)
            loaded = tables.load_results(self.connection, results, joins, self._conflict(path))
            self._note(path, results, "quarterly_results", loaded)
            self.suspicious += loaded.suspicious
        self.progress("announcements", 0.85)
        self._announcements(joins)
        registry.changed(self.connection, self.now)
        self.progress("done", 1.0)

    def _stocks_and_prices(self) -> Joins:
        """Master list, prices, actions and what is derived from them; returns how later rows find their stock."""
        self.progress("reading prices", 0.0)
        today = date_of((self.now + IST_OFFSET) // SECONDS)
        paths = self._paths("prices")
        prices = read_prices(paths, today) if paths else None
        newest = today if prices is None else date_of(int(prices.day.max()))
        bands_since = max(map(day_of_bands, self.archive.files["bands"]), default=newest)
        for path in self._paths("master"):
            master = self._read(path, formats.MasterFile)
            loaded = tables.load_master(self.connection, master, bands_since)
            self._note(path, master, "master_stock_list", loaded)
        joins = read_joins(self.connection)
        if prices is None:
            acted = self._factors(joins)
            deriving.derive(self.connection, from_packed(self.connection, acted), acted)
            return joins
        self.progress("choosing rows", 0.1)
        chosen = choose(prices, joins)
        joins = joins.with_traded(chosen.traded)
        ids = [self._register(path, "prices") for path in paths]
        if self.again:
            chosen = without_corrected(self.connection, prices, chosen, ids)
        whole = load_prices(
            self.connection, prices, chosen, ids, lambda share: self.progress("prices", 0.12 + 0.45 * share)
        )
        self.rows["daily_prices"] = len(chosen.rows)
        self.left_out += chosen.left_out
        given = np.bincount(prices.file, minlength=len(ids))
        taken = np.bincount(prices.file[chosen.rows], minlength=len(ids))
        for file_id, rows, dropped in zip(ids, taken.tolist(), (given - taken).tolist(), strict=True):
            registry.count(self.connection, file_id, rows=rows, dropped=dropped)
        self.progress("locked days and packed rows", 0.6)
        self._factors(joins)
        self._infer(whole)
        deriving.derive(self.connection, whole)
        return joins

    def _factors(self, joins: Joins) -> frozenset[str]:
        """The archive's own list of actions: the user's lists and what later days suggest stand beside it."""
        acted: frozenset[str] = frozenset()
        for path in self._paths("factors"):
            factors = self._read(path, formats.FactorsFile)
            loaded = tables.load_factors(
                self.connection, factors, joins, deriving.INFERRED, self._conflict(path)
            )
            self._note(path, factors, "corporate_actions", loaded)
            acted |= loaded.stocks
        return acted

    def _infer(self, whole: StockBars) -> None:
        """Infer actions where the archive's list says nothing: after its last ex-date, or everywhere without a list.

        An archive grows by a year of prices while its list stays as it is; without this that year would have no splits.
        """
        lists = [self._read(path, formats.FactorsFile) for path in self.archive.files["factors"]]
        self.inferred_after = max((row.ex_date for file in lists for row in file.rows), default=None)
        asked = np.ones(len(whole), dtype=bool)
        if self.inferred_after is not None:
            asked = whole.bars["date"] > day_of(self.inferred_after)
        if asked.any():
            self.inferred = deriving.infer_actions(self.connection, whole, asked)
            self.rows["corporate_actions"] = self.rows.get("corporate_actions", 0) + len(self.inferred)

    def _calendar(self) -> None:
        extend_calendar(self.connection, anew=True)
        for path in self._paths("sessions"):
            sessions = self._read(path, formats.SessionsFile)
            loaded = tables.load_sessions(self.connection, sessions, self._conflict(path))
            self._note(path, sessions, "trading_calendar", loaded)
            _close_other_days(self.connection, sessions)

    def _announcements(self, joins: Joins) -> None:
        paths = {kind: self.archive.files[kind] for kind in ("announcements", "texts")}
        if self.fresh.isdisjoint((*paths["announcements"], *paths["texts"])):
            return
        words = [self._read(path, formats.AnnouncementsFile) for path in paths["texts"]]
        texts = together(words) if words else {}
        for path, file in zip(paths["texts"], words, strict=True):
            self._note(path, file, "announcement_texts", Loaded(len(file.category), (), len(file.category)))
        for path in paths["announcements"]:
            news = self._read(path, formats.AnnouncementsFile)
            with many_rows(self.connection, announcement_scores):
                loaded = load_announcements(self.connection, news, joins, texts)
            self._note(path, news, "announcement_scores", loaded)

    def _paths(self, kind: str) -> list[Path]:
        return [path for path in self.archive.files[kind] if path in self.fresh]

    def _read(
        self, path: Path, kind: type[_File], trade_date: date | None = None, announced_at: int | None = None
    ) -> _File:
        today = date_of((self.now + IST_OFFSET) // SECONDS)
        file = formats.read(path, today=today, trade_date=trade_date, announced_at=announced_at)
        if not isinstance(file, kind):
            raise FileRefused(path, f"is a file of {file.kind} under the name of another kind")
        return file

    def _conflict(self, path: Path) -> Conflict:
        return "keep" if path in self.again else "replace"

    def _register(self, path: Path, kind: str) -> int:
        if path in self.again:
            registry.read_again(self.connection, self.again[path], self.now)
            return self.again[path]
        name = f"{self.archive.folder.resolve().name}/{path.name}"
        return registry.register(
            self.connection, name=name, kind=kind, sha256=self.hashes[path], now=self.now
        )

    def _note(self, path: Path, file: formats.ParsedFile, table: str, loaded: Loaded) -> None:
        """Put a file on record, and what became of its rows."""
        dropped = (*file.dropped, *loaded.dropped)
        self.left_out += [LeftOut(table, one.reason, one.count, one.names[:3]) for one in dropped]
        self.rows[table] = self.rows.get(table, 0) + loaded.rows
        file_id = self._register(path, file.kind)
        registry.count(self.connection, file_id, rows=loaded.rows, dropped=sum(one.count for one in dropped))


def _close_other_days(connection: sa.Connection, file: formats.SessionsFile) -> None:
    """A published session between the first and the last day of a list that is not on it: a holiday."""
    table = trading_calendar
    listed = [row.day for row in file.rows]
    query = sa.select(table.c.day).where(
        table.c.source == PUBLISHED, table.c.day.between(listed[0], listed[-1])
    )
    closed = sorted(set(connection.execute(query).scalars()) - set(listed))
    columns: Columns = {
        "day": np.array([day_of(day) for day in closed]),
        "source": ["user"] * len(closed),
        "is_session": [0] * len(closed),
    }
    insert(connection, table, columns, conflict="keep")
