"""
The training report as Markdown, for whoever decides whether to promote.

Every figure stands beside its base rate, and every row that was left out beside its reason: a model that shines on
the stocks that were easy to label is not a good model.
"""

from __future__ import annotations

from collections.abc import Mapping

from upper_circuit.models.manifest import Period
from upper_circuit.training.evaluate import Evaluation
from upper_circuit.training.figures import COLUMNS, f1_line, metrics_rows, warnings
from upper_circuit.training.train import PeriodRows, Trained

_REASONS = {
    "PRICE_MISSING": "no recent bar",
    "SHORT_HISTORY": "fewer than 60 own bars (not scored either)",
    "TOO_MANY_MISSING": "too many features missing",
    "NO_FIXED_BAND": "no fixed band (derivatives)",
    "FEW_BARS": "fewer than 120 own bars",
    "OTHER_SERIES": "of a series without label",
    "LOW_PRICE": "close below Rs 5",
    "NOT_KNOWN": "label not known (suspended, or too near the end of the data)",
    "BEYOND_PERIOD": "label reaches past the period",
}


def page(trained: Trained, pictures: Mapping[str, str]) -> str:
    """The report; `pictures` are what they show, by the name of their file beside it."""
    manifest, window = trained.manifest, trained.manifest.window
    lines = [
        f"# {manifest.model_type} {manifest.version}",
        "",
        f"Trained {manifest.created_at:%Y-%m-%d %H:%M %Z} with {manifest.made_with}, in {trained.seconds:.0f} s.",
        f"Label: locked at the upper circuit within the next {window.horizon} own bars.",
        "",
        *(f"**{line}**\n" for line in (f1_line(trained), *warnings(trained))),
        *page_sections(trained),
    ]
    shown = [line for name, shows in pictures.items() for line in ("", f"![{shows}]({name})")]
    return "\n".join([*lines, *shown]) + "\n"


def page_sections(trained: Trained) -> list[str]:
    """The lines of Markdown that hold wherever the page stands: figures, rows and forest."""
    manifest, window = trained.manifest, trained.manifest.window
    scaling = manifest.calibration
    return [
        "## How good it is",
        "",
        "P@k: of each day's k best, the share that locked. F1: of the rule probability >= 0.5. The last column: the Brier",
        "score of always forecasting the base rate. Fresh: no lock in the stock's newest five bars.",
        "",
        *(line for name, found in trained.evaluations.items() for line in _metrics_part(name, found)),
        "## What it learned from",
        "",
        f"Periods by time; the last {window.embargo} sessions of each are an embargo, and a row whose label reaches",
        "past the end of its period is left out. Fitting takes every second morning.",
        "",
        *table(
            [
                ("period", "run dates", "labels until", "mornings", "rows", "locks"),
                *map(_period_row, trained.periods.items()),
            ]
        ),
        "",
        *_left_out(trained.periods),
        "## The forest",
        "",
        f"{manifest.trees} trees, {manifest.size_bytes:,} bytes, sha256 `{manifest.sha256}`,",
        f"feature fingerprint `{manifest.feature_fingerprint}`.",
        f"Parameters: {', '.join(f'{name} {value}' for name, value in manifest.params.items())}.",
        f"Calibration: probability = 1 / (1 + exp(-({scaling.slope:.4f} margin {scaling.intercept:+.4f}))).",
        "",
        *table(
            [("feature", "share of gain"), *((name, f"{share:.3f}") for name, share in trained.gain.items())]
        ),
    ]


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows of text as a Markdown table, the first one its head."""
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return [head, f"|{'---|' * len(rows[0])}", *body]


def _metrics_part(name: str, evaluation: Evaluation) -> list[str]:
    seen = {"fit": " (the forest was fitted on these rows)", "calibrate": " (decided the number of trees)"}
    return [
        f"### {name.capitalize()}{seen.get(name, '')}",
        "",
        *table([COLUMNS, *metrics_rows(evaluation)]),
        "",
    ]


def _period_row(named: tuple[str, PeriodRows]) -> tuple[str, ...]:
    name, period = named
    dates = f"{period.first} to {period.last}"
    return (name, dates, str(period.until), str(period.mornings), f"{period.rows:,}", f"{period.locks:,}")


def _left_out(periods: Mapping[Period, PeriodRows]) -> list[str]:
    counts = [
        (_REASONS[reason], name, count)
        for name, period in periods.items()
        for reason, count in sorted(period.left_out.items())
        if count
    ]
    if not counts:
        return []
    rows = [(name, reason, f"{count:,}") for reason, name, count in counts]
    return ["Traded stocks that gave no row:", "", *table([("period", "because", "rows"), *rows]), ""]
