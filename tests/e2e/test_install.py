"""`helm install` alone ends in a right answer, and in the one that a laptop gives."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from cli.bootstrap import fill
from tests.e2e.kube import Namespace
from tests.e2e.person import Person
from tests.e2e.release import VALUES, Release
from upper_circuit.features import CrossSection, raw
from upper_circuit.features import fill as finish
from upper_circuit.market.database import Database
from upper_circuit.market.market import Market
from upper_circuit.market.master import Master
from upper_circuit.market.migrations import upgrade
from upper_circuit.models.registry import Registry
from upper_circuit.models.scorer import Scorer
from upper_circuit.oip import contract

README = Path(__file__).parents[2] / "README.md"


class Laptop:
    """The same market and model on this machine, in SQLite."""

    def __init__(self, folder: Path) -> None:
        self.database = Database.at(folder / "db")
        upgrade(self.database)
        registry = Registry(folder / "models")
        fill(self.database, registry)
        version = registry.latest()
        market = Market.load(self.database)
        newest = market.calendar.newest
        self.morning = market.calendar.next_session(newest + timedelta(days=1))
        view = Market.load(self.database, run_date=self.morning).as_of(self.morning)
        columns, master = raw(view), Master.load(self.database)
        codes = [stock.bse_code for stock in master.active()]
        self.matrix = finish(columns, CrossSection.of(columns, master), master, codes)
        self.scores = Scorer.load(registry.folder(version)).score(self.matrix.values)

    def probability(self, bse_code: str) -> float:
        """Of a stock, widened for output."""
        return float(self.scores.probability[self.matrix.codes.index(bse_code)])


def quick_start(program: str, *words: str) -> list[str]:
    """The one command of the README's section on Kubernetes that begins so, without its namespace."""
    section = README.read_text(encoding="utf-8").split("\n## On Kubernetes\n")[1].split("\n## ")[0]
    typed = [shlex.split(line[2:], comments=True) for line in section.splitlines() if line.startswith("$ ")]
    [found] = [command[1:] for command in typed if command[: len(words) + 1] == [program, *words]]
    at = found.index("--namespace") if "--namespace" in found else len(found)
    return found[:at] + found[at + 2 :]


@pytest.fixture(scope="module")
def release(namespace: Namespace) -> Release:
    """What the README says, with what this cluster needs beside it: its images' tag, its Gateway, small requests."""
    found = Release(namespace)
    found.helm(*quick_start("helm", "install"), "--values", str(VALUES))
    found.helm(*quick_start("helm", "test"))  # at once, as whoever pastes both does; it waits by itself
    return found


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """Made once; takes as long as `make demo`."""
    found = Laptop(tmp_path_factory.mktemp("laptop"))
    yield found
    found.database.dispose()


def test_both_parts_become_ready_in_a_namespace_that_enforces_restricted(release: Release) -> None:
    """KServe says so of the InferenceService, and no pod was refused."""
    [service] = release.namespace.get("inferenceservices")["items"]
    conditions = {each["type"]: each["status"] for each in service["status"]["conditions"]}

    assert "True" == conditions["Ready"]


def test_the_release_passes_its_own_test(release: Release) -> None:
    """`helm test`: a V2 inference, a prediction, a round trip to the database."""
    assert "Phase:" in release.helm(*quick_start("helm", "test"))


def test_the_gateway_gives_the_numbers_of_a_laptop_bit_for_bit(release: Release, laptop: Laptop) -> None:
    """Fifty stocks, asked through the Gateway; the model was trained in the cluster, and here once more."""
    codes = laptop.matrix.codes[:50]
    asked = [{"bse_code": code, "prediction_date": str(laptop.morning)} for code in codes]
    answers = release.namespace.wait(
        lambda: release.ask("/api/v1/batch_predict", asked, through=release.outside),
        within=60,
        what="an answer through the Gateway",
    )

    assert [laptop.probability(code) for code in codes] == [answer["probability"] for answer in answers]


def test_kserves_own_client_gets_them_too(release: Release, laptop: Laptop) -> None:
    """Open Inference Protocol, as any other model of the platform is asked."""
    from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

    codes = list(laptop.matrix.codes[:5])
    inputs = [
        InferInput("bse_code", [5], "BYTES", codes),
        InferInput("prediction_date", [1], "BYTES", [str(laptop.morning)]),
    ]

    async def infer() -> list[float]:
        client = InferenceRESTClient(RESTConfig(protocol="v2"))
        response = await client.infer(
            release.outside, InferRequest(contract.MODEL_NAME, inputs), model_name=contract.MODEL_NAME
        )
        await client.close()
        [found] = [each for each in response.outputs if each.name == "probability"]
        return [float(np.float32(value)) for value in found.data]

    assert [laptop.probability(code) for code in codes] == asyncio.run(infer())


def test_admin_routes_are_not_reached_from_outside(release: Release) -> None:
    """Reload and metrics are for people inside."""
    for path in ("/api/v1/models/reload", "/metrics", "/v2/repository/index"):
        answer = release.session.post(release.outside + path, timeout=10)
        assert 404 == answer.status_code, path


def test_a_morning_by_hand_is_seen_by_the_commands_of_the_readme(release: Release) -> None:
    """The job that it creates, `doctor`, `runs` and a dry `backfill`, as they are printed there."""
    person = Person(release)
    by_hand = quick_start("kubectl", "create", "job")
    release.namespace.kubectl(*by_hand)
    assert release.ended(by_hand[-1]).get("succeeded")

    person.types(*quick_start("upper-circuit", "doctor"))  # would end with 1 where something fails
    assert "done" in person.types(*quick_start("upper-circuit", "runs"))
    assert "2025-12-30" in person.types(*quick_start("upper-circuit", "backfill"))


def test_an_upgrade_of_unrelated_values_restarts_nothing(release: Release) -> None:
    """Another schedule is no reason for a pod to go."""
    before = {
        pod["metadata"]["uid"]
        for pod in release.namespace.pods(instance=release.name, component="transformer")
    }

    release.upgrade("batch.schedule=1 7 * * *")

    after = {
        pod["metadata"]["uid"]
        for pod in release.namespace.pods(instance=release.name, component="transformer")
    }
    assert before == after
    assert before
