"""
Two pictures of a model: may its probabilities be believed, and how far down the list is it worth reading.

Drawn without a display and without pyplot's global state, which would leak from one training of a process into the
next.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from upper_circuit.training.evaluate import TITLES, Evaluation

_SIZE = (6.4, 4.8)
_DPI = 110
_COLOURS = {"all": "#1f5fa8", "EQ": "#c0392b", "fresh": "#7aa6d8", "EQ fresh": "#e59a8f"}


def reliability(evaluation: Evaluation, title: str) -> bytes:
    """PNG: mean probability against share of locks, for groups of equal size."""
    figure, axes = _figure(title)
    highest = 0.0
    for universe in ("all", "EQ"):
        found = evaluation.reliability[universe]
        axes.plot(
            found.said, found.happened, "o-", markersize=4, color=_COLOURS[universe], label=TITLES[universe]
        )
        highest = max([highest, *found.said, *found.happened])
    axes.plot([0, highest], [0, highest], "--", color="grey", linewidth=1, label="as said")
    axes.set_xlabel("probability said (mean of a twentieth of the rows)")
    axes.set_ylabel("share that locked")
    axes.legend(loc="upper left")
    return _png(figure)


def precision_at_k(evaluation: Evaluation, title: str) -> bytes:
    """PNG: of each day's k best, the share that locked, beside what a blind choice would give."""
    figure, axes = _figure(title)
    for universe, points in evaluation.precision_down_the_list.items():
        if not points:
            continue
        depth, precision = zip(*points, strict=True)
        axes.plot(depth, precision, "o-", markersize=4, color=_COLOURS[universe], label=TITLES[universe])
        base_rate = evaluation.metrics[universe].base_rate
        axes.axhline(base_rate, color=_COLOURS[universe], linestyle=":", linewidth=1)
    axes.set_xlabel("k: names from the top of the day's list (dotted: base rate)")
    axes.set_ylabel("share that locked")
    axes.set_ylim(0, 1)
    axes.legend(loc="upper right")
    return _png(figure)


def _figure(title: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure  # noqa: PLC0415  # a second that a refused training should not cost

    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10)
    axes.grid(visible=True, alpha=0.3)
    return figure, axes


def _png(figure: Any) -> bytes:
    target = BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()
