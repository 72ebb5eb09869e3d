"""The commands that Helm is given, against a program that answers as Helm does."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.rollout.helm import Helm, HelmFailed, as_values
from tests.factories.rollouts import values

ANSWERS = """#!{python}
import json, sys
from pathlib import Path
told = json.loads(Path({answers!r}).read_text())
words = [word for word in sys.argv[1:]]
with Path({log!r}).open("a") as log:
    log.write(json.dumps(words) + "\\n")
key = " ".join(words[:2]) if words[0] == "get" else words[0]
if "--revision" in words:
    key += " " + words[words.index("--revision") + 1]
if key not in told:
    sys.exit("Error: release: not found")
print(json.dumps(told[key]))
"""


class StandIn:
    """A `helm` whose answers a test names, and which remembers what it was asked."""

    def __init__(self, folder: Path) -> None:
        self._answers, self._log = folder / "answers.json", folder / "log"
        self.path = folder / "helm"
        self.path.write_text(
            ANSWERS.format(python=sys.executable, answers=str(self._answers), log=str(self._log))
        )
        self.path.chmod(0o755)
        self.chart = folder / "chart"
        self.chart.mkdir()
        (self.chart / "Chart.yaml").write_text("version: 1.0.0\n")
        self.said: list[str] = []

    def helm(self, **answers: Any) -> Helm:
        """Ours, over it."""
        self._answers.write_text(json.dumps({key.replace("_", " "): value for key, value in answers.items()}))
        return Helm("uc", "markets", self.chart, "kind", str(self.path), self.said.append)

    @property
    def asked(self) -> list[list[str]]:
        """Every command."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    """One of the test's own."""
    return StandIn(tmp_path)


def test_a_change_is_one_upgrade_that_takes_over_patched_fields_and_runs_no_hooks(stand_in):
    """And every command is said before it runs."""
    stand_in.helm(upgrade={}).upgrade({"traffic.a": 90, "slots.b.enabled": True, "slots.b.version": "1.1.0"})

    [asked] = stand_in.asked
    assert ["upgrade", "uc", str(stand_in.chart), "-n", "markets", "--kube-context", "kind"] == asked[:7]
    assert ["--reset-then-reuse-values", "--no-hooks", "--server-side=true", "--force-conflicts"] == asked[
        7:11
    ]
    assert [
        "--set",
        "traffic.a=90",
        "--set",
        "slots.b.enabled=true",
        "--set-string",
        "slots.b.version=1.1.0",
    ] == asked[11:]
    assert stand_in.said[0].startswith(f"+ {stand_in.path} upgrade uc")


def test_the_history_is_read_back_to_where_the_pair_began(stand_in):
    """Revision 2 has no pair: nobody asks for revision 1."""
    helm = stand_in.helm(
        history=[{"revision": number} for number in (1, 2, 3, 4)],
        get_values=values(b="1.1.0", weights=(0, 100)),
        get_values_3=values(b="1.1.0"),
        get_values_2=values(),
    )

    history = helm.history()

    assert (3, "a") == (len(history.states), history.older)


def test_what_helm_says_is_passed_on(stand_in):
    """A release that is not there."""
    with pytest.raises(HelmFailed, match="release: not found"):
        stand_in.helm().values()


def test_a_chart_of_another_version_is_refused(stand_in):
    """A rollout changes slots, and nothing that the next chart changes."""
    with pytest.raises(HelmFailed, match=r"made from version 0\.9\.0 of the chart, .* has 1\.0\.0"):
        stand_in.helm(get_metadata={"version": "0.9.0"}).require_the_same_chart()


def test_without_helm_it_is_said(tmp_path):
    """In the PATH or not at all."""
    with pytest.raises(HelmFailed, match="is not in the PATH"):
        Helm("uc", "markets", tmp_path, program="helm-that-is-not-there", say=lambda _: None).values()


def test_a_change_can_be_written_as_values():
    """For those who keep them in Git."""
    told = as_values({"traffic.a": 90, "traffic.b": 10, "slots.b.version": "1.1.0", "slots.b.enabled": True})

    assert "slots:\n  b:\n    enabled: true\n    version: 1.1.0\ntraffic:\n  a: 90\n  b: 10\n" == told
