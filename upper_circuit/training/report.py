"""
What a training leaves behind for people: a short text for the terminal, a page and two pictures to keep.

They lie beside the registry, not in it: a model's folder holds what is needed to serve, and nothing else is proven.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from upper_circuit.training import plots
from upper_circuit.training.figures import COLUMNS, f1_line, judged_title, metrics_rows, warnings
from upper_circuit.training.page import page
from upper_circuit.training.train import PeriodRows, Trained

REPORT = "training_report.md"
RELIABILITY = "reliability.png"
PRECISION = "precision_at_k.png"


def summary(trained: Trained) -> str:
    """The short report for a terminal."""
    manifest = trained.manifest
    chosen = " (periods chosen from the data: the newest 15 % test, the 15 % before calibrate)"
    lines = [
        f"{manifest.model_type} {manifest.version}: {manifest.trees} trees, {manifest.size_bytes:,} bytes"
        + (chosen if trained.split_by_default else ""),
        *(_period_line(name, period) for name, period in trained.periods.items()),
        "",
        judged_title(trained),
        *_aligned([COLUMNS, *metrics_rows(trained.evaluation)]),
        "",
        f1_line(trained),
        *warnings(trained),
    ]
    return "\n".join(lines)


def write_report(trained: Trained, folder: Path) -> tuple[Path, ...]:
    """Write page and pictures into a folder; each file is whole or not there."""
    title = f"{trained.manifest.model_type} {trained.manifest.version}, {judged_title(trained)}"
    files = {
        RELIABILITY: plots.reliability(trained.evaluation, title),
        PRECISION: plots.precision_at_k(trained.evaluation, title),
        REPORT: page(trained, {RELIABILITY: "Reliability", PRECISION: "Precision at k"}).encode(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(folder / name, content)
    return tuple(folder / name for name in files)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it: a reader never sees half of it."""
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _period_line(name: str, period: PeriodRows) -> str:
    return (
        f"{name:<10} {period.first} to {period.last}, labels until {period.until}: "
        f"{period.rows:,} rows of {period.mornings} mornings, {period.locks:,} with a lock"
    )


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]
