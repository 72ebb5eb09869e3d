"""
Parquet as a table, for the users' own archives of results and announcements.

Columns arrive typed, so that 770,000 announcements need no text: moments become seconds, numbers stay numbers, all
else becomes text. A time without zone is Asia/Kolkata here as everywhere. This module is imported
only when a file needs it: the programs that serve carry no pyarrow.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from upper_circuit.errors import FileRefused
from upper_circuit.market.days import IST_OFFSET
from upper_circuit.market.formats.archive import Content
from upper_circuit.market.formats.table import Column, Table, named_columns

_MOST_ROWS = 10_000_000


def parquet_table(content: Content) -> Table:
    """The columns of a Parquet file; a missing text is "", a missing number NaN, a missing moment is refused later."""
    try:
        file = pq.ParquetFile(BytesIO(content.data))
        if file.metadata.num_rows > _MOST_ROWS:
            raise FileRefused(content.where, f"has more than {_MOST_ROWS:,} rows")
        frame = file.read()
        frame.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        cause = str(error).partition("\n")[0] or type(error).__name__
        raise FileRefused(content.where, f"is a damaged Parquet file: {cause}") from error
    if not frame.num_rows:
        raise FileRefused(content.where, "has columns and no rows")
    columns = [
        (name, _column(content, name, chunks))
        for name, chunks in zip(frame.column_names, frame.columns, strict=True)
    ]
    return named_columns(content, columns, range(1, frame.num_rows + 1))


def _column(content: Content, name: str, chunks: Any) -> Column:
    kind = chunks.type
    if pa.types.is_timestamp(kind):
        return _moments(content, name, chunks, kind)
    if pa.types.is_floating(kind):
        return np.asarray(chunks.cast(pa.float64()).to_numpy(), dtype=np.float64)
    if pa.types.is_dictionary(kind):
        chunks = chunks.cast(kind.value_type)
    return tuple("" if value is None else str(value) for value in chunks.to_pylist())


def _moments(content: Content, name: str, chunks: Any, kind: Any) -> Column:
    if chunks.null_count:
        row = chunks.is_null().to_pylist().index(True) + 1
        raise FileRefused(content.where, "is missing", row, name, "")
    seconds = np.asarray(
        chunks.cast(pa.timestamp("s", kind.tz), safe=False).cast(pa.int64()).to_numpy(), dtype=np.int64
    )
    return seconds if kind.tz else seconds - IST_OFFSET
