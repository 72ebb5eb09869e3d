"""Columns into tables: kinds of values, what is missing, and rows that are there already."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import sqlalchemy as sa

from tests.factories.database import rows
from upper_circuit.market.days import day_of
from upper_circuit.market.loading.writing import delete_stocks, insert, many_rows, select_stocks
from upper_circuit.market.schema import circuit_quarters, daily_prices, packed_prices, price_bands

DAY = date(2025, 12, 15)


def put(database, table, columns, **how) -> int:
    """Insert in a transaction."""
    with database.writing("market") as connection:
        return insert(connection, table, columns, **how)


def quarter(locked: int, *codes: str) -> dict[str, object]:
    """Rows of circuit_quarters that differ in the code."""
    one = {"history_start": day_of(DAY), "quarter": 8103, "locked": locked, "bars": 60}
    return {"bse_code": list(codes), **{name: np.full(len(codes), value) for name, value in one.items()}}


def test_nan_is_null_where_a_column_may_be_null(database):
    """Also where the column counts whole things."""
    prices = {name: np.array([1.5, 2.5]) for name in ("open", "high", "low", "close", "prev_close")}
    columns = {
        "bse_code": ["500001", "500002"],
        "trade_date": np.array([day_of(DAY)] * 2),
        "exchange": ["NSE"] * 2,
        "symbol": ["A", "B"],
        "series": ["EQ"] * 2,
        **prices,
        "last": np.array([np.nan, 2.25]),
        "volume": np.array([10, 20]),
        "deliv_qty": np.array([7.0, np.nan]),
        "trades": [None, 3],
        "file_id": np.array([1, 1]),
    }

    put(database, daily_prices, columns)

    assert [("500001", DAY, None, 7, None), ("500002", DAY, 2.25, None, 3)] == rows(
        database, "daily_prices", "bse_code", "trade_date", "last", "deliv_qty", "trades"
    )


def test_bytes_come_back_as_they_went(database):
    """Packed bars hold zero bytes and quotes."""
    payload = bytes(range(256))

    put(
        database,
        packed_prices,
        {"bse_code": ["5"], "year": [2025], "bars": [1], "crc32": [2**32 - 1], "payload": [payload]},
    )

    assert [("5", 2025, 1, 2**32 - 1, payload)] == rows(database, "packed_prices")


def test_a_row_that_is_there_fails_unless_told_otherwise(database):
    """A double key is a fault of the caller; nothing of the call stays."""
    put(database, circuit_quarters, quarter(1, "500001"))

    with pytest.raises(Exception, match=r"(?i)unique"):
        put(database, circuit_quarters, quarter(2, "500000", "500001"))

    assert [("500001", 1)] == rows(database, "circuit_quarters", "bse_code", "locked")


@pytest.mark.parametrize(
    ("how", "locked"),
    [
        ({"conflict": "keep"}, 1),
        ({"conflict": "replace"}, 2),
        ({"conflict": "replace", "adding": ("locked",)}, 3),
    ],
    ids=["keep", "replace", "add"],
)
def test_a_row_that_is_there_is_kept_replaced_or_added_to(database, how, locked):
    """Each table's loader says which."""
    put(database, circuit_quarters, quarter(1, "500001"))

    put(database, circuit_quarters, quarter(2, "500001", "500002"), **how)

    assert [("500001", locked), ("500002", 2)] == rows(database, "circuit_quarters", "bse_code", "locked")


@pytest.mark.parametrize(
    ("how", "changed"),
    [({"conflict": "keep"}, 1), ({"conflict": "replace"}, 2)],
    ids=["keep", "replace"],
)
def test_rows_that_are_there_just_like_this_are_not_counted(database, how, changed):
    """Only so can it be told whether a file says anything new; nothing is unlike nothing else."""
    one = {"remarks": [None], "effective_date": [day_of(DAY)]}
    put(database, price_bands, {"bse_code": ["500001"], "band": [5.0], **one})
    put(database, price_bands, {"bse_code": ["500002"], "band": [None], **one})
    again = {name: values * 3 for name, values in one.items()}

    found = put(
        database,
        price_bands,
        {"bse_code": ["500001", "500002", "500003"], "band": [2.0, None, None], **again},
        **how,
    )

    assert changed == found


def test_more_stocks_than_fit_into_a_statement_are_deleted_and_found(database):
    """12,000 codes; the rest of the table stays."""
    codes = [f"{500_000 + at}" for at in range(12_000)]
    put(database, circuit_quarters, quarter(1, *codes, "999999"))

    with database.writing("market") as connection:
        query = sa.select(circuit_quarters.c.bse_code)
        found = list(select_stocks(connection, query, circuit_quarters.c.bse_code, codes))
        delete_stocks(connection, circuit_quarters, codes)

    assert codes == sorted(code for (code,) in found)
    assert [("999999",)] == rows(database, "circuit_quarters", "bse_code")


def test_indexes_are_back_after_many_rows(database):
    """They are taken away only where the table is empty."""
    where = None if database.is_sqlite else "market"
    during = []
    for _ in range(2):
        with database.writing("market") as connection:
            with many_rows(connection, circuit_quarters) as is_empty:
                insert(connection, circuit_quarters, quarter(1, str(is_empty)))
            with many_rows(connection, daily_prices) as is_empty:
                during.append((is_empty, len(sa.inspect(connection).get_indexes("daily_prices", where))))

    after = sa.inspect(database.market).get_indexes("daily_prices", where)

    assert [(True, 0), (True, 0)] == during
    assert ["idx_daily_prices_date"] == [index["name"] for index in after]
    assert [("False",), ("True",)] == rows(database, "circuit_quarters", "bse_code")
