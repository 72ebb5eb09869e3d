"""Tables of a few rows in the form `History` has them, for cases worked out by hand."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tests.reference.inputs import RUPEES, History


def sessions_from(start: str, n: int) -> pd.DatetimeIndex:
    """Weekdays from a date on, n of them."""
    return pd.bdate_range(start, periods=n)


def bars_of(
    days: pd.DatetimeIndex,
    *,
    code: str = "500001",
    series: str = "EQ",
    prev_close: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
    low: Sequence[float] | None = None,
    close: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Bars of one stock in rupees; what is not given is a quiet 100.00, and the volume 1000."""
    quiet = [100.0] * len(days)
    bars = pd.DataFrame(
        {
            "bse_code": code,
            "nse_symbol": f"S{code}",
            "series": series,
            "date": days,
            "prev_close": prev_close or quiet,
            "high": high or quiet,
            "low": low or quiet,
            "close": close or quiet,
            "volume": 1000.0,
        }
    )
    paise = {f"{name}_paise": np.rint(bars[name] * 100).astype("int64") for name in RUPEES}
    return bars.assign(**paise)


def factors_of(*rows: tuple[pd.Timestamp, float], code: str = "500001") -> pd.DataFrame:
    """Rows (ex_date, factor) of one stock's factor table."""
    return pd.DataFrame(
        {
            "bse_code": [code] * len(rows),
            "ex_date": pd.DatetimeIndex([ex_date for ex_date, _ in rows]),
            "factor": [factor for _, factor in rows],
        }
    )


def history_of(bars: pd.DataFrame, *, band: str = "20") -> History:
    """A history of prices only, every stock ACTIVE and in one industry."""
    codes = pd.Index(bars["bse_code"].unique(), name="bse_code")
    master = pd.DataFrame(
        {"status": "ACTIVE", "sector": "Goods", "industry": "Tea", "nse_band_dec2025": band}, index=codes
    )
    return History(
        prices=bars,
        master=master,
        factors=factors_of(),
        results=None,
        announcements=None,
        meetings=None,
        listed_sessions=pd.DatetimeIndex([]),
    )
