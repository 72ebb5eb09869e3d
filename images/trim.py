"""
`python images/trim.py PACKAGES`: take out of installed packages what no container of ours runs.

Wheels carry their tests, type stubs, headers and debug symbols, a third of their bytes. Untrimmed, the predictor's
image is larger than 600 MB, and every node pulls it before its first answer. A module taken out by mistake ends the
build: `install.py` imports all that a program imports.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

NAMED = (
    "kubernetes/aio",  # the client once more, for asyncio; kserve imports the first
    "grpc_tools/_proto",  # sources, for compiling others
    # scipy is here for xgboost, which takes sparse matrices from it
    *(f"scipy/{part}" for part in ("cluster", "datasets", "differentiate", "fft", "fftpack", "integrate")),
    *(f"scipy/{part}" for part in ("interpolate", "io", "misc", "ndimage", "odr", "optimize", "signal")),
    *(f"scipy/{part}" for part in ("spatial", "stats")),
    "pyarrow/src",
)
FOLDERS = ("tests", "test", "_tests", "testdata", "include", "__pycache__")
KEPT = ("numpy/_core/tests",)  # numpy.testing imports from it, and scipy numpy.testing
FILES = ("*.pyi", "*.pyx", "*.pxd", "*.c", "*.cpp", "*.h", "*.hpp", "*.a", "*.map")
OF_PYARROW = (
    *("libarrow_flight*", "libarrow_python_flight*", "_flight*"),  # a server and its client
    *("libarrow_s3*", "_s3fs*", "_gcsfs*", "_azurefs*", "_hdfs*"),  # stores elsewhere
    *("_orc*", "_dataset_orc*", "_pyarrow_cpp_tests*"),
    *("libarrow_python*.so", "libarrow_*.so.*.*.*"),  # copies: what is loaded has one number in its name
)


def trim(packages: Path) -> None:
    """Take out folders and files by name, then the symbols of libraries."""
    for folder in list(_folders(packages)):
        shutil.rmtree(folder, ignore_errors=True)  # it may lie in one that is gone already
    unwanted = [*(packages.rglob(pattern) for pattern in FILES)]
    unwanted += [(packages / "pyarrow").glob(pattern) for pattern in OF_PYARROW]
    for file in set(chain.from_iterable(unwanted)):
        file.unlink()
    libraries = [path for path in packages.rglob("*.so*") if path.is_file() and not path.is_symlink()]
    subprocess.run(["/usr/bin/strip", "--strip-unneeded", *libraries], check=True)  # noqa: S603


def _folders(packages: Path) -> Iterator[Path]:
    kept = {packages / name for name in KEPT}
    yield from (packages / name for name in NAMED)
    for name in FOLDERS:
        yield from (found for found in packages.rglob(name) if found.is_dir() and found not in kept)


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
