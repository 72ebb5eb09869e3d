"""
Golden rows: what a model answered when it was made, asked again before it is used.

They prove what no hash can: that this library on this machine still gives the answers that were evaluated. They are
scored in a process of their own, because a model that XGBoost cannot stand takes the process with it, and that process
must not be the one that serves. `python -m upper_circuit.models.golden FOLDER` is that process; it prints one line.
Without a folder it imports what it needs and then reads its arguments, a JSON list, from a line of stdin.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from upper_circuit.errors import ModelRejected
from upper_circuit.models import apart
from upper_circuit.models.calibration import Platt
from upper_circuit.models.manifest import GoldenRow, MadeWith, Manifest
from upper_circuit.models.scorer import Forest, Scorer, made_with

CHECK = "golden rows"
ROOM = 512 << 20
"""Address space of Python with numpy and XGBoost before any model (measured: 230 to 460 MB)."""
ELSEWHERE = 1e-5
"""How far a margin may be off, relative to 1 or to itself, where another library or architecture computed it."""
SHAP_GAP = 1e-3
"""How far SHAP values may miss the margin they sum to: they are sums of float32 over every path."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the process of its own found."""

    margins: list[float]
    probabilities: list[float]
    shap_gap: float
    """The largest distance between a row's sum of SHAP values and its margin; NaN when one is not finite."""
    xgboost: str
    numpy: str
    machine: str

    @property
    def made_with(self) -> MadeWith:
        """What computed them."""
        return MadeWith(xgboost=self.xgboost, numpy=self.numpy, machine=self.machine)


def make_rows(
    forest: Forest, calibration: Platt, matrix: npt.NDArray[np.float32], count: int = 16
) -> tuple[GoldenRow, ...]:
    """Golden rows for a manifest, from rows [n >= 1, features] as training has them.

    Takes rows from the lowest to the highest margin; of every second one a third of the features is made missing,
    and the last row has none at all, so that the branches for missing values are proven too.
    """
    order = np.argsort(forest.margins(matrix), kind="stable")
    rows = matrix[order[np.linspace(0, len(order) - 1, count).astype(np.intp)]]
    for number in range(1, count, 2):
        rows[number, number % 3 :: 3] = np.nan
    rows[-1] = np.nan
    margins = forest.margins(rows)
    answers = zip(rows.tolist(), margins.tolist(), calibration.probability(margins).tolist(), strict=True)
    return tuple(
        GoldenRow(
            values=tuple(None if value != value else value for value in values),  # noqa: PLR0124  # NaN
            margin=margin,
            probability=probability,
        )
        for values, margin, probability in answers
    )


def require(folder: Path, manifest: Manifest, *, memory_limit: int, timeout: float) -> None:
    """Raise ModelRejected unless the model in `folder`, asked in a process of its own, gives the golden answers."""
    version = str(manifest.version)
    compare(manifest, ask_apart(folder, version, memory_limit=memory_limit, timeout=timeout))


def compare(manifest: Manifest, answers: Answers) -> None:
    """Raise ModelRejected unless these are the answers of the manifest.

    To the last bit, where XGBoost, numpy and architecture are those of the manifest. Elsewhere logarithms may differ
    by a bit and margins with them: up to ELSEWHERE is then accepted, since a model trained on one kind of machine must
    be usable on another; scores stay equal among machines of one kind.
    """
    allowed = 0.0 if answers.made_with == manifest.made_with else ELSEWHERE
    for name, wanted, found in (
        ("margin", [row.margin for row in manifest.golden], answers.margins),
        ("probability", [row.probability for row in manifest.golden], answers.probabilities),
    ):
        gaps = [abs(a - b) / max(1.0, abs(a)) for a, b in zip(wanted, found, strict=True)]
        worst = int(np.argmax(gaps))
        if not gaps[worst] <= allowed:
            reason = (
                f"row {worst} has {name} {found[worst]!r}, {wanted[worst]!r} is due (at most {allowed} off); "
                f"made with {manifest.made_with}, here is {answers.made_with}"
            )
            raise ModelRejected(str(manifest.version), CHECK, reason)
    if not answers.shap_gap <= SHAP_GAP:
        reason = f"SHAP values miss the margin they should sum to by {answers.shap_gap}"
        raise ModelRejected(str(manifest.version), CHECK, reason)


def ask_apart(folder: Path, version: str, *, memory_limit: int, timeout: float) -> Answers:
    """Score a folder's golden rows in a process of its own; ModelRejected, with `version`, when that fails."""
    limits = ["--memory", str(memory_limit + ROOM), "--seconds", str(max(1, round(timeout)))]
    order = json.dumps([str(folder.absolute()), *limits]) + "\n"
    with apart.take() as ended:
        try:
            told, said = ended.communicate(order.encode(), timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise ModelRejected(version, CHECK, f"no answer within {timeout:g} s") from error
        finally:
            ended.kill()  # nothing, where it has ended
    if ended.returncode < 0:
        name = signal.Signals(-ended.returncode).name
        raise ModelRejected(version, CHECK, f"the process that scored them died of {name}")
    if ended.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        raise ModelRejected(version, CHECK, f"the process that scored them failed: {''.join(last)[:300]}")
    return Answers(**json.loads(told.splitlines()[-1]))


def ask(folder: Path) -> Answers:
    """Score a folder's golden rows in this process."""
    scorer = Scorer.load(folder)
    rows = scorer.manifest.golden_matrix()
    scores = scorer.score(rows)
    gaps = np.abs(scorer.contributions(rows).astype(np.float64).sum(axis=1) - scores.margin)
    return Answers(
        scores.margin.tolist(), scores.probability.tolist(), float(np.max(gaps)), **made_with().model_dump()
    )


def _limit_this_process(memory: int, seconds: int) -> None:
    wanted = {resource.RLIMIT_AS: memory, resource.RLIMIT_CPU: seconds, resource.RLIMIT_CORE: 0}
    for limit, value in wanted.items():
        _, hard = resource.getrlimit(limit)
        soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS takes no limit on address space
            resource.setrlimit(limit, (soft, hard))


def main(arguments: Sequence[str]) -> int:
    """Print the answers of a folder as one line of JSON, within limits."""
    if not arguments:
        made_with()  # imports XGBoost, the longest part
        line = sys.stdin.readline()
        if not line:  # nobody needed it
            return 0
        arguments = json.loads(line)
    parser = argparse.ArgumentParser(prog="python -m upper_circuit.models.golden", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--memory", type=int, default=(1 << 30) + ROOM, help="bytes of address space")
    parser.add_argument("--seconds", type=int, default=60, help="of CPU time")
    given = parser.parse_args(arguments)

    _limit_this_process(given.memory, given.seconds)
    sys.stdout.write(json.dumps(asdict(ask(given.folder))) + os.linesep)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
