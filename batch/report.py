"""
The morning's report: what a person reads before the market opens.

Its layout is the users' own, to the character; they have scripts that read it. Marks of a run that went on in spite of
something (stale prices, tables not loaded) stand right under the head, and only then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from batch.predictions import Prediction, SkippedStock

TOP = 20
_RULE = "=" * 40
_NAME_WIDTH = 19


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What a run came to. Guaranteed: `predictions` are ranked, `skipped` ascend by code."""

    run_id: str
    run_date: date
    as_of: date
    """The newest session whose prices were used."""
    model_type: str
    model_version: str
    f1: float | None
    """The model's own F1 at 0.5 on its test period; None without one."""
    predictions: tuple[Prediction, ...]
    skipped: tuple[SkippedStock, ...]
    notes: tuple[str, ...]
    duration: float
    """Seconds from the beginning of the run, as are the three below."""
    feature_seconds: float
    model_seconds: float
    write_seconds: float
    database: str
    """Its name for people."""
    csv_path: Path
    skipped_path: Path
    report_path: Path
    asides: tuple[str, ...] = ()
    """What a reader of the report must know beside the notes: shards that are missing, a second model not scored."""

    @property
    def locks(self) -> list[Prediction]:
        """The predicted upper circuits."""
        return [p for p in self.predictions if p.label == 1]

    @property
    def text(self) -> str:
        """The report as people read it."""
        return "\n".join(
            [
                *_head(self),
                *_summary(self),
                *_top(self.predictions),
                *_performance(self),
                *_files(self),
                "",
                _RULE,
                "",
            ]
        )


def no_list(run_date: date, run_id: str, reason: str) -> str:
    """What stands in the place of a report when there is none: whoever asks must not find nothing."""
    head = [_RULE, "BATCH PREDICTION REPORT", _RULE, f"Date: {run_date}"]
    return "\n".join([*head, f"FAILED: no stock was scored by run {run_id}", f"Reason: {reason}", _RULE, ""])


def _head(report: BatchReport) -> list[str]:
    f1 = "n/a" if report.f1 is None else f"{report.f1:.2f}"
    return [
        _RULE,
        "BATCH PREDICTION REPORT",
        _RULE,
        f"Date: {report.run_date}",
        f"Model: {report.model_type} v{report.model_version} (F1: {f1})",
        f"Duration: {_duration(report.duration)}",
        *(f"Warning: {note}" for note in (*report.notes, *report.asides)),
        "",
    ]


def _summary(report: BatchReport) -> list[str]:
    scored, skipped, locks = len(report.predictions), len(report.skipped), report.locks
    by_band = {band: sum(p.confidence == band.upper() for p in locks) for band in ("High", "Medium", "Low")}
    return [
        "SUMMARY:",
        f"- Total Stocks Processed: {scored:,}",
        f"- Stocks Skipped: {_share(skipped, scored + skipped)}",
        f"- Predicted Upper Circuit: {_share(len(locks), scored)}",
        *(f"- {band} Confidence: {_share(count, scored)}" for band, count in by_band.items()),
        "",
    ]


def _top(predictions: Sequence[Prediction]) -> list[str]:
    return [
        f"TOP {TOP} PREDICTIONS:",
        "Rank | BSE Code | NSE Symbol | Company Name        | Probability | Confidence",
        "-----|----------|------------|---------------------|-------------|------------",
        *(
            f"{rank:<4} | {p.bse_code:<8} | {p.nse_symbol or '-':<10} | {_short(p.company_name or '-'):<{_NAME_WIDTH}}"
            f" | {p.probability:<11.2f} | {p.confidence}"
            for rank, p in enumerate(predictions[:TOP], 1)
        ),
        "",
    ]


def _performance(report: BatchReport) -> list[str]:
    scored = len(report.predictions)
    rate = scored / report.duration if report.duration > 0 else 0.0
    return [
        "PERFORMANCE:",
        f"- Feature Extraction: {_duration(report.feature_seconds)} (avg {_each(report.feature_seconds, scored)})",
        f"- Model Prediction: {_duration(report.model_seconds)} (avg {_each(report.model_seconds, scored)})",
        f"- Database Write: {_duration(report.write_seconds)}",
        f"- Throughput: {rate:,.1f} stocks/second",
        "",
    ]


def _files(report: BatchReport) -> list[str]:
    scored, skipped = len(report.predictions), len(report.skipped)
    return [
        "OUTPUT FILES:",
        f"- Database: {report.database} ({scored:,} rows inserted)",
        f"- CSV: {report.csv_path.name} ({scored:,} rows)",
        f"- Skipped: {report.skipped_path.name} ({skipped:,} rows)",
    ]


def _share(count: int, total: int) -> str:
    return f"{count:,} ({count / total if total else 0.0:.1%})"


def _short(name: str) -> str:
    return name if len(name) <= _NAME_WIDTH else name[: _NAME_WIDTH - 3].rstrip() + "..."


def _duration(seconds: float) -> str:
    """`8m 23s`, `23s`, and milliseconds below a second."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours}h"] * (hours > 0) + [f"{minutes}m"] * (hours + minutes > 0) + [f"{rest}s"]
    return " ".join(parts)


def _each(seconds: float, stocks: int) -> str:
    """Whole milliseconds a stock; two digits of what is less than one."""
    each = seconds * 1000 / stocks if stocks else 0.0
    return f"{each:.0f}ms/stock" if each >= 0.995 else f"{each:.2g}ms/stock"
