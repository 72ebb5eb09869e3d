"""Somebody at a terminal: commands typed at one database in a folder of its own, and files to give them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from typer.testing import CliRunner

from cli.__main__ import app
from tests.factories.processes import ROOT
from upper_circuit.market.database import Database

MASTER = "bse_code,company_name,status,nse_symbol\n500390,Reliance Infrastructure,ACTIVE,RELINFRA\n500001,On BSE,ACTIVE,\n"
BULLETIN = "COMPANY NAME    SYMBOL     : BM DATE    : BM PURPOSE\nReliance RELINFRA : 15-JAN-2026 : Financial Results\n"


class Shell:
    """Types commands at one database in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = folder / "db"
        self.database = Database.at(self.place)

    def file(self, name: str, text: str) -> str:
        """A file in the folder."""
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def drop(self, files: dict[str, str]) -> Path:
        """A folder of files that nobody has touched since yesterday."""
        folder = self.folder / "drop"
        folder.mkdir()
        yesterday = time.time() - 86_400
        for name, text in files.items():
            (folder / name).write_text(text)
            os.utime(folder / name, (yesterday, yesterday))
        return folder

    def run(self, *words: str, code: int = 0) -> tuple[list[str], list[str]]:
        """Lines on stdout and stderr of a command that ends with an exit code."""
        result = CliRunner().invoke(app, [*words, "--database", str(self.place)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert code == result.exit_code, result.output
        return result.stdout.splitlines(), result.stderr.splitlines()


def typed(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`upper-circuit` in a folder, as a process of its own that knows nothing of this one's environment."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *words],
        env={"PYTHONPATH": str(ROOT), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
