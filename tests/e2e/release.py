"""The chart as a release in a namespace, and how its users reach it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.e2e.kube import Namespace

CHART = Path(__file__).parents[2] / "charts" / "upper-circuit"
K8S = Path(__file__).parents[2] / "k8s"
VALUES = Path(__file__).with_name("values.yaml")
NAME = "upper-circuit"
GATEWAY = "desk"
"""The one of k8s/gateway.yaml."""
TWO_OF_EACH = (
    "transformer.autoscaling.minReplicas=2",
    "transformer.autoscaling.maxReplicas=2",
    "predictor.autoscaling.minReplicas=2",
    "predictor.autoscaling.maxReplicas=2",
)
"""Values with which no pod is a slot's only one."""


@dataclass(frozen=True, slots=True)
class Release:
    """`helm install upper-circuit charts/upper-circuit` in a namespace."""

    namespace: Namespace
    name: str = NAME
    session: requests.Session = field(default_factory=requests.Session)

    def install(
        self, *sets: str, chart: Path = CHART, values: Sequence[Path] = (VALUES,), wait: bool = True
    ) -> None:
        """Install, and wait until the API answers."""
        files = [argument for file in values for argument in ("--values", str(file))]
        self.helm("install", self.name, str(chart), *files, *_sets(sets))
        if wait:
            self.until_answering()

    def upgrade(self, *sets: str, chart: Path = CHART, wait: bool = True) -> None:
        """Change values, keeping the others."""
        self.helm("upgrade", self.name, str(chart), "--reset-then-reuse-values", *_sets(sets))
        if wait:
            self.until_rolled_out()

    def helm(self, *arguments: str, timeout: float = 600) -> str:
        """What helm prints."""
        command = ["helm", *arguments, "--namespace", self.namespace.name]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout)
        assert 0 == done.returncode, (
            f"{' '.join(command)}\n{done.stdout}\n{done.stderr}\n{self.namespace.story()}"
        )
        return done.stdout

    @property
    def inside(self) -> str:
        """The one stable name inside the cluster."""
        return f"http://{self.name}.{self.namespace.name}.svc.cluster.local"

    @property
    def outside(self) -> str:
        """The Gateway's address."""
        [gateway] = [
            each for each in self.namespace.get("gateways")["items"] if each["metadata"]["name"] == GATEWAY
        ]
        return f"http://{gateway['status']['addresses'][0]['value']}"

    def ask(
        self, path: str, document: Any = None, *, through: str | None = None, within: float = 15, **given: Any
    ) -> Any:
        """GET, or POST a document, through the in-cluster name or another; the answer's JSON, whatever its status."""
        url = (through or self.inside) + path
        kind = "GET" if document is None else "POST"
        answer = self.session.request(kind, url, json=document, timeout=within, **given)
        return answer.json()

    def until_answering(self, within: float = 420) -> None:
        """Wait until a real question gets a real answer."""

        def answers() -> bool:
            return not self.ask("/api/v1/health").get("problems", True)

        self.namespace.wait(answers, within=within, what="a healthy API")

    def until_rolled_out(self, within: float = 300) -> None:
        """Wait until every Deployment runs what it should, and nothing else."""
        self.namespace.wait(self._is_rolled_out, within=within, what="Deployments rolled out")

    def until_one_slot(self) -> None:
        """Wait until the other slot is gone."""
        self.namespace.wait(
            lambda: len(self.namespace.get("inferenceservices")["items"]) == 1,
            within=60,
            what="the canary's end",
        )

    def _is_rolled_out(self) -> bool:
        for each in self.namespace.get("deployments")["items"]:
            status, wanted = each["status"], each["spec"]["replicas"]
            counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas")]
            if status.get("observedGeneration") != each["metadata"]["generation"] or counts != [wanted] * 3:
                return False
        return True

    def first_answer(self, morning: str) -> dict[str, Any]:
        """The answer for the likeliest stock of a morning."""
        [best] = self.ask(f"/api/v1/predictions?date={morning}&top=1")["predictions"]
        found: dict[str, Any] = self.ask(
            "/api/v1/predict", {"bse_code": best["bse_code"], "prediction_date": morning}
        )
        return found

    def run_by_hand(self, morning: str, *, name: str | None = None) -> str:
        """Start the morning's Job as a person would; gives its name."""
        job = name or f"{self.name}-batch-{morning}"
        self.namespace.kubectl("create", "job", f"--from=cronjob/{self.name}-batch", job)
        return job

    def ended(self, job: str, *, within: float = 300) -> Mapping[str, Any]:
        """A Job's status once it is complete or failed."""

        def status() -> Mapping[str, Any] | None:
            found: Mapping[str, Any] = self.namespace.get("job", job)["status"]
            kinds = {each["type"] for each in found.get("conditions", []) if each["status"] == "True"}
            return found if kinds & {"Complete", "Failed"} else None

        return self.namespace.wait(status, within=within, what=f"the end of {job}")

    def secret(self, key: str, name: str | None = None) -> str:
        """A value of a Secret, of the demo's by default."""
        import base64

        found = self.namespace.get("secret", name or f"{self.name}-demo")["data"][key]
        return base64.b64decode(found).decode()

    @property
    def database_url(self) -> str:
        """The demo's database, as it is reached from the tests."""
        host = f"{self.name}-database"
        return self.secret("database-url").replace(
            f"@{host}:", f"@{host}.{self.namespace.name}.svc.cluster.local:"
        )


def _sets(sets: Sequence[str]) -> list[str]:
    return [argument for each in sets for argument in ("--set", each)]


def numbers(answer: Mapping[str, Any]) -> str:
    """What must be the same everywhere, as text that keeps every bit."""
    names = ("bse_code", "probability", "predicted_label", "confidence", "model_version", "as_of")
    return json.dumps({name: answer[name] for name in names})
