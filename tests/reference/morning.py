"""One morning: the 25 features of every traded stock, stock by stock, as of a run date.

This is the judge of the product's matrix: slow and plain, sharing nothing with it but the domain rules. Where
the rules leave a choice, the module concerned says "Choice".
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from tests.reference import financial, policy, seasonality, sentiment, technical
from tests.reference.inputs import History, Splits, read_history
from tests.reference.locked import with_flags
from tests.reference.seasonality import Climate
from tests.reference.sessions import Sessions, sessions_around

RowsOf = Callable[[str], pd.DataFrame]
"""One stock's rows of a table; no rows for a stock that the table does not name."""


@dataclass(frozen=True, slots=True)
class Morning:
    """What the reference says about one run date; every table has one row per traded stock not skipped.

    `values`: 25 columns in catalog order, clipped and filled, float64 before the one rounding to float32.
    `raw`: before clip and fill, NaN for null. `filled`: code -> feature -> 'industry', 'sector' or 'market'.
    `skipped`: reason by code, ACTIVE stocks only. `scored`: the ACTIVE codes of `values`.
    """

    values: pd.DataFrame
    raw: pd.DataFrame
    filled: policy.Filled
    skipped: dict[str, str]
    scored: list[str]
    lock_rate: float
    season_intensity: float


@dataclass(frozen=True, slots=True)
class Roster:
    """The traded stocks of a run date and those of them that are skipped before any feature is computed.

    `bars`: every bar up to as_of, of all stocks; `own_bars`: one stock's, of its newest history.
    """

    bars: pd.DataFrame
    traded: pd.Index
    own_bars: RowsOf
    reasons: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Events:
    """What is known of each stock at the cutoff (splits: of any date); None where a table is not loaded."""

    filings: RowsOf | None
    result_ages: RowsOf
    items: RowsOf | None
    meetings: RowsOf
    splits: Callable[[str], Splits]


def features(folder: Path, run_date: date, *, allow_missing: bool = False) -> Morning:
    """The morning of one run date, from the folder's files."""
    history = read_history(folder)
    return features_of(
        history, with_flags(history.prices, history.factors), run_date, allow_missing=allow_missing
    )


def features_of(
    history: History, bars: pd.DataFrame, run_date: date, *, allow_missing: bool = False
) -> Morning:
    """As `features`, from tables already read; `bars` carry the flags of `with_flags` and may run on."""
    sessions = sessions_around(history, run_date)
    roster = roster_of(bars, sessions)
    ages = result_ages(history, sessions)
    events = _events(history, sessions, ages)
    climate = seasonality.climate(roster.bars, ages, roster.traded, sessions)

    reasons, raw = dict(roster.reasons), {}
    for code in roster.traded.difference(list(reasons)):
        row = _row(roster, code, events, climate, sessions)
        if policy.has_too_many_missing(row):
            reasons[code] = policy.TOO_MANY_MISSING
        else:
            raw[code] = row
    table = pd.DataFrame.from_dict(raw, orient="index", columns=list(policy.FEATURES)).sort_index()
    table.index.name = "bse_code"
    values, filled = policy.fill(policy.clipped(table), history.master, allow_missing=allow_missing)

    active = history.master.index[history.master["status"] == "ACTIVE"]
    return Morning(
        values=values,
        raw=table,
        filled=filled,
        skipped={str(c): reasons.get(c, policy.PRICE_MISSING) for c in active.difference(table.index)},
        scored=list(active.intersection(table.index)),
        lock_rate=climate.lock_rate,
        season_intensity=climate.season_intensity,
    )


def roster_of(bars: pd.DataFrame, sessions: Sessions) -> Roster:
    """Who traded in the 10 sessions ending at as_of, whatever its status, and who of them is too young."""
    known = bars[bars["date"] <= sessions.as_of]
    traded = pd.Index(known.loc[known["date"].isin(sessions.last(10)), "bse_code"].unique())
    own_bars = _own_bars(known[known["bse_code"].isin(traded)])
    young = [code for code in traded if len(own_bars(code)) < policy.SHORTEST_HISTORY]
    return Roster(
        bars=known, traded=traded, own_bars=own_bars, reasons=dict.fromkeys(young, policy.SHORT_HISTORY)
    )


def _own_bars(bars: pd.DataFrame) -> RowsOf:
    """Each stock's bars of its newest history."""
    newest = bars.groupby("bse_code")["history"].transform("max")
    return _by_code(bars[bars["history"] == newest])


def _row(
    roster: Roster, code: str, events: _Events, climate: Climate, sessions: Sessions
) -> dict[str, float]:
    """The 25 raw values of one stock; a table that is not loaded leaves its features null."""
    row = dict.fromkeys(policy.FEATURES, math.nan)
    bars, splits = roster.own_bars(code), events.splits(code)
    row |= technical.technical(technical.window_of(bars, splits, sessions.as_of))
    row["hist_quarter_uc_rate"] = seasonality.hist_quarter_uc_rate(bars, sessions.run_date, climate.lock_rate)
    if events.filings is not None:
        quarters = financial.quarters_of(events.filings(code), splits, sessions.as_of)
        q0 = financial.newest_quarter(quarters, sessions.run_date)
        row |= financial.financial(quarters, q0)
        row["days_to_next_earnings"] = seasonality.days_to_next_earnings(
            sessions, events.meetings(code), quarters, q0
        )
        row["days_since_last_earnings"] = seasonality.days_since_last_earnings(
            events.result_ages(code)["age"]
        )
        row["earnings_season_intensity"] = climate.season_intensity
    if events.items is not None:
        row |= sentiment.sentiment(events.items(code))
    return row


def result_ages(history: History, sessions: Sessions) -> pd.DataFrame:
    """bse_code and age of every known row of the results table, of any basis."""
    results = _known(history.results, sessions)
    if results is None:
        return pd.DataFrame({"bse_code": pd.Series(dtype=str), "age": pd.Series(dtype=int)})
    return results[["bse_code"]].assign(age=sessions.age(results["announced_at"]))


def _events(history: History, sessions: Sessions, ages: pd.DataFrame) -> _Events:
    """Everything stamped before 07:00 of the run date.

    Choice: a table counts as not loaded when the folder lacks it or it has no row before the cutoff.
    """
    filings = None
    if history.results is not None and len(ages):
        first = financial.first_filings(history.results)
        filings = _by_code(first[first["announced_at"] < sessions.cutoff])
    items = _known(history.announcements, sessions)
    if items is not None:
        items = items.assign(age=sessions.age(items["announced_at"]))
        items = sentiment.scored(items[items["age"] <= sentiment.OLDEST_AGE])
    meetings = _known(history.meetings, sessions)
    if meetings is None:
        meetings = pd.DataFrame(
            {"bse_code": [], "meeting_date": pd.to_datetime([]), "purpose": []}, dtype=object
        )
    meetings = meetings[meetings["purpose"].astype(str).str.contains("financial results", case=False)]
    return _Events(
        filings=filings,
        result_ages=_by_code(ages),
        items=None if items is None else _by_code(items),
        meetings=_by_code(meetings),
        splits=_splits_by_code(history.factors),
    )


def _splits_by_code(factors: pd.DataFrame) -> Callable[[str], Splits]:
    """Of all dates; whoever applies them cuts at as_of."""
    rows = _by_code(factors)
    return lambda code: list(zip(rows(code)["ex_date"], rows(code)["factor"], strict=True))


def _known(table: pd.DataFrame | None, sessions: Sessions) -> pd.DataFrame | None:
    if table is None:
        return None
    known = table[table["announced_at"] < sessions.cutoff]
    return known if len(known) else None


def _by_code(table: pd.DataFrame) -> RowsOf:
    rows = {str(code): part for code, part in table.groupby("bse_code")}
    return lambda code: rows.get(code, table.iloc[:0])
