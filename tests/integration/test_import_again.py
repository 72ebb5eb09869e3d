"""An archive that is imported again: what corrected it meanwhile stays, what it brought anew comes."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pandas as pd

from tests.factories.database import (
    NOW,
    Trade,
    change_column,
    day_file,
    load_master,
    master_file,
    rows,
    stock,
    write_archive,
)
from upper_circuit.market import formats
from upper_circuit.market.calendar import load_calendar
from upper_circuit.market.days import moment_of
from upper_circuit.market.loading import import_history, ingest

CODES = ("500001", "500002")
MON, TUE, WED = (date(2025, 12, day) for day in (15, 16, 17))
DAYS = {
    MON: [Trade(close=100.0), Trade("500002", close=50.0, prev_close=50.0)],
    TUE: [Trade(close=105.0), Trade("500002", close=51.0, prev_close=50.0)],
}


def archive(folder: Path, days=DAYS, **tables: pd.DataFrame) -> Path:
    """A flat archive of the two stocks."""
    return write_archive(folder / "archive", days, CODES, **tables)


def left_out(done) -> list[str]:
    """What an import left out, without names."""
    return [f"{one.rows} {one.table}: {one.reason}" for one in done.left_out]


def list_stocks(folder: Path, *codes: str) -> None:
    """Write the archive's master list anew."""
    listed = [f"{code},Company {code},ACTIVE,S{code}\n" for code in codes]
    (folder / "master_stock_list.csv").write_text(
        "bse_code,company_name,status,nse_symbol\n" + "".join(listed)
    )


def test_a_new_master_list_takes_no_correction_back(database, tmp_path):
    """All of the archive is read again for the stocks it brings; what was corrected since is not the archive's any more."""
    days = {**DAYS, MON: [*DAYS[MON], Trade(None, symbol="S500003", close=70.0)]}
    folder = archive(tmp_path, days)
    import_history(database, folder, now=NOW)
    others = Trade("500002", close=50.0, prev_close=50.0), Trade("500003", close=70.0)
    correction = day_file(MON, Trade(close=99.5), *others, name="b.csv")
    ingest(database, correction, now=NOW)
    list_stocks(folder, *CODES, "500003")

    done = import_history(database, folder, now=NOW)
    again = import_history(database, folder, now=NOW)

    closes = [
        (code, close)
        for code, day, close in rows(database, "daily_prices", "bse_code", "trade_date", "close")
        if day == MON
    ]
    assert [("500001", 99.5), ("500002", 50.0), ("500003", 70.0)] == closes
    assert ["2 daily_prices: corrected by a later file"] == left_out(done)
    assert () == again.files
    assert "the same content is loaded as b.csv" == ingest(database, correction, now=NOW).unchanged


def test_a_new_master_list_leaves_corrected_results_bands_and_sessions(database, tmp_path):
    """Every table of the archive is read again; rows that are there stay."""
    ends = pd.to_datetime(["2025-09-30"])
    filed = pd.DataFrame(
        {"bse_code": "500001", "quarter_end": ends, "announced_at": ends + pd.Timedelta(days=40), "consolidated": "Standalone", "revenue": [2e7], "net_profit": 1e6, "eps": 2.0}
    )  # fmt: skip
    listed = pd.DataFrame({"trading_date": [day.isoformat() for day in (*DAYS, WED)]})
    folder = archive(tmp_path, quarterly_results=filed, nse_trading_dates_2025=listed)
    import_history(database, folder, now=NOW)
    moment = moment_of(datetime(2025, 11, 9))  # noqa: DTZ001
    row = formats.ResultRow("500001", None, date(2025, 9, 30), "standalone", moment, 3e7, 1e6, 2.0)
    ingest(database, formats.ResultsFile("results", "results", "r.csv", "r", (), (row,)), now=NOW)
    closed = (formats.SessionRow(WED, False),)
    ingest(database, formats.SessionsFile("sessions", "sessions", "s.csv", "s", (), closed), now=NOW)
    list_stocks(folder, *CODES, "500003")

    import_history(database, folder, now=NOW)

    assert [(3e7,)] == rows(database, "quarterly_results", "revenue")
    assert not load_calendar(database).is_session(WED)


def test_an_archive_is_read_again_after_a_list_of_stocks_came_beside_it(database, tmp_path):
    """The list of another source knows the stock; the archive's own list is as it was, and stays behind it."""
    folder = archive(tmp_path, {MON: [*DAYS[MON], Trade(None, symbol="S500003", close=70.0)]})
    import_history(database, folder, now=NOW)
    load_master(database, *CODES, "500003")
    ingest(database, master_file(stock("500001", company_name="Renamed Ltd")), now=NOW + 1)

    done = import_history(database, folder, now=NOW + 2)
    again = import_history(database, folder, now=NOW + 3)

    assert ("daily_prices.parquet",) == done.files
    assert () == again.files
    assert "500003" in [code for (code,) in rows(database, "daily_prices", "bse_code")]
    assert ("500001", "Renamed Ltd") in rows(database, "master_stock_list", "bse_code", "company_name")


def test_an_archive_s_file_that_another_one_replaced_is_loaded_again(database, tmp_path):
    """The new version was wrong; the old one is put back."""
    folder = archive(tmp_path)
    import_history(database, folder, now=NOW)
    old = (folder / "daily_prices.parquet").read_bytes()
    change_column(folder / "daily_prices.parquet", low=1.0)
    import_history(database, folder, now=NOW)
    (folder / "daily_prices.parquet").write_bytes(old)

    done = import_history(database, folder, now=NOW)

    assert ("daily_prices.parquet",) == done.files
    assert 1.0 not in [low for (low,) in rows(database, "daily_prices", "low")]
