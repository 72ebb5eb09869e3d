"""Reads a history folder for the reference.

The reference judges the product, so it cannot borrow the product's loaders: a wrong join there would be
wrong here too, and both would agree. Everything below is written from section 3 of the domain rules only.

Two layouts are known: a whole archive (`nse-eod/*.parquet`, `master/`, `results/`, `announcements/`) and a
flat folder (`daily_prices.parquet` and the other tables beside it).
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

PRICE_COLUMNS = ["bse_code", "nse_symbol", "series", "date", "prev_close", "high", "low", "close", "volume"]
RUPEES = ["prev_close", "high", "low", "close"]

Splits = list[tuple[pd.Timestamp, float]]
"""One stock's rows of the factor table: ex-date and the factor for prices of bars before it."""


@dataclass(frozen=True, slots=True)
class History:
    """The tables of one folder, joined to BSE codes; rows without a code are dropped and counted.

    Guaranteed: `prices` is sorted by (bse_code, date), has one bar per pair and whole paise beside the
    rupees (`close_paise`, ...). A table that the folder lacks is None, which is not the same as empty.
    """

    prices: pd.DataFrame
    master: pd.DataFrame
    factors: pd.DataFrame
    results: pd.DataFrame | None
    announcements: pd.DataFrame | None
    meetings: pd.DataFrame | None
    listed_sessions: pd.DatetimeIndex
    dropped: dict[str, int] = field(default_factory=dict)


def read_history(folder: Path) -> History:
    """Every table of the folder, all dates: the cut at the run date is the caller's."""
    dropped: dict[str, int] = {}
    prices = _prices(folder, dropped)
    master = pd.read_csv(_one(folder, "master/master_stock_list.csv", "master_stock_list.csv"), dtype=str)
    master = master.set_index("bse_code")
    code_of = _codes_by_symbol(master, prices)

    def joined(name: str, table: pd.DataFrame | None) -> pd.DataFrame | None:
        return None if table is None else _with_codes(name, table, code_of, dropped)

    factors_file = "corporate_action_factors_inferred.csv"
    factors = pd.read_csv(_one(folder, f"nse-eod/{factors_file}", factors_file), parse_dates=["ex_date"])
    return History(
        prices=prices,
        master=master,
        factors=_with_codes("factors", factors, code_of, dropped),
        results=joined("results", _parquet(folder, "results/quarterly_results", "quarterly_results")),
        announcements=joined("announcements", _announcements(folder)),
        meetings=joined("meetings", _meetings(folder)),
        listed_sessions=_listed_sessions(folder),
        dropped=dropped,
    )


def _prices(folder: Path, dropped: dict[str, int]) -> pd.DataFrame:
    """All bars with a code. A bar without one is out of scope, even where its symbol once had a code."""
    files = sorted((folder / "nse-eod").glob("nse_eod_*.parquet")) or [folder / "daily_prices.parquet"]
    rows = pd.concat([pd.read_parquet(file, columns=PRICE_COLUMNS) for file in files], ignore_index=True)
    coded = rows[rows["bse_code"].notna()].copy()
    dropped["prices"] = len(rows) - len(coded)
    coded["date"] = pd.to_datetime(coded["date"])
    coded["volume"] = coded["volume"].astype("float64")
    for column in RUPEES:
        coded[f"{column}_paise"] = np.rint(coded[column] * 100).astype("int64")
    coded = coded.sort_values(["bse_code", "date"], ignore_index=True)
    if coded.duplicated(["bse_code", "date"]).any():
        raise ValueError(f"{folder}: a stock has two bars on one day")
    return coded


def _codes_by_symbol(master: pd.DataFrame, prices: pd.DataFrame) -> dict[str, str]:
    """Symbol to code: the master's word first, the prices' for symbols that the master does not name."""
    seen = prices.drop_duplicates(["nse_symbol", "bse_code"], keep="last")
    codes = dict(zip(seen["nse_symbol"], seen["bse_code"], strict=True))
    named = master[master["nse_symbol"].notna()]
    return codes | dict(zip(named["nse_symbol"], named.index, strict=True))


def _with_codes(
    name: str, table: pd.DataFrame, code_of: dict[str, str], dropped: dict[str, int]
) -> pd.DataFrame:
    """The table's rows that have a code, from the row itself or else from its symbol."""
    codes = table["nse_symbol"].map(code_of)
    if "bse_code" in table:
        codes = table["bse_code"].where(table["bse_code"].notna(), codes)
    coded = table.assign(bse_code=codes)
    coded = coded[coded["bse_code"].notna()].reset_index(drop=True)
    dropped[name] = len(table) - len(coded)
    return coded


def _announcements(folder: Path) -> pd.DataFrame | None:
    """Announcements with the first snippet of the same symbol, second and category, where there is one."""
    files = sorted((folder / "announcements").glob("announcements_*.parquet"))
    files = files or [file for file in [folder / "announcements.parquet"] if file.exists()]
    if not files:
        return None
    rows = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    rows["category"] = rows["category"].astype(str)
    texts = sorted(files[0].parent.glob("announcement_texts*.parquet"))
    if not texts:
        return rows.assign(snippet=None)
    key = ["nse_symbol", "second", "category"]
    snippets = pd.concat([pd.read_parquet(file) for file in texts], ignore_index=True)
    snippets["category"] = snippets["category"].astype(str)
    snippets["second"] = snippets["announced_at"].dt.floor("s")
    first = snippets.drop_duplicates(key, keep="first")
    rows["second"] = rows["announced_at"].dt.floor("s")
    return rows.merge(first[[*key, "snippet"]], on=key, how="left", validate="m:1").drop(columns="second")


def _meetings(folder: Path) -> pd.DataFrame | None:
    """`earnings_calendar.csv` (nse_symbol, meeting_date, purpose, announced_at), if the user has one."""
    file = folder / "earnings_calendar.csv"
    if not file.exists():
        return None
    return pd.read_csv(file, parse_dates=["meeting_date", "announced_at"], dtype={"bse_code": str})


def _listed_sessions(folder: Path) -> pd.DatetimeIndex:
    """The exchange's own list of sessions; empty where the folder has none."""
    files = sorted((folder / "nse-eod").glob("nse_trading_dates*.csv"))
    dates = [pd.read_csv(file, parse_dates=["trading_date"])["trading_date"] for file in files]
    return pd.DatetimeIndex(pd.concat(dates)) if dates else pd.DatetimeIndex([])


def _parquet(folder: Path, *names: str) -> pd.DataFrame | None:
    for name in names:
        file = folder / f"{name}.parquet"
        if file.exists():
            return pd.read_parquet(file)
    return None


def _one(folder: Path, *names: str) -> Path:
    for name in names:
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"{folder} has none of {', '.join(names)}")
