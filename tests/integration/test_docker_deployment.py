"""
The images as a person gets them: built, started with nothing but a volume, asked for a prediction, stopped.

DOCKER names the client (`docker`, `podman`), IMAGES images that are built already (`upper-circuit/*:1.0.0`). Every
server here runs as in production: as mluser, with a root that nothing can be written to, without any capability.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from batch.predictor import BatchPredictor
from cli.demo import UNTIL
from tests.factories import batch as factory
from tests.factories.containers import LOCKED_DOWN, Container, Engine, volume
from tests.factories.exchange_files import Bar, nse_full
from tests.factories.processes import ROOT, wait_until
from upper_circuit.market.calendar import load_calendar
from upper_circuit.market.database import Database
from upper_circuit.models.registry import Registry
from upper_circuit.training.train import train

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

PROGRAMS = ("transformer", "predictor", "batch", "tools")
STARTED = {"tools": "cli"}
"""The package that an image starts, where it has another name."""
LARGEST = {"transformer": 450e6, "predictor": 450e6, "batch": 350e6, "tools": 450e6}
"""Bytes, uncompressed; the user's limit is 500 MB each."""
READY_WITHIN = 30.0
"""Seconds from a container's start."""
GRACE = 30
"""Seconds that Kubernetes gives after SIGTERM."""
READY = {"transformer": (8000, "/api/v1/health/ready"), "predictor": (8080, "/v2/health/ready")}
ABSENT = {
    "transformer": ("xgboost", "scipy", "predictor", "batch", "cli", "upper_circuit.training", "pip"),
    "predictor": ("transformer", "batch", "cli", "upper_circuit.training", "pip"),
    "batch": ("kserve", "fastapi", "transformer", "predictor", "cli", "upper_circuit.training.train", "pip"),
    "tools": ("kserve", "fastapi", "kubernetes", "matplotlib", "transformer", "predictor", "batch", "pip"),
}
SMALL = """
from pathlib import Path
from cli.bootstrap import fill
from cli.places import database
from upper_circuit.models.registry import Registry
fill(database("/tmp/db", migrate=True), Registry(Path("/tmp/models")), stocks=80, sessions=450)
"""
"""What `bootstrap` does, with a smaller market."""
MASTER = "bse_code,company_name,status,nse_symbol\n500390,Reliance Infrastructure,ACTIVE,RELINFRA\n"


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The engine of DOCKER."""
    return Engine.named()


@pytest.fixture(scope="module")
def images(engine: Engine) -> dict[str, str]:
    """The image of each program."""
    return {program: engine.image(program) for program in PROGRAMS}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> factory.LittleMarket:
    """A folder with a small market and a model, as it is mounted at /data."""
    folder = tmp_path_factory.mktemp("volume")
    made = factory.market(folder / "db", stocks=12, sessions=130)
    factory.registry(folder / "models")
    return made


@pytest.fixture(scope="module")
def mounted(data: factory.LittleMarket) -> str:
    """The flag for that folder."""
    return volume(data.folder.parent)


@pytest.fixture(scope="module")
def pair(engine: Engine, images: dict[str, str], mounted: str) -> Iterator[dict[str, Container]]:
    """Predictor and transformer over the small market."""
    with started_pair(engine, images, mounted) as pair:
        yield pair


@contextmanager
def started_pair(engine: Engine, images: dict[str, str], mounted: str) -> Iterator[dict[str, Container]]:
    """Predictor and transformer on a network of their own, ready."""
    quick = "--health-interval=5s"  # of the image's own check; once in 30 s is slow to watch
    with engine.network() as network:
        flags = (*LOCKED_DOWN, mounted, quick, f"--network={network}")
        with engine.container(
            images["predictor"], flags=(*flags, "--publish=127.0.0.1::8080", "--network-alias=predictor")
        ) as predictor:
            predictor.wait_for(predictor.url(8080) + "/v2/health/ready")
            hop = "--env=PREDICTOR_URLS=http://predictor:8080"
            with engine.container(
                images["transformer"], flags=(*flags, hop, "--publish=127.0.0.1::8000")
            ) as transformer:
                transformer.wait_for(transformer.url(8000) + "/api/v1/health")
                yield {"transformer": transformer, "predictor": predictor}


@pytest.fixture(scope="module")
def scored(engine: Engine, images: dict[str, str], data: factory.LittleMarket, mounted: str) -> list[Any]:
    """The rows that the batch's container wrote for the run date."""
    engine.ask("run", "--rm", *LOCKED_DOWN, mounted, images["batch"], "--date", str(data.run_date))
    return factory.predictions(data.folder)


class TestAnswers:
    """A volume is all that they need."""

    def test_the_containers_answer_what_the_morning_run_in_a_container_wrote(
        self, pair: dict[str, Container], scored: list[Any], data: factory.LittleMarket
    ) -> None:
        """Bit for bit, over HTTP and the hop between two containers."""
        codes = [row[0] for row in scored]
        asked = [{"bse_code": code, "prediction_date": str(data.run_date)} for code in codes]

        answers = requests.post(
            pair["transformer"].url(8000) + "/api/v1/batch_predict", json=asked, timeout=30
        ).json()

        assert 12 == len(codes)
        assert [row[5] for row in scored] == [answer["probability"] for answer in answers]

    def test_the_images_libraries_give_the_numbers_of_this_machines(
        self, scored: list[Any], data: factory.LittleMarket, tmp_path: Path
    ) -> None:
        """Another Python, and libraries without their symbols, but the same rows."""
        shutil.copytree(data.folder.parent / "models", tmp_path / "models")
        factory.market(tmp_path / "db", stocks=12, sessions=130)
        places = {"FEATURE_DBS_PATH": "db", "MODEL_REGISTRY_PATH": "models", "OUTPUT_DIR": "out"}

        subprocess.run(
            [sys.executable, "-m", "batch", "--date", str(data.run_date)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **places},
            capture_output=True,
            check=True,
        )

        assert factory.predictions(tmp_path / "db") == scored

    def test_an_empty_volume_ends_in_a_right_answer(
        self, engine: Engine, images: dict[str, str], tmp_path: Path
    ) -> None:
        """`bootstrap` alone: the model is the one that this machine trains, and the pair answers as it does."""
        data, copy = tmp_path / "data", tmp_path / "copy"
        data.mkdir()
        engine.ask("run", "--rm", *LOCKED_DOWN, volume(data), images["tools"], "bootstrap", within=900)
        shutil.copytree(data, copy)
        database, registry = Database.at(copy / "db"), Registry(copy / "models")
        [version] = registry.versions()
        here = train(
            database,
            Registry(tmp_path / "here"),
            now=registry.manifest(version).created_at,
            progress=lambda *_: None,
        )
        morning = load_calendar(database).next_session(UNTIL + timedelta(days=1))
        report = BatchPredictor(copy / "models", copy / "db", tmp_path / "out").predict_all_stocks(morning)
        database.dispose()

        first = report.predictions[:50]
        asked = [{"bse_code": each.bse_code, "prediction_date": str(morning)} for each in first]
        with started_pair(engine, images, volume(data)) as pair:
            url = pair["transformer"].url(8000) + "/api/v1/batch_predict"
            answers = requests.post(url, json=asked, timeout=30).json()

        assert here.manifest == registry.manifest(version)
        assert 50 == len(first)
        assert [each.probability for each in first] == [answer["probability"] for answer in answers]

    def test_a_drop_folder_that_nobody_may_write_to_is_read_once(
        self, engine: Engine, images: dict[str, str], tmp_path: Path
    ) -> None:
        """The morning's ingest in a pod: what is new, and at the next start nothing."""
        drop, data = tmp_path / "drop", tmp_path / "data"
        drop.mkdir(mode=0o755)
        data.mkdir()
        (drop / "a_day.csv").write_text(nse_full([Bar(symbol="RELINFRA")]))
        (drop / "master.csv").write_text(MASTER)
        flags = (*LOCKED_DOWN, volume(data), f"--volume={drop}:/drop:ro")
        words = ("ingest", "--from", "/drop", "--settled-after", "0")

        first = engine.ask("run", "--rm", *flags, images["tools"], *words).splitlines()
        again = engine.ask("run", "--rm", *flags, images["tools"], *words).splitlines()

        assert ["master.csv: master stock list: 1 rows", "a_day.csv: NSE 2025-12-17: 1 rows"] == first[:2]
        assert "/drop: 2 files were read before" == again[0]
        assert first[2:] == again[1:]

    @pytest.mark.parametrize("program", ["transformer", "predictor"])
    def test_a_server_is_healthy_once_it_is_ready(self, pair: dict[str, Container], program: str) -> None:
        """By the image's own check, which needs nothing but Python."""
        server = pair[program]

        wait_until(
            lambda: server.state()["Health"]["Status"] == "healthy",
            within=60,
            otherwise=lambda: str(server.state()["Health"]),
        )

        assert 0 == server.state()["Health"]["FailingStreak"]

    def test_a_predictor_without_a_model_is_not_healthy(self, engine: Engine, images: dict[str, str]) -> None:
        """It runs and waits; what is missing stands in its answer."""
        quick = ("--health-interval=2s", "--health-start-period=1ms", "--health-retries=1")
        publish = "--publish=127.0.0.1::8080"
        with engine.container(images["predictor"], flags=(*LOCKED_DOWN, *quick, publish)) as server:
            server.wait_for(server.url(8080) + "/v2/health/live")

            wait_until(
                lambda: "/v2/health/ready answers 503" in str(server.state()["Health"]["Log"]),
                within=60,
                otherwise=server.told,
            )

            assert server.state()["Running"]
            assert "unhealthy" == server.state()["Health"]["Status"]


@pytest.mark.parametrize("program", ["transformer", "predictor"])
def test_a_server_is_ready_within_half_a_minute(
    engine: Engine, images: dict[str, str], mounted: str, program: str, record_property: Any
) -> None:
    """From the container's start, with nothing in memory that an earlier one left."""
    port, path = READY[program]
    with engine.container(
        images[program], flags=(*LOCKED_DOWN, mounted, f"--publish=127.0.0.1::{port}")
    ) as server:
        seconds = server.wait_for(server.url(port) + path)

    record_property("seconds", round(seconds, 1))
    assert seconds < READY_WITHIN


@pytest.mark.parametrize("program", ["transformer", "predictor"])
class TestStops:
    """Within the grace that Kubernetes gives, and by itself."""

    def test_a_server_that_answers_ends_when_told(
        self, engine: Engine, images: dict[str, str], program: str
    ) -> None:
        """Process 1 gets the signal; no shell keeps it."""
        port, _ = READY[program]
        with engine.container(
            images[program], flags=(*LOCKED_DOWN, f"--publish=127.0.0.1::{port}")
        ) as server:
            server.wait_for(server.url(port) + "/v2/health/live")

            code = server.stop(within=GRACE)

        assert 0 == code

    def test_a_server_that_is_still_starting_ends_when_told(
        self, engine: Engine, images: dict[str, str], program: str
    ) -> None:
        """Linux drops what process 1 has not asked for; a rollout that is taken back would wait half a minute."""
        with engine.container(images[program], flags=LOCKED_DOWN) as server:
            first = server.name
            waits = (
                "import sys, time; [time.sleep(0.01) for _ in range(3000) if not int(next(line for line in "
            )
            mask = "open('/proc/1/status') if line.startswith('SigCgt')).split()[1], 16) & 1 << 14]"
            engine.ask("exec", first, "python", "-S", "-c", waits + mask)

            code = server.stop(within=GRACE)

        assert 0 == code


def test_the_batch_gives_back_its_work_when_told(
    engine: Engine, images: dict[str, str], mounted: str, data: factory.LittleMarket
) -> None:
    """75: another pod goes on where it was; 0 where it was done before the signal came."""
    date = ("--date", str(data.run_date))
    with engine.container(images["batch"], *date, flags=(*LOCKED_DOWN, mounted)) as run:
        wait_until(
            lambda: "python -m batch" in engine.attempt("top", run.name).stdout or not run.state()["Running"],
            within=60,
            otherwise=run.told,
        )

        code = run.stop(within=GRACE)

    assert code in (75, 0)


@pytest.mark.parametrize("program", PROGRAMS)
class TestImage:
    """What lies in them."""

    def test_it_is_small(
        self, engine: Engine, images: dict[str, str], program: str, record_property: Any
    ) -> None:
        """Every node pulls it before its first answer."""
        size = engine.facts("image", images[program])["Size"]

        record_property("megabytes", round(size / 1e6))
        assert size < LARGEST[program]

    def test_it_runs_as_mluser(self, engine: Engine, images: dict[str, str], program: str) -> None:
        """User 1000, by number too, and nobody's group but his own."""
        told = engine.ask("run", "--rm", *LOCKED_DOWN, "--entrypoint=id", images[program])

        assert "uid=1000(mluser) gid=1000(mluser) groups=1000(mluser)" == told

    def test_any_other_user_may_run_it(self, engine: Engine, images: dict[str, str], program: str) -> None:
        """compose.yaml takes the owner of ./data, and some clusters draw a number."""
        looks = "import importlib; importlib.import_module(__import__('sys').argv[1] + '.__main__')"
        flags = (*LOCKED_DOWN, "--user=4711:4711", "--entrypoint=python")

        told = engine.ask("run", "--rm", *flags, images[program], "-c", looks, STARTED.get(program, program))

        assert told == ""

    def test_it_says_which_version_it_is(self, engine: Engine, images: dict[str, str], program: str) -> None:
        """In its labels and to the program alike."""
        labels = engine.facts("image", images[program])["Config"]["Labels"]
        asks = "from importlib.metadata import version; print(version('upper-circuit'))"
        told = engine.ask("run", "--rm", *LOCKED_DOWN, "--entrypoint=python", images[program], "-c", asks)

        assert f"upper-circuit {program}" == labels["org.opencontainers.image.title"]
        assert labels["org.opencontainers.image.version"] == told

    def test_what_it_does_not_run_is_not_in_it(
        self, engine: Engine, images: dict[str, str], program: str
    ) -> None:
        """Neither another program's libraries nor what could fetch more."""
        looks = (
            "import sys\nfrom importlib.util import find_spec\n"
            "print(*[n for n in sys.argv[1:] if find_spec(n.split('.')[0]) and find_spec(n)])"
        )
        flags = (*LOCKED_DOWN, "--entrypoint=python")

        told = engine.ask("run", "--rm", *flags, images[program], "-c", looks, *ABSENT[program])

        assert told == ""


@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_is_compiled_at_a_start(
    engine: Engine, images: dict[str, str], mounted: str, data: factory.LittleMarket, program: str
) -> None:
    """With a root that can be written to, and leave to do so, Python finds nothing that it would compile."""
    may_write = ("--user=0:0", "--env=PYTHONDONTWRITEBYTECODE=", mounted)
    if program == "batch":
        with engine.container(images[program], "--date", str(data.run_date), flags=may_write) as run:
            assert "0" == engine.ask("wait", run.name), run.told()
            written = run.written()
    elif program == "tools":
        with engine.container(images[program], "-c", SMALL, flags=(*may_write, "--entrypoint=python")) as run:
            assert "0" == engine.ask("wait", run.name), run.told()
            written = run.written()
    else:
        port, path = READY[program]
        flags = (*may_write, f"--publish=127.0.0.1::{port}")
        with engine.container(images[program], flags=flags) as server:
            server.wait_for(server.url(port) + path)
            server.stop(within=GRACE)
            written = server.written()

    assert [] == [file for file in written if file.endswith(".pyc")]
