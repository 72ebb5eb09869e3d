"""
A platform team's first day: a database, a Gateway, years of prices and a model of its own, and nothing of the demo's.

The same market and the same model are on this machine too, in SQLite, and the two must agree to the last bit. The tests
follow the day: what one needs, the ones before it have brought.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from batch.morning import Choices
from batch.predictor import BatchPredictor
from batch.report import BatchReport
from cli.ingest import ingest, load_history
from cli.train import train_and_report
from tests.e2e.kube import Namespace
from tests.e2e.person import Person
from tests.e2e.release import K8S, Release
from tests.factories.exchange_files import Bar, udiff
from tests.factories.retrained import retrained
from upper_circuit.market.calendar import load_calendar
from upper_circuit.market.database import Database
from upper_circuit.market.reading import read_data_version
from upper_circuit.market.synthetic import generate
from upper_circuit.models.registry import Registry

pytestmark = pytest.mark.timeout(900)

SEED, STOCKS, SESSIONS = 11, 80, 420
EVENING = date(2025, 12, 30)
"""The newest session; its prices come by themselves, the years before it at once."""
OLD, NEW = "1.0.0", "1.1.0"
DATABASE, ADMIN = "upper-circuit-database", "upper-circuit-admin"
"""The Secrets of k8s/postgres.yaml and k8s/prerequisites.md."""
SHARDS = 2
SETS = (
    "bootstrap.demo=false",
    f"database.existingSecret={DATABASE}",
    f"adminToken.existingSecret={ADMIN}",
    "ingest.enabled=true",
    f"batch.shards={SHARDS}",
    "batch.output.enabled=true",
)
NO_PRICES = "no prices are loaded; `upper-circuit ingest` or `import-history` loads them"
NO_MODEL = "`models push VERSION --promote` where it is not there yet"


@dataclass(frozen=True, slots=True)
class Desk:
    """The team's files on this machine, and what comes of them here."""

    folder: Path

    @property
    def history(self) -> Path:
        """Years, laid out as docs/history-layout.md says."""
        return self.folder / "history"

    @property
    def evening(self) -> Path:
        """The newest session's files, as the exchange publishes them."""
        return self.folder / "evening"

    @property
    def registry(self) -> Path:
        """The team's models."""
        return self.folder / "models"

    @property
    def morning(self) -> date:
        """The first one that can be scored with all of the prices."""
        database = self._database()
        calendar = load_calendar(database)
        database.dispose()
        return calendar.next_session(calendar.newest + timedelta(days=1))

    def prepare(self) -> None:
        """Make the files; import, ingest and train here, as `upper-circuit` does."""
        generate(self.history, seed=SEED, stocks=STOCKS, sessions=SESSIONS, until=EVENING)
        set_apart(self.history, self.evening)
        database = self._database()
        load_history(database, self.history)
        ingest(folder=self.evening, where=str(self.folder / "db"), settled_after=0)
        train_and_report(database, Registry(self.registry), reports=None)
        database.dispose()

    def scored(self, version: str) -> BatchReport:
        """The morning's list of a version, made here; the files lie in a folder of the version."""
        choices = Choices(model_version=version, progress=False)
        predictor = BatchPredictor(self.registry, self.folder / "db", self.folder / version, choices=choices)
        return predictor.predict_all_stocks(self.morning)

    def _database(self) -> Database:
        return Database.at(self.folder / "db")


def set_apart(history: Path, evening: Path) -> None:
    """Move the newest session out of a history, into the files that NSE publishes in the evening."""
    evening.mkdir()
    newest = max((history / "nse-eod").glob("nse_eod_*.parquet"))
    table = pq.read_table(newest)
    is_newest = pc.equal(table["date"], EVENING)
    pq.write_table(table.filter(pc.invert(is_newest)), newest)
    with (history / "master" / "master_stock_list.csv").open(encoding="utf-8", newline="") as lines:
        isins = {row["nse_symbol"]: row["isin"] for row in csv.DictReader(lines)}
    bars = [bar(row, isins.get(row["nse_symbol"], "")) for row in table.filter(is_newest).to_pylist()]
    name = f"BhavCopy_NSE_CM_0_0_0_{EVENING:%Y%m%d}_F_0000.csv"
    with ZipFile(evening / f"{name}.zip", "w") as packed:
        packed.writestr(name, udiff(bars, day=EVENING))
    bands = f"sec_list_{EVENING}.csv"
    (history / "bands" / bands).rename(evening / bands)


def bar(row: dict[str, Any], isin: str) -> Bar:
    """A row of the archive in the words of a bhavcopy."""
    prices = {name: f"{row[name]:.2f}" for name in ("open", "high", "low", "close", "last", "prev_close")}
    return Bar(
        symbol=row["nse_symbol"],
        series=row["series"],
        isin=isin,
        volume=str(row["volume"]),
        turnover=f"{row['turnover_lacs'] * 100_000:.2f}",
        trades=str(row["trades"]),
        **prices,
    )


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims for exchange files and for lists, in a pod that somebody of the team has started beside the release."""

    release: Release
    pod: str = "desk"

    def mount(self) -> None:
        """Start the pod, which passes Pod Security `restricted`."""
        claims = {"drop": f"{self.release.name}-drop", "output": f"{self.release.name}-output"}
        tools = self._namespace.get("cronjob", f"{self.release.name}-tools")["spec"]["jobTemplate"]
        [of_tools] = tools["spec"]["template"]["spec"]["containers"]
        container = {
            "name": "desk",
            "image": of_tools["image"],
            "command": ["sleep", "infinity"],
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [{"name": name, "mountPath": f"/{name}"} for name in claims],
        }
        spec = {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "fsGroup": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [
                {"name": name, "persistentVolumeClaim": {"claimName": claim}}
                for name, claim in claims.items()
            ],
        }
        self._namespace.apply(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.pod}, "spec": spec}
        )
        self._namespace.kubectl("wait", "--for=condition=Ready", f"pod/{self.pod}", "--timeout=100s")

    def put(self, source: Path, target: str) -> None:
        """Copy a file or a folder, as one that came last evening: what is new is watched for a minute."""
        self._namespace.kubectl("cp", str(source), f"{self.pod}:{target}")
        self._run("touch", "-d", f"{EVENING} 18:30", target)

    def text(self, path: str) -> str:
        """What a file says."""
        return self._run("cat", path)

    def names(self, folder: str) -> set[str]:
        """What lies in a folder."""
        return set(self._run("ls", folder).split())

    def _run(self, *words: str) -> str:
        return self._namespace.kubectl("exec", self.pod, "--", *words)

    @property
    def _namespace(self) -> Namespace:
        return self.release.namespace


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Made once."""
    found = Desk(tmp_path_factory.mktemp("desk"))
    found.prepare()
    return found


@pytest.fixture(scope="module")
def scored(desk: Desk) -> BatchReport:
    """The morning's list of the first model, as this machine makes it."""
    return desk.scored(OLD)


@pytest.fixture(scope="module")
def release(namespace: Namespace) -> Release:
    """The chart over a PostgreSQL and two Secrets of somebody else's; nothing answers yet."""
    namespace.kubectl("apply", "-f", str(K8S / "postgres.yaml"))
    namespace.kubectl("create", "secret", "generic", ADMIN, "--from-literal=token=of-the-first-day")
    namespace.kubectl("rollout", "status", "statefulset/postgres", "--timeout=170s", timeout=180)
    found = Release(namespace)
    found.install(*SETS, wait=False)
    return found


@pytest.fixture(scope="module")
def database(release: Release) -> Iterator[Database]:
    """The team's database, as it is reached from here."""
    host = f"postgres.{release.namespace.name}.svc.cluster.local"
    found = Database.at(release.secret("url", DATABASE).replace("@postgres:", f"@{host}:"))
    yield found
    found.dispose()


@pytest.fixture(scope="module")
def claims(release: Release) -> Claims:
    """Mounted."""
    found = Claims(release)
    found.mount()
    return found


@pytest.fixture(scope="module")
def loaded(person: Person, claims: Claims, desk: Desk) -> tuple[str, str]:
    """Years by a Job of the ingest's own template, the newest evening by its CronJob; what each said."""
    claims.put(desk.history, "/drop/history")
    for file in desk.evening.iterdir():
        claims.put(file, f"/drop/{file.name}")
    return person.in_cluster("history", "import-history", "/drop/history", of="ingest"), ingested(
        person.release, "evening"
    )


@pytest.fixture(scope="module")
def answering(release: Release, person: Person, loaded: tuple[str, str], desk: Desk) -> set[str]:
    """A model pushed and promoted from here; gives the pods that waited for it."""
    assert loaded
    waiting = {pod["metadata"]["uid"] for pod in serving(release)}
    person.push(OLD, desk.registry, "--promote")
    release.until_answering(within=120)
    return waiting


def ingested(release: Release, name: str) -> str:
    """Start the ingest as a person would; what it said."""
    release.namespace.kubectl("create", "job", f"--from=cronjob/{release.name}-ingest", name)
    assert release.ended(name).get("succeeded"), release.namespace.story()
    return release.namespace.kubectl("logs", f"job/{name}")


def serving(release: Release) -> list[dict[str, Any]]:
    """Pods of both parts."""
    return [
        pod
        for part in ("transformer", "predictor")
        for pod in release.namespace.pods(instance=release.name, component=part)
    ]


def data_version(database: Database) -> int:
    """What every load of data raises."""
    with database.reading("market") as connection:
        return read_data_version(connection)


def test_the_migration_made_the_tables_and_nothing_of_it_is_left(
    release: Release, database: Database
) -> None:
    """A hook with an account and a policy of its own, which go when it has done its work."""
    database.require_schema()

    found = release.namespace.get("jobs,serviceaccounts,networkpolicies")["items"]
    assert [] == [each["metadata"]["name"] for each in found if "migrate" in each["metadata"]["name"]]


@pytest.mark.parametrize(
    ("part", "because"),
    [
        pytest.param("transformer", NO_PRICES, id="transformer"),
        pytest.param("predictor", NO_MODEL, id="predictor"),
    ],
)
def test_a_pod_without_data_or_model_waits_unready_and_says_which_command_is_missing(
    release: Release, part: str, because: str
) -> None:
    """In one line of its log, as the chart's notes have it."""

    def waiting() -> dict[str, Any] | None:
        [pod] = release.namespace.pods(instance=release.name, component=part)
        [container] = pod["status"]["containerStatuses"]
        return container if container["started"] and said() else None

    def said() -> list[str]:
        log = release.namespace.kubectl("logs", f"deployment/{release.name}-a-{part}")
        return [line for line in log.splitlines() if because in json.loads(line).get("because", "")]

    container = release.namespace.wait(waiting, within=60, what=f"a line of the {part} that names a command")

    assert 1 == len(said())
    assert (False, 0) == (container["ready"], container["restartCount"])


def test_years_come_in_by_a_job_and_the_newest_evening_by_the_cron_job(
    loaded: tuple[str, str], database: Database, desk: Desk
) -> None:
    """Both read the same claim, which is mounted read-only; each says what it took and what comes next."""
    history, evening = loaded

    assert f"{SESSIONS - 1} sessions" in history
    assert "next: upper-circuit train" in history
    assert "history: a folder, not looked into" in evening
    assert f".csv.zip: NSE {EVENING}: " in evening
    assert f"sec_list_{EVENING}.csv: " in evening
    assert f"next: upper-circuit score --date {desk.morning}" in evening
    assert EVENING == load_calendar(database).newest


def test_pods_that_waited_become_ready_by_themselves(release: Release, answering: set[str]) -> None:
    """Nobody restarts or reloads anything: the predictor looks for a promoted model, the transformer for prices."""
    release.until_rolled_out()

    assert answering == {pod["metadata"]["uid"] for pod in serving(release)}
    assert {0} == {
        each["restartCount"] for pod in serving(release) for each in pod["status"]["containerStatuses"]
    }


@pytest.mark.usefixtures("answering")
def test_the_api_gives_the_numbers_of_this_machine_bit_for_bit(release: Release, scored: BatchReport) -> None:
    """Through the Gateway of k8s/gateway.yaml; every stock that can be scored, and the likeliest alone."""
    right = {each.bse_code: each.probability for each in scored.predictions}
    asked = [{"bse_code": code, "prediction_date": str(scored.run_date)} for code in right]

    answers = release.namespace.wait(
        lambda: release.ask("/api/v1/batch_predict", asked, through=release.outside),
        within=60,
        what="an answer through the Gateway",
    )
    first = release.ask("/api/v1/predict", asked[0], through=release.outside)

    assert right == {answer["bse_code"]: answer["probability"] for answer in answers}
    assert (right[first["bse_code"]], OLD) == (first["probability"], first["model_version"])


@pytest.mark.usefixtures("answering")
def test_a_morning_by_hand_leaves_list_and_report_in_the_output_claim(
    release: Release, claims: Claims, scored: BatchReport
) -> None:
    """Byte for byte those that this machine writes, but for how long it took."""
    status = release.ended(release.run_by_hand(str(scored.run_date)))

    assert SHARDS == status.get("succeeded")
    files = (scored.csv_path, scored.skipped_path, scored.report_path)
    assert {path.name for path in files} == claims.names("/output")
    for path in files[:2]:
        assert path.read_text(encoding="utf-8") == claims.text(f"/output/{path.name}")
    assert ranked(scored.text) == ranked(claims.text(f"/output/{scored.report_path.name}"))


def ranked(report: str) -> str:
    """The part of a report that is the same wherever it is made."""
    return report.partition("SUMMARY:")[2].partition("PERFORMANCE:")[0]


@pytest.mark.usefixtures("answering")
def test_the_release_passes_its_own_test(release: Release) -> None:
    """`helm test`, as the notes say next."""
    assert "Phase:" in release.helm("test", release.name)


@pytest.mark.usefixtures("loaded")
def test_an_ingest_of_the_same_files_changes_nothing_and_says_so(
    release: Release, database: Database
) -> None:
    """As on every morning of the year before which nobody put anything into the claim."""
    before = data_version(database)

    told = ingested(release, "again")

    assert "/drop: 2 files were read before" in told
    assert EVENING.isoformat() not in told
    assert before == data_version(database)


@pytest.mark.usefixtures("answering")
def test_without_a_gateway_a_promotion_moves_the_one_name_inside(
    release: Release, person: Person, desk: Desk
) -> None:
    """There is all or nothing: a weight is refused, a dark version answers nobody, and promote and rollback move everybody."""
    retrained(desk.registry, OLD, NEW)
    new = desk.scored(NEW).predictions[0]
    question = {"bse_code": new.bse_code, "prediction_date": str(desk.morning)}

    def answer() -> dict[str, Any]:
        found: dict[str, Any] = release.ask("/api/v1/predict", question)
        return found

    def until_all_are_of(version: str) -> dict[str, Any]:
        def of_it() -> dict[str, Any] | None:
            found = answer()
            return found if version == found["model_version"] else None

        return release.namespace.wait(of_it, within=60, what=f"an answer of {version} inside")

    release.upgrade("route.enabled=false")
    assert [] == release.namespace.get("httproutes,backendtrafficpolicies")["items"]
    person.push(NEW, desk.registry)
    refused = person.rollout("start", NEW, "--weight", "10", code=1)
    person.rollout("start", NEW, "--why", "the second model")
    dark = answer()
    person.rollout("promote")
    promoted = until_all_are_of(NEW)
    status = person.rollout("status")
    person.rollout("rollback")
    until_all_are_of(OLD)

    assert "only a Gateway can split or mirror requests" in refused
    assert OLD == dark["model_version"]
    assert new.probability == promoted["probability"]
    assert re.search(rf"^b +{NEW} +100 +n/a ", status, re.MULTILINE), status
    steps = release.ask("/api/v1/rollout/steps")["steps"]
    assert ["start", "promote", "rollback"] == [step["action"] for step in steps][::-1]
