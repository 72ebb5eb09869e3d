"""
The files of a morning: predictions, skipped stocks, report.

Another program may read them at any moment, and this one may be killed at any moment. So each is written beside its
final name, brought to disk, and renamed: a reader finds the old file or the new one, never half of one.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from batch.predictions import Prediction, SkippedStock

PREDICTION_COLUMNS = (
    "bse_code", "nse_symbol", "company_name", "probability", "label", "confidence", "market_cap_cr",
)  # fmt: skip
SKIPPED_COLUMNS = ("bse_code", "nse_symbol", "company_name", "reason", "detail")
MARK_COLUMN = "notes"
"""Added at the end of each line when a run is marked (stale prices, tables not loaded), and only then."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of a date go."""

    predictions: Path
    skipped: Path
    report: Path

    @classmethod
    def of(cls, output: Path, run_date: date) -> Places:
        """In a folder under their usual names; an output that ends in .csv names the predictions themselves."""
        folder, name = (output, f"predictions_{run_date}.csv")
        if output.suffix == ".csv":
            folder, name = output.parent, output.name
        return cls(
            folder / name, folder / f"skipped_stocks_{run_date}.csv", folder / f"report_{run_date}.txt"
        )


def predictions_csv(predictions: Sequence[Prediction], notes: tuple[str, ...] = ()) -> str:
    """One line a stock in the order given; probabilities with every digit, so that they equal the database's."""
    return _csv(
        PREDICTION_COLUMNS,
        (
            (p.bse_code, p.nse_symbol, p.company_name, p.probability, p.label, p.confidence, p.market_cap_cr)
            for p in predictions
        ),
        notes,
    )


def skipped_csv(skipped: Sequence[SkippedStock], notes: tuple[str, ...] = ()) -> str:
    """One line a stock that was not scored."""
    return _csv(
        SKIPPED_COLUMNS,
        ((s.bse_code, s.nse_symbol, s.company_name, s.reason, s.detail) for s in skipped),
        notes,
    )


def write_all(files: Mapping[Path, str]) -> None:
    """Write every file, then put all in place; a failure before that leaves the former files as they were."""
    drafts = {path.with_name(f".{path.name}.part"): path for path in files}
    for draft, path in drafts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("w", encoding="utf-8", newline="") as file:
            file.write(files[path])
            file.flush()
            os.fsync(file.fileno())
    for draft, path in drafts.items():
        draft.replace(path)
    for folder in {path.parent for path in files}:
        _sync(folder)


def _csv(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]], notes: tuple[str, ...]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    mark = ("; ".join(notes),) if notes else ()
    writer.writerow((*columns, *((MARK_COLUMN,) if notes else ())))
    writer.writerows((*row, *mark) for row in rows)
    return out.getvalue()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
