"""
What the Dockerfiles promise, held without an engine to build them.

An image that lacks a module fails at seven in the morning and not before; one that has too much is pulled by every
node. Both are said by files that can be read, so they are.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ("transformer", "predictor", "batch", "tools")
SERVERS = ("transformer", "predictor")
STARTED = {"tools": "cli"}
"""The package that an image starts, where it has another name."""
OURS = ("upper_circuit", "transformer", "predictor", "batch", "cli")
READ_AS_DATA = {"transformer": {"fastapi_offline"}}
"""Packages whose files are served and that no import names."""
RUN_BY_ALEMBIC = "upper_circuit/market/migrations/"
OUTSIDE = ("batch", "transformer", "predictor", "kubernetes", "urllib3", "websocket", "matplotlib")
"""What commands for people outside of a cluster need: in the image they end with a line that says so."""
LEFT_OUT = {"tools": OUTSIDE}
ELSEWHERE = {
    "transformer": ("xgboost-cpu", "scipy", "tqdm", "stamina", "matplotlib", "pyarrow", "exchange-calendars"),
    "predictor": ("tqdm", "limits", "redis", "matplotlib", "pyarrow", "exchange-calendars"),
    "batch": ("kserve", "fastapi", "uvicorn", "grpcio", "kubernetes", "aiohttp", "pandas", "matplotlib"),
    "tools": ("kserve", "fastapi", "uvicorn", "grpcio", "kubernetes", "aiohttp", "matplotlib", "stamina"),
}


@cache
def instructions(program: str) -> list[tuple[str, str]]:
    """The lines of a Dockerfile as (instruction, rest), with continued lines joined."""
    text = (ROOT / f"Dockerfile.{program}").read_text(encoding="utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [
        (name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in lines if line)
    ]


def given(program: str, instruction: str) -> list[str]:
    """What follows each instruction of a kind."""
    return [rest for name, rest in instructions(program) if name == instruction]


def copied(program: str) -> list[str]:
    """Sources that are copied from the project, patterns and folders as they stand there."""
    return [source for rest in given(program, "COPY") if "--from" not in rest for source in rest.split()[:-1]]


def copied_files(program: str) -> set[str]:
    """The Python files among them."""
    found: set[Path] = set()
    for source in copied(program):
        for path in ROOT.glob(source):
            found.update(path.rglob("*.py") if path.is_dir() else [path])
    return {str(path.relative_to(ROOT)) for path in found if path.suffix == ".py"}


@cache
def imported(program: str) -> frozenset[str]:
    """Modules of ours, and names of packages, that a program reaches by any import, at the top or in a function."""
    package = STARTED.get(program, program)
    return _closure(frozenset({package, *_graph().find_descendants(package)}), LEFT_OUT.get(program, ()))


@cache
def installed(program: str) -> frozenset[str]:
    """What `install.py` imports: that, the modules that are copied beside it, and what those reach."""
    reached = imported(program)
    folders = {str(Path(file_of(module)).parent) for module in reached if _is_in(module, OURS)}
    beside = {
        file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for file in copied_files(program)
        if str(Path(file).parent) in folders
    }
    return _closure(reached | beside, LEFT_OUT.get(program, ()))


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph(*OURS, include_external_packages=True, cache_dir=None)


def _closure(start: frozenset[str], left_out: tuple[str, ...]) -> frozenset[str]:
    waiting, reached = set(start), set[str]()
    while waiting:
        module = waiting.pop()
        if _is_in(module, left_out):
            continue
        reached.add(module)
        above = {module.rpartition(".")[0]} - {""}
        waiting |= (_graph().find_modules_directly_imported_by(module) | above) - reached
    return frozenset(reached)


def _is_in(module: str, packages: tuple[str, ...]) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in packages)


def file_of(module: str) -> str:
    """Where a module of ours lies."""
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (ROOT / path).is_dir() else f"{path}.py"


@cache
def required(program: str) -> frozenset[str]:
    """Names of the packages in a program's requirements."""
    text = (ROOT / "requirements" / f"{program}.txt").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==", text, flags=re.MULTILINE))


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("program", PROGRAMS)
class TestWhatIsInside:
    """Everything the program needs, and nothing else."""

    def test_every_module_that_the_program_imports_is_copied(self, program: str) -> None:
        """A module imported in a function only would be missed at the first call of that function."""
        needed = {file_of(module) for module in installed(program) if module.split(".")[0] in OURS}

        assert set() == needed - copied_files(program)

    def test_no_package_is_copied_that_the_program_does_not_import(self, program: str) -> None:
        """Training, file formats and the other programs stay outside."""
        needed = {str(Path(file_of(module)).parent) for module in installed(program)}
        own = {file for file in copied_files(program) if file.split("/")[0] in OURS}
        own = {file for file in own if not file.startswith(RUN_BY_ALEMBIC)}

        assert set() == {str(Path(file).parent) for file in own} - needed

    def test_every_library_that_the_program_imports_is_among_its_requirements(self, program: str) -> None:
        """The development environment has them all, so no other test notices one that is missing here."""
        names = {name.split(".")[0] for name in imported(program)} | READ_AS_DATA.get(program, set())
        outside = names - set(OURS) - sys.stdlib_module_names
        owners = packages_distributions()
        missing = {
            name
            for name in outside
            if not {owner.lower().replace("_", "-") for owner in owners[name]} & required(program)
        }

        assert set() == missing

    def test_packages_of_the_other_programs_are_not_among_its_requirements(self, program: str) -> None:
        """The transformer has no xgboost, the batch no kserve."""
        assert set() == required(program) & set(ELSEWHERE[program])

    def test_the_engine_is_sent_what_is_copied(self, program: str) -> None:
        """.dockerignore lets in only what it names; a new source must be named there."""
        lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        let_in = {line[1:] for line in lines if line.startswith("!")}

        assert "*" in lines
        assert set() == {source.split("/")[0] for source in copied(program)} - let_in


@pytest.mark.parametrize("program", PROGRAMS)
class TestHowItIsBuilt:
    """Layers in the order that makes a change of code cheap, and nothing unverified among them."""

    def test_it_is_made_from_the_same_slim_python_in_every_stage(self, program: str) -> None:
        """Byte-code of another Python would be left unread."""
        stages = given(program, "FROM")

        assert [
            "python:3.13-slim-trixie AS packages",
            "packages AS program",
            "python:3.13-slim-trixie",
        ] == stages

    def test_libraries_are_installed_with_hashes_before_any_code_is_copied(self, program: str) -> None:
        """A change of code then uses the layer of libraries again."""
        kinds = [f"{name} {rest}" for name, rest in instructions(program)]
        install = next(at for at, line in enumerate(kinds) if "pip" in line and "install" in line)
        code = next(at for at, line in enumerate(kinds) if line.startswith("COPY upper_circuit"))

        assert "--require-hashes" in kinds[install]
        assert f"COPY requirements/{program}.txt /build/requirements.txt" == kinds[install - 1]
        assert install < code

    def test_libraries_come_before_code_in_the_image_too(self, program: str) -> None:
        """A node that has the last version then pulls one megabyte."""
        layers = [rest.split()[-1] for rest in given(program, "COPY") if "--from" in rest]

        assert ["/opt/packages", "/opt/bytecode/opt/packages", "/opt/bytecode/usr"] == layers[:3]
        assert ["/opt/upper-circuit", "/opt/bytecode/opt/upper-circuit"] == layers[-2:]

    def test_no_instruction_needs_more_than_the_plain_builder(self, program: str) -> None:
        """Engines without BuildKit, and docker-compose 1.29, build it as well."""
        text = (ROOT / f"Dockerfile.{program}").read_text(encoding="utf-8")

        assert [] == re.findall(r"--mount|--chmod|--link|<<|^# syntax|^ADD", text, flags=re.MULTILINE)


@pytest.mark.parametrize("program", PROGRAMS)
class TestHowItRuns:
    """As a stranger to the machine: no root, no writing, no shell in between."""

    def test_it_runs_as_user_1000(self, program: str) -> None:
        """By number, so that Kubernetes can tell that it is not root."""
        assert ["1000:1000"] == given(program, "USER")
        assert any("useradd --uid 1000" in run and "mluser" in run for run in given(program, "RUN"))

    def test_python_itself_is_the_first_process(self, program: str) -> None:
        """A shell in between would keep SIGTERM to itself."""
        started = ["python", "-m", STARTED.get(program, program)]

        assert [started] == [json.loads(rest) for rest in given(program, "ENTRYPOINT")]

    def test_it_says_what_it_is(self, program: str, project: dict[str, Any]) -> None:
        """Labels of the Open Container Initiative, with the project's own version where none is given."""
        labels = dict(
            re.findall(r'org\.opencontainers\.image\.([a-z.]+)="([^"]*)"', given(program, "LABEL")[0])
        )

        assert f"upper-circuit {program}" == labels["title"]
        assert {"title", "description", "version", "revision", "base.name"} == set(labels)
        assert f"VERSION={project['version']}" in given(program, "ARG")


@pytest.mark.parametrize("program", SERVERS)
def test_health_is_readiness(program: str) -> None:
    """Docker then starts what depends on a server when it answers, not when it is there."""
    [check] = given(program, "HEALTHCHECK")
    flags, _, command = check.partition(" CMD ")

    assert "--interval=30s --timeout=3s --start-period=40s --retries=3" == flags
    assert json.loads(command)[:2] == ["python", "/opt/ready.py"]
    assert fnmatch(json.loads(command)[-1], "/*/health/ready")


@pytest.mark.parametrize("program", ["batch", "tools"])
def test_what_ends_has_no_health(program: str) -> None:
    """Its exit code says how it was."""
    assert [] == given(program, "HEALTHCHECK")


def test_make_builds_every_image_and_locks_its_libraries() -> None:
    """A Dockerfile that no target names is built by nobody until somebody needs it."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"for program in ([a-z ]+);", makefile)

    assert sorted(PROGRAMS) == sorted(path.suffix[1:] for path in ROOT.glob("Dockerfile.*"))
    assert [sorted(PROGRAMS)] * 2 == [sorted(programs.split()) for programs in named]


def test_the_command_tells_what_it_can_without_what_its_image_lacks() -> None:
    """Whoever looks for a command in a pod asks `--help` first, and the jobs' commands are all there."""
    program = (ROOT / "tests/factories/left_out.py").read_text(encoding="utf-8")
    typed = [sys.executable, "-c", program, ",".join(OUTSIDE)]

    helped = subprocess.run([*typed, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    scored = subprocess.run(
        [*typed, "score", "--date", "2025-12-17"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert {"database", "ingest", "models", "bootstrap"} <= set(helped.stdout.split())
    assert 1 == scored.returncode
    assert "upper-circuit: this command needs batch, which is not installed here\n" == scored.stderr


def test_nothing_private_is_sent_to_the_engine() -> None:
    """Settings, data and history may hold secrets, and layers are for everybody."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}

    assert {"images", "requirements", "pyproject.toml", *OURS} == let_in
