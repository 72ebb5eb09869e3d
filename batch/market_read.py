"""
The market of one run date, as worker processes read it.

Lists are read by this process and prices by others, at slightly different moments, while somebody may be loading a
corrected file. All of it must come from one state of the database; so the state is named, compared, and everything is
read again when it changed on the way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Self

from batch.extraction import Extraction, MarketChanged
from batch.universe import Universe
from upper_circuit.features import READINGS, CrossSection, FeatureMatrix, RawFeatures, fill
from upper_circuit.market.database import Database

log = logging.getLogger(__name__)


class MarketRead:
    """Reads the market of a run date; use as a context manager, which holds the workers.

    Args:
        database: where to read.
        location: the same for the workers: folder of the SQLite files, or a postgresql:// URL.
        universe: its lists, as read for the run date.
        run_date: a session.
        workers: processes that compute features.
        progress: draw a bar on stderr.
    """

    def __init__(
        self,
        database: Database,
        location: str | Path,
        universe: Universe,
        run_date: date,
        *,
        workers: int,
        progress: bool,
    ) -> None:
        self.universe = universe
        self._database = database
        self._run_date = run_date
        self._progress = progress
        self._whole: RawFeatures | None = None
        database.dispose()  # a forked worker must not inherit an open connection
        self._extraction = Extraction(location, workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._extraction.__exit__()

    def whole(self, after_each: Callable[[], None]) -> RawFeatures:
        """The raw features of every stock with bars, of any status; read once.

        `after_each` is called after every block; what it raises ends the reading. Raises MarketChanged where the
        database does not keep still for three readings.
        """
        for _ in range(READINGS - 1):
            with suppress(MarketChanged):
                self._whole = self._extract(self.universe.with_bars, after_each)
                return self._whole
            self.universe = Universe.read(self._database, self._run_date)
        self._whole = self._extract(self.universe.with_bars, after_each)
        return self._whole

    def read_again(self) -> None:
        """Forget the state of the database that was read; the next reading is of the newest."""
        self._whole = None
        self.universe = Universe.read(self._database, self._run_date)

    def matrix(
        self,
        codes: Sequence[str],
        cross: CrossSection,
        *,
        data_version: int,
        after_each: Callable[[], None],
    ) -> FeatureMatrix:
        """The final rows of some stocks, from what was read already or from their own bars alone.

        Raises MarketChanged where the database is no longer in the state that the cross-section was made from.
        """
        if self.universe.data_version != data_version:
            self.read_again()
        if self.universe.data_version != data_version:
            raise MarketChanged(
                f"the market database is at state {self.universe.data_version}, the run was planned at {data_version}; "
                "run again"
            )
        raw = self._whole
        if raw is None:
            known = set(self.universe.with_bars)
            # A shard may hold no stock with bars; a row nobody asked for then stands in, and is not scored.
            barred = sorted(known.intersection(codes)) or self.universe.with_bars[:1]
            raw = self._extract(barred, after_each)
        return fill(raw, cross, self.universe.master, codes)

    def _extract(self, codes: Sequence[str], after_each: Callable[[], None]) -> RawFeatures:
        found = self._extraction.extract(
            self._run_date,
            codes,
            data_version=self.universe.data_version,
            after_each=after_each,
            progress=self._progress,
        )
        found.require_any_readable()
        for code, reason in found.unreadable.items():
            log.error("stock.unreadable", extra={"bse_code": code, "reason": reason})
        return found
