"""
What a stock's row needs from all others, made once per run date.

Medians by industry, sector and market, the share of companies that just reported, the market's rate of locks: a few
kilobytes. A batch plan stores them and every shard reads the same, so that splitting the market never changes a
score; making them per shard would.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from upper_circuit.errors import TableMissing
from upper_circuit.features.catalog import CATALOG, COLUMN, FEATURE_NAMES, HIGH, LOW, Group
from upper_circuit.features.raw import RawFeatures
from upper_circuit.market.master import Master
from upper_circuit.market.windows import Floats

SHORT_HISTORY = 60
"""Own bars below which a stock is not scored."""
MOST_MISSING = 12
"""Missing features of 25 above which a stock is not scored."""
LEAST_PEERS = 5
"""Stocks that must have a value before their median speaks for an industry or a sector."""
PRIOR_BARS = 40
"""Weight, in bars, of the market's rate of locks in a stock's own rate."""

FINANCIAL: tuple[int, ...] = tuple(
    at for at, feature in enumerate(CATALOG) if feature.group is Group.FINANCIAL
)


@dataclass(frozen=True, slots=True)
class CrossSection:
    """The market as of one run date. Medians are of clipped values; NaN (None in JSON) where nobody has the feature."""

    run_date: date
    traded: int
    """Stocks with a bar in the last 10 sessions."""
    lock_rate: float
    """Locked days over bars of the traded stocks in the last 252 sessions."""
    season_intensity: float
    results_loaded: bool
    announcements_loaded: bool
    market: tuple[float, ...]
    """[25] medians of the traded stocks that are not skipped."""
    industry: dict[str, tuple[float, ...]]
    """Industry -> [6] medians of the financial features; NaN with fewer than 5 values."""
    sector: dict[str, tuple[float, ...]]

    @classmethod
    def of(cls, raw: RawFeatures, master: Master) -> CrossSection:
        """From the raw features of every stock with bars: a part of the market gives another cross-section."""
        traded = raw.traded
        bars = int(raw.year_bars[traded].sum())
        reporting = int((raw.has_result & traded).sum())
        open_ended = cls(
            run_date=raw.run_date,
            traded=int(traded.sum()),
            lock_rate=int(raw.year_locked[traded].sum()) / bars if bars else 0.0,
            season_intensity=int((raw.just_reported & traded).sum()) / reporting if reporting else 0.0,
            results_loaded=bool((raw.valid_result & traded).any()),
            announcements_loaded=bool((raw.items[traded] > 0).any()),
            market=(),
            industry={},
            sector={},
        )
        values = open_ended.complete(raw)
        peers = traded & (raw.bars >= SHORT_HISTORY) & ~too_many_missing(values)
        clipped = np.clip(values[peers], LOW, HIGH)
        stocks = [master.get(code) for code, is_peer in zip(raw.codes, peers, strict=True) if is_peer]
        return cls(
            **{name: getattr(open_ended, name) for name in _SCALARS},
            market=tuple(_median(clipped[:, at], least=1) for at in range(len(FEATURE_NAMES))),
            industry=_medians(clipped, [stock.industry for stock in stocks]),
            sector=_medians(clipped, [stock.sector for stock in stocks]),
        )

    def complete(self, raw: RawFeatures) -> Floats:
        """[n, 25] with the two columns that need the market; those of tables not loaded are NaN."""
        values = raw.values.copy()
        values[:, COLUMN["earnings_season_intensity"]] = self.season_intensity
        values[:, COLUMN["hist_quarter_uc_rate"]] = (raw.quarter_locked + PRIOR_BARS * self.lock_rate) / (
            raw.quarter_bars + PRIOR_BARS
        )
        for at, feature in enumerate(CATALOG):
            if feature.table in self.missing_tables:
                values[:, at] = np.nan
        return values

    @property
    def missing_tables(self) -> tuple[str, ...]:
        """Tables that hold nothing known for the run date."""
        loaded = {"quarterly_results": self.results_loaded, "announcement_scores": self.announcements_loaded}
        return tuple(table for table, is_loaded in loaded.items() if not is_loaded)

    def require_every_feature(self) -> None:
        """Raise TableMissing where nobody has a feature: a fill would be a guess for the whole market."""
        nobody = [feature for feature, median in zip(CATALOG, self.market, strict=True) if np.isnan(median)]
        if nobody:
            table = nobody[0].table
            raise TableMissing(table, self.run_date, tuple(f.name for f in nobody if f.table == table))

    def to_bytes(self) -> bytes:
        """JSON that gives back every bit: a float's shortest text is exact."""
        facts = asdict(self) | {"run_date": self.run_date.isoformat()}
        return json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, text: bytes) -> CrossSection:
        """The cross-section that `to_bytes` wrote."""
        facts = json.loads(text)
        return cls(
            **{name: facts[name] for name in _SCALARS if name != "run_date"},
            run_date=date.fromisoformat(facts["run_date"]),
            market=tuple(facts["market"]),
            industry={name: tuple(medians) for name, medians in facts["industry"].items()},
            sector={name: tuple(medians) for name, medians in facts["sector"].items()},
        )


_SCALARS = ("run_date", "traded", "lock_rate", "season_intensity", "results_loaded", "announcements_loaded")


def too_many_missing(values: Floats) -> npt.NDArray[np.bool_]:
    """[n] whether more than 12 of a stock's 25 features are missing."""
    missing: npt.NDArray[np.bool_] = np.isnan(values).sum(axis=1) > MOST_MISSING
    return missing


def _medians(clipped: Floats, groups: list[str | None]) -> dict[str, tuple[float, ...]]:
    members: dict[str, list[int]] = {}
    for at, group in enumerate(groups):
        if group is not None:
            members.setdefault(group, []).append(at)
    return {
        group: tuple(_median(clipped[rows, at], least=LEAST_PEERS) for at in FINANCIAL)
        for group, rows in sorted(members.items())
    }


def _median(values: Floats, least: int) -> float:
    present = values[~np.isnan(values)]
    return float(np.median(present)) if len(present) >= least else float("nan")
