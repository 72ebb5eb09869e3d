"""
Who is listed: every kind of stock that a market has and a tidy example lacks.

A product tried only on stocks that trade every day learns nothing of the ones that do not. So each market, however
small, has codes without any price, delisted and suspended ones, ones fallen silent, new listings, thin ones, ones
without a BSE code, ones renamed and ones whose master row lacks the symbol; the rest trade every day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from upper_circuit.market.synthetic.companies import INDUSTRIES, company_names, symbols
from upper_circuit.market.synthetic.draws import Flags, Floats, Ints, around, between, pick

Roles = npt.NDArray[np.object_]

SERIES = ("EQ", "BE", "SM", "ST")
EQ, BE, SM, ST = range(4)

# Band, series, share of stocks, volatility a day (a bit below the median of the kind), median capitalisation in crore.
_KINDS: tuple[tuple[int, int, float, float, float], ...] = (
    (0, EQ, 6.0, 0.017, 40_000.0),
    (20, EQ, 61.5, 0.025, 1_500.0),
    (10, EQ, 6.0, 0.028, 600.0),
    (5, EQ, 4.5, 0.020, 400.0),
    (5, BE, 8.0, 0.022, 150.0),
    (2, BE, 1.5, 0.016, 60.0),
    (20, SM, 4.5, 0.030, 120.0),
    (5, SM, 3.0, 0.022, 60.0),
    (5, ST, 5.0, 0.023, 50.0),
)

# Role, share of the codes, least number.
_ROLES: tuple[tuple[str, float, int], ...] = (
    ("no prices", 0.007, 2),
    ("never priced, delisted", 0.008, 1),
    ("new", 0.012, 2),
    ("listed mid-way", 0.08, 1),
    ("delisted", 0.010, 1),
    ("suspended", 0.005, 1),
    ("silent", 0.003, 1),
    ("long pause", 0.004, 1),
    ("pause", 0.03, 1),
    ("thin", 0.04, 1),
)
_LONG = 251
"""Sessions without a bar that begin a new history."""
_NSE_ONLY = 0.02
_NO_INDUSTRY = 0.03


@dataclass(frozen=True, slots=True)
class Stocks:
    """All securities; arrays and lists have one entry each. The last ones have no BSE code, the others are master rows.

    Guaranteed: names and symbols are distinct; 0 <= listed <= gone.
    """

    coded: int
    """How many, from the first, have a BSE code."""
    name: list[str]
    symbol: list[str]
    former_symbol: list[str]
    """Equal to `symbol` for those never renamed."""
    renamed_at: Ints
    """Session from which the present symbol is used."""
    symbol_in_master: Flags
    industry: Ints
    """Position in INDUSTRIES; -1: none."""
    status: list[str]
    listed: Ints
    """Session of the first bar; 0 also for those listed before."""
    gone: Ints
    """First session after the last bar; the number of sessions where it still trades, `listed` where it never did."""
    pause_from: Ints
    pause_until: Ints
    """No bars in pause_from..pause_until-1; equal where there is no pause."""
    trades_on: Floats
    """Share of sessions with a trade; 1 for all but the thin ones."""
    band: Ints
    series: Ints
    price: Ints
    """Before the first session, in paise."""
    cap: Floats
    """Before the first session, crore rupees."""
    volatility: Floats
    """Standard deviation of a calm day's own move."""
    beta: Floats
    proneness: Floats
    """How often a run starts, relative to the median stock."""
    turnover: Floats
    """Rupees of a calm day."""

    def __post_init__(self) -> None:
        for what in (self.name, self.symbol, self.former_symbol):
            if len(set(what)) != self.count:
                raise ValueError(f"{self.count - len(set(what))} names or symbols stand twice")
        if (self.listed < 0).any() or (self.gone < self.listed).any():
            raise ValueError("a stock is gone before it is listed")

    @property
    def count(self) -> int:
        """Securities in all."""
        return len(self.name)


def list_stocks(rng: np.random.Generator, codes: int, sessions: int) -> Stocks:
    """Draw `codes` securities with a BSE code and a few without; needs at least 30 codes and 80 sessions."""
    count = codes + max(1, int(codes * _NSE_ONLY))
    industry = _industries(rng, count)
    names = company_names([None if k < 0 else int(k) for k in industry])
    symbol = symbols(names)
    renamed = (rng.random(count) < 0.02) & (np.arange(count) < codes)
    kind = pick(rng, [share for _, _, share, _, _ in _KINDS], count)
    band, series = (np.array([row[i] for row in _KINDS], dtype=np.int64)[kind] for i in (0, 1))
    level, size = (np.array([row[i] for row in _KINDS], dtype=np.float64)[kind] for i in (3, 4))
    cap = np.round(size * around(rng, 1.0, 1.3, count), 2)
    roles = _roles(rng, codes, count, band)
    listed, gone, pause_from, pause_until = _spans(rng, roles, sessions)
    status = np.full(count, "ACTIVE", dtype=object)
    for role, value in (
        ("never priced, delisted", "DELISTED"),
        ("delisted", "DELISTED"),
        ("suspended", "SUSPENDED"),
    ):
        status[roles == role] = value
    return Stocks(
        coded=codes,
        name=names,
        symbol=symbol,
        former_symbol=[f"OLD{s[3:]}" if r else s for s, r in zip(symbol, renamed, strict=True)],
        renamed_at=np.where(renamed, rng.integers(sessions // 4, sessions, count), 0),
        symbol_in_master=(rng.random(count) >= 0.01)
        & ~np.isin(roles, ["no prices", "never priced, delisted"]),
        industry=industry,
        status=[str(value) for value in status],
        listed=listed,
        gone=gone,
        pause_from=pause_from,
        pause_until=pause_until,
        trades_on=np.where(roles == "thin", between(rng, 0.25, 0.85, count), 1.0),
        band=band,
        series=series,
        price=np.rint(np.clip(around(rng, 160.0, 1.7, count), 8.0, 9_000.0) * 20).astype(np.int64) * 5,
        cap=cap,
        volatility=level * around(rng, 1.0, 0.35, count),
        beta=between(rng, 0.4, 1.4, count),
        proneness=around(rng, 1.0, 1.1, count),
        turnover=cap * 1e7 * around(rng, 0.0012, 1.0, count),
    )


def _industries(rng: np.random.Generator, count: int) -> Ints:
    industry = pick(rng, [row.weight for row in INDUSTRIES], count)
    industry[rng.random(count) < _NO_INDUSTRY] = -1
    tiny = [k for k, row in enumerate(INDUSTRIES) if row.weight == 0]
    members = np.repeat(tiny, rng.integers(2, 5, len(tiny)))
    industry[rng.permutation(count)[: len(members)]] = members
    return industry


def _roles(rng: np.random.Generator, codes: int, count: int, band: Ints) -> Roles:
    """Derivative stocks trade every day: roles go to the others first."""
    order = rng.permutation(codes)
    order = np.concatenate([order[band[order] != 0], order[band[order] == 0]])
    roles = np.full(count, "ordinary", dtype=object)
    taken = 0
    for role, share, least in _ROLES:
        wanted = max(least, int(codes * share))
        roles[order[taken : taken + wanted]] = role
        taken += wanted
    return roles


def _spans(rng: np.random.Generator, roles: Roles, sessions: int) -> tuple[Ints, Ints, Ints, Ints]:
    count = len(roles)
    never = np.isin(roles, ["no prices", "never priced, delisted"])
    listed = np.where(roles == "listed mid-way", rng.integers(sessions // 8, sessions * 3 // 4, count), 0)
    listed = np.where(roles == "new", sessions - rng.integers(5, 56, count), listed)
    gone = np.where(roles == "delisted", rng.integers(sessions // 3, sessions * 9 // 10, count), sessions)
    gone = np.where(np.isin(roles, ["suspended", "silent"]), sessions - rng.integers(12, 40, count), gone)
    gone = np.where(never, listed, gone)
    length = np.where(roles == "pause", rng.integers(10, 61, count), 0)
    if sessions > _LONG + 60:  # else no stock could pause so long and have bars on both sides
        longest = min(_LONG + 90, sessions - 30)
        length = np.where(roles == "long pause", rng.integers(_LONG, longest, count), length)
    start = 20 + np.floor(rng.random(count) * np.maximum(sessions - 25 - length, 1)).astype(np.int64)
    start = np.minimum(start, sessions - 1)
    return listed, gone, start, np.minimum(start + length, sessions)
