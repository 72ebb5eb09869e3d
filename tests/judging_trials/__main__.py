"""
`python -m tests.judging_trials`: how often the judge is wrong (`make judge-trials`).

Prints a confusion table; exit code 1 where bad canaries are promoted in more than 1 % of the trials, identical ones
rolled back in more than 2 %, or slightly better ones promoted in less than half. With --write the table goes into
docs/judge.md.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from tests.judging_trials.canaries import KINDS, trial
from upper_circuit.judging.thresholds import Thresholds
from upper_circuit.judging.verdict import Decision, judge

PAGE = Path(__file__).parents[2] / "docs" / "judge.md"
BEGIN, END = "<!-- trials -->", "<!-- end of trials -->"
MOST_BAD_PROMOTED = 0.01
MOST_IDENTICAL_ROLLED_BACK = 0.02
LEAST_BETTER_PROMOTED = 0.5

Counts = dict[str, Counter[Decision]]


def run(trials: int) -> tuple[Counts, Counter[str]]:
    """Verdicts by kind over trials 0, 1, ...; and which checks were not passed by whom."""
    counts: Counts = {kind.name: Counter() for kind in KINDS}
    stopped: Counter[str] = Counter()
    limits = Thresholds()
    for seed in range(trials):
        for kind, evidence in trial(seed):
            verdict = judge(evidence, limits)
            counts[kind.name][verdict.decision] += 1
            stopped.update(
                f"{kind.name}: {check.name} {check.state}"
                for check in verdict.checks
                if check.state != "pass"
            )
    return counts, stopped


def broken_promises(counts: Counts) -> list[str]:
    """What the judge promises and did not keep, as sentences."""
    found = []
    for kind in KINDS:
        of = counts[kind.name]
        trials = of.total()
        promoted, back = of[Decision.PROMOTE] / trials, of[Decision.ROLL_BACK] / trials
        if kind.quality == "bad" and promoted > MOST_BAD_PROMOTED:
            found.append(f"{kind.name} canaries are promoted in {promoted:.1%} of the trials")
        if kind.name == "identical" and back > MOST_IDENTICAL_ROLLED_BACK:
            found.append(f"identical canaries are rolled back in {back:.1%} of the trials")
        if kind.name == "slightly better" and promoted < LEAST_BETTER_PROMOTED:
            found.append(f"slightly better canaries are promoted in {promoted:.1%} of the trials only")
    return found


def table(counts: Counts) -> str:
    """The confusion table, in Markdown."""
    lines = [
        "| canary | what it is | should be | promote | roll back | not enough evidence |",
        "| --- | --- | --- | ---: | ---: | ---: |",
    ]
    for kind in KINDS:
        shares = [f"{counts[kind.name][decision] / counts[kind.name].total():.1%}" for decision in Decision]
        lines.append(f"| {kind.name} | {kind.what} | {kind.quality} | {' | '.join(shares)} |")
    return "\n".join(lines)


def main() -> int:
    """0 when every promise was kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--write", action="store_true", help="put the table into docs/judge.md")
    arguments = parser.parse_args()
    counts, stopped = run(arguments.trials)
    text = f"{arguments.trials} trials of each kind.\n\n{table(counts)}"
    sys.stdout.write(f"{text}\n")
    for what, times in sorted(stopped.items()):
        sys.stderr.write(f"{times:5} x {what}\n")
    if arguments.write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    broken = broken_promises(counts)
    for sentence in broken:
        sys.stderr.write(f"{sentence}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
