"""`upper-circuit models receive` over a real pipe, as the standard input of a pod is one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.parcel import pack, pieces, read_folder
from tests.factories.batch import registry
from tests.factories.processes import ROOT
from upper_circuit.models.registry import Registry
from upper_circuit.models.version import ModelVersion

V1 = ModelVersion(1, 3, 0)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a real model over the program's own features."""
    root = registry(tmp_path_factory.mktemp("from") / "models", "1.3.0")
    return read_folder(Registry(root).folder(V1))


@contextmanager
def receiving(root: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command, waiting for its input."""
    command = [sys.executable, "-m", "cli", "models", "receive", *words]
    environment = {"MODEL_REGISTRY_PATH": str(root), "PYTHONPATH": str(ROOT), "PATH": ""}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=environment, cwd=ROOT, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def received(root: Path, stream: bytes, *words: str, closing: bool = False) -> tuple[int, str]:
    """Exit code and output; the pipe stays open unless told otherwise, as that of a pod may."""
    with receiving(root, *words) as process:
        assert process.stdin
        assert process.stdout
        for piece in pieces(stream):
            process.stdin.write(piece)
        process.stdin.flush()
        if closing:
            process.stdin.close()
        told = process.stdout.read().decode()
        return process.wait(timeout=60), told


def test_a_version_arrives_whole_and_is_promoted(sent: dict[str, bytes], tmp_path: Path) -> None:
    """Though the pipe never closes; who promoted it is in the log."""
    ended = received(tmp_path, pack("1.3.0", sent), "--promote", "--by", "asha")

    size = f"{sum(map(len, sent.values())):,}"
    told = f"1.3.0 is proven and published: 2 files, {size} bytes\n1.3.0 is promoted\n"
    assert (0, told) == ended
    models = Registry(tmp_path)
    assert sent == read_folder(models.folder(V1))
    assert V1 == models.latest()
    logged = (tmp_path / "XGBoost" / "channels" / "promotions.log").read_text()
    assert "asha" == json.loads(logged)["by"]


def test_one_that_is_there_is_told_from_another_of_its_number(sent: dict[str, bytes], tmp_path: Path) -> None:
    """Equal: fine. Other bytes: refused, and what is there stays."""
    models = Registry(registry(tmp_path / "models", "1.3.0"))
    before = read_folder(models.folder(V1))

    equal = received(models.root, pack("1.3.0", sent))
    other = received(models.root, pack("1.3.0", {**sent, "report.md": b"# more\n"}))

    assert (0, "1.3.0 is there already, equal to the last byte\n") == equal
    assert 1 == other[0]
    assert other[1].startswith("upper-circuit: version 1.3.0 was not published: ")
    assert before == read_folder(models.folder(V1))


def test_a_connection_that_breaks_leaves_nothing(sent: dict[str, bytes], tmp_path: Path) -> None:
    """One line, exit code 1, an empty registry."""
    code, told = received(tmp_path, pack("1.3.0", sent)[:-100], closing=True)

    assert 1 == code
    assert 1 == len(told.splitlines())
    assert told.endswith("bytes; push again\n")
    assert [] == list(tmp_path.iterdir())
