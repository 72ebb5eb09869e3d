"""A program that answers as Helm does, with a release's revisions in a file; no cluster, no chart."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from cli.rollout.helm import Helm

_PROGRAM = '''#!{python}
"""helm history, get values, upgrade: of one release."""
import json, sys
from pathlib import Path

home = Path({home!r})
words = sys.argv[1:]
with (home / "log").open("a") as log:
    log.write(json.dumps(words) + "\\n")
told = json.loads((home / "release.json").read_text())
revisions = told["revisions"]
if not revisions:
    sys.exit("Error: release: not found")
if words[0] == "history":
    told_of = told["descriptions"]
    listed = [
        {{"revision": at + 1, "chart": told["chart"], "description": told_of.get(str(at + 1), "Upgrade complete")}}
        for at in range(len(revisions))
    ]
    print(json.dumps(listed))
elif words[:2] == ["get", "values"]:
    at = int(words[words.index("--revision") + 1]) if "--revision" in words else len(revisions)
    print(json.dumps(revisions[at - 1]))
elif words[0] == "upgrade" and told["refusal"]:
    sys.exit(told["refusal"])
elif words[0] == "upgrade":
    values = json.loads(json.dumps(revisions[-1]))
    for flag, setting in zip(words, words[1:]):
        if flag in ("--set", "--set-string"):
            path, _, text = setting.partition("=")
            *parents, name = path.split(".")
            at = values
            for parent in parents:
                at = at[parent]
            at[name] = text if flag == "--set-string" else json.loads(text)
    revisions.append(values)
    if "--description" in words:
        told["descriptions"][str(len(revisions))] = words[words.index("--description") + 1]
    (home / "release.json").write_text(json.dumps(told))
'''


class HelmStandIn:
    """A `helm` in a folder of its own, which remembers what it was asked."""

    def __init__(self, folder: Path) -> None:
        self._home = folder
        self.program = folder / "helm"
        self.program.write_text(_PROGRAM.format(python=sys.executable, home=str(folder)), encoding="utf-8")
        self.program.chmod(0o755)
        self.chart = folder / "chart"
        self.chart.mkdir()
        (self.chart / "Chart.yaml").write_text("name: uc\nversion: 1.0.0\n", encoding="utf-8")
        (folder / "log").touch()
        self.said: list[str] = []
        self.release()

    def release(self, *revisions: dict[str, Any], chart: str = "uc-1.0.0") -> HelmStandIn:
        """Values of a release's revisions, oldest first; none: there is no release."""
        told = {"revisions": list(revisions), "chart": chart, "descriptions": {}, "refusal": ""}
        (self._home / "release.json").write_text(json.dumps(told), encoding="utf-8")
        return self

    def refuses(self, why: str) -> None:
        """From now on every upgrade is refused."""
        kept = self._home / "release.json"
        kept.write_text(json.dumps({**json.loads(kept.read_text(encoding="utf-8")), "refusal": why}))

    @property
    def helm(self) -> Helm:
        """Ours, over it."""
        return Helm("uc", "markets", self.chart, "kind", str(self.program), self.said.append)

    @property
    def asked(self) -> list[list[str]]:
        """Every command."""
        return [json.loads(line) for line in (self._home / "log").read_text(encoding="utf-8").splitlines()]

    @property
    def upgrades(self) -> list[list[str]]:
        """What every upgrade set."""
        return [
            [word for word in words if "=" in word and not word.startswith("--")]
            for words in self.asked
            if words[0] == "upgrade"
        ]
