"""
`python install.py PROGRAM [MODULE...] [/PATH...] ["A COMMAND"...]` in the folder of sources: what an installer does.

In a container with a read-only root Python cannot keep byte-code, so whatever has none is compiled anew at each
start: 7 seconds for a server. Byte-code of all that is installed would be 100 MB, most of it never read. So what the
program imports is imported once here: its own modules and the domain's, MODULEs that libraries import by name later,
and, where PATHs or COMMANDs are given, whatever a server imports until it has answered them, or a command until it has
ended. What is missing, or was trimmed too far, ends the build instead of a morning's run.
"""

from __future__ import annotations

import http.client
import importlib
import os
import pkgutil
import py_compile
import socket
import subprocess
import sys
import time
import tomllib
from importlib.util import source_from_cache
from pathlib import Path

DOMAIN = "upper_circuit"
SCRIPT = ".migrations.env"
"""Alembic runs this file; nobody else can import it."""
PROJECT = Path(__file__).with_name("pyproject.toml")  # the Dockerfiles put both into one folder
PORTS = ("API_PORT", "PREDICTOR_PORT")
NOBODY = "http://127.0.0.1:9"
PATIENCE = 120
"""Seconds for a server to answer, and to end; nothing is compiled yet, and builders are busy."""


def describe() -> None:
    """Give the sources their name and version, for importlib.metadata."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    folder = Path(f"{DOMAIN}-{version}.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8"
    )


def import_all(program: str, named: list[str]) -> None:
    """Import every module of the program and of the domain, and those that are named."""
    for root in (program, DOMAIN):
        package = importlib.import_module(root)
        for module in pkgutil.walk_packages(package.__path__, f"{root}."):
            if not module.name.endswith(SCRIPT):
                importlib.import_module(module.name)
    for name in named:
        importlib.import_module(name)


def rehearse(program: str, paths: list[str]) -> None:
    """Start a server without data or model, ask it each path, and end it as Docker will."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    given = os.environ | dict.fromkeys(PORTS, str(port)) | {"PREDICTOR_URLS": NOBODY}
    with subprocess.Popen([sys.executable, "-m", program], env=given) as server:  # noqa: S603
        try:
            for path in paths:
                _ask(server, port, path)
        finally:
            server.terminate()
            code = server.wait(PATIENCE)
    if code != 0:
        sys.exit(f"{program} ended with {code} after SIGTERM")


def run(program: str, command: str) -> None:
    """One command, as somebody types it; it may leave something in /tmp."""
    code = subprocess.run([sys.executable, "-m", program, *command.split()], check=False).returncode  # noqa: S603
    if code != 0:
        sys.exit(f"{program} {command} ended with {code}")


def _ask(server: subprocess.Popen[bytes], port: int, path: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
        except OSError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{path}: no answer, {error}")
            time.sleep(0.1)
        else:
            if answer.status == http.HTTPStatus.NOT_FOUND:
                sys.exit(f"{path}: there is no such path")
            return
        finally:
            connection.close()


def seal() -> int:
    """Compile what was imported once more, to byte-code that no changed time stamp of a source makes stale."""
    if sys.pycache_prefix is None:
        sys.exit("PYTHONPYCACHEPREFIX must name the folder of byte-code")
    compiled = sorted(Path(sys.pycache_prefix).rglob("*.pyc"))
    for file in compiled:
        py_compile.compile(
            source_from_cache(str(file)),
            cfile=str(file),
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    return len(compiled)


def main(program: str, *wanted: str) -> None:
    """All of it, in the working directory."""
    sys.path.insert(0, str(Path.cwd()))
    describe()
    paths = [word for word in wanted if word.startswith("/")]
    commands = [word for word in wanted if " " in word]
    import_all(program, [word for word in wanted if word not in {*paths, *commands}])
    if paths:
        rehearse(program, paths)
    for command in commands:
        run(program, command)
    sys.stdout.write(f"byte-code of {seal()} modules\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
