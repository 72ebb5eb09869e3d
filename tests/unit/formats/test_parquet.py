"""Parquet tables: the same facts as in text, already typed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from io import BytesIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from upper_circuit.errors import FileRefused
from upper_circuit.market.formats import ResultRow

EVENING = int(datetime(2025, 10, 17, 13, 30, tzinfo=UTC).timestamp())
"""2025-10-17 19:00 in Asia/Kolkata."""


def parquet(frame: pd.DataFrame) -> bytes:
    """The frame as a Parquet file."""
    content = BytesIO()
    frame.to_parquet(content)
    return content.getvalue()


def test_results_as_parquet(read):
    """The archive's own layout: typed columns, NaN for what is missing."""
    frame = pd.DataFrame(
        {
            "bse_code": ["500325", None],
            "nse_symbol": ["RELIANCE", "ABB"],
            "quarter_end": pd.to_datetime(["2025-09-30", "2025-06-30"]),
            "announced_at": pd.to_datetime(["2025-10-17 19:00:00", "2025-10-17 19:00:00"]),
            "consolidated": ["Non-Consolidated", "Standalone"],
            "net_profit": [1.5, float("nan")],
            "eps": [2.5, 3.5],
            "revenue": [4.5, 5.5],
        }
    )

    file = read(parquet(frame))

    assert (
        ResultRow("500325", "RELIANCE", date(2025, 9, 30), "standalone", EVENING, 4.5, 1.5, 2.5),
        ResultRow(None, "ABB", date(2025, 6, 30), "standalone", EVENING, 5.5, None, 3.5),
    ) == file.rows


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Kolkata"])
@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_a_parquet_time_knows_its_zone(zone, unit, read):
    """Without zone it is Indian; with one it is that moment."""
    stamp = pd.Timestamp("2025-10-17 19:00:00")
    stamp = stamp if zone is None else stamp.tz_localize("Asia/Kolkata").tz_convert(zone)
    frame = pd.DataFrame({"nse_symbol": ["ABB"], "announced_at": [stamp], "category": ["Dividend"]})
    frame["announced_at"] = frame["announced_at"].dt.as_unit(unit)

    assert [EVENING] == read(parquet(frame)).announced_at.tolist()


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("announced_at", [None, pd.Timestamp("2025-10-17 19:00:00")], "announced_at='': is missing"),
        ("announced_at", [1.5, 2.5], "holds numbers where times are needed"),
        ("announced_at", ["2025-10-17 19:00:00", "tomorrow"], "is no time like"),
        ("category", [1.5, 2.5], "holds numbers where text is needed"),
        ("bse_code", [500325, 5], "no BSE code"),
    ],
)
def test_a_wrong_parquet_column_is_refused(column, values, reason, read):
    """Typed columns are checked as text is; the line is the row."""
    good = {
        "bse_code": ["500325", "500002"],
        "announced_at": pd.to_datetime(["2025-10-17 19:00:00", "2025-10-17 19:00:00"]),
        "category": ["Dividend", "Dividend"],
    }

    with pytest.raises(FileRefused, match=reason):
        read(parquet(pd.DataFrame(good | {column: values})))


def test_an_empty_parquet_file_is_refused(read):
    """Columns without rows say nothing."""
    frame = pd.DataFrame({"nse_symbol": [], "announced_at": [], "category": []})

    with pytest.raises(FileRefused, match="no rows"):
        read(parquet(frame))


def test_a_parquet_file_of_too_many_rows_is_refused(read, monkeypatch):
    """A few bytes may declare any number of rows; it is looked at before memory is taken for them."""
    monkeypatch.setattr("upper_circuit.market.formats.parquet._MOST_ROWS", 1)
    frame = pd.DataFrame(
        {"nse_symbol": ["ABB", "TCS"], "factor": [0.5, 0.5], "ex_date": ["2025-10-17", "2025-10-17"]}
    )

    with pytest.raises(FileRefused, match="more than 1 rows"):
        read(parquet(frame))


def test_a_parquet_column_that_stands_twice_is_refused(read):
    """Nobody can tell which of the two is meant."""
    content = BytesIO()
    column = pa.array(["ABB"])
    pq.write_table(pa.table([column, column], names=["nse_symbol", "nse_symbol"]), content)

    with pytest.raises(FileRefused, match="two columns nse_symbol"):
        read(content.getvalue())


def test_a_parquet_figure_that_is_infinite_is_refused(read):
    """Infinity in a ratio would spoil a median."""
    frame = pd.DataFrame({"nse_symbol": ["ABB"], "ex_date": ["2025-10-17"], "factor": [float("inf")]})

    with pytest.raises(FileRefused, match="no finite number"):
        read(parquet(frame))
