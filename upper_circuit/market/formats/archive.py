"""
From a path to the bytes of one file: plain, or the one member of a zip that we know.

Exchanges publish some files zipped and users zip the rest; a zip may hold a readme beside the file, lie about its
sizes, or be broken. Whatever is wrong with it ends as one FileRefused, and never with more than LIMIT bytes in memory.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from upper_circuit.errors import FileRefused

LIMIT = 256 * 1024 * 1024
"""Bytes of one file, unpacked; a day of prices has half a megabyte, five years of announcements about fifty."""
HEAD = 4096
"""Bytes that hold any known header."""
PARQUET = b"PAR1"
"""How a Parquet file begins."""
_MEMBERS = 1000
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)
"""What the library raises for a damaged, encrypted or exotic member."""


@dataclass(frozen=True, slots=True)
class Content:
    """One file's bytes. `where` is what an error names (path, or path/member); `name` is the file's own."""

    where: str
    name: str
    sha256: str
    data: bytes


def open_content(path: Path, is_known: Callable[[bytes], bool]) -> Content:
    """Read a file, or out of a zip its only member, or the only one whose first bytes `is_known` accepts."""
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise FileRefused(path, f"cannot be read: {error.strerror or error}") from error
    if len(data) > LIMIT:
        raise FileRefused(path, f"is larger than {LIMIT // 1024**2} MiB")
    where = str(path)
    if data.startswith(_ZIP_MAGIC):
        member, data = _unzip(path, data, is_known)
        where = f"{path}/{member}"
    return Content(where, path.name, hashlib.sha256(data).hexdigest(), data)


def _unzip(path: Path, data: bytes, is_known: Callable[[bytes], bool]) -> tuple[str, bytes]:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            member = _choose(path, archive, is_known)
            return member.filename, _unpack(path, archive, member, LIMIT)
    except _BROKEN as error:
        raise FileRefused(path, f"is a damaged zip: {error}") from error


def _choose(path: Path, archive: zipfile.ZipFile, is_known: Callable[[bytes], bool]) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if not members:
        raise FileRefused(path, "is a zip without a file in it")
    if len(members) > _MEMBERS:
        raise FileRefused(path, f"is a zip of {len(members)} files; at most {_MEMBERS} are looked at")
    if len(members) == 1:
        return members[0]
    known = [member for member in members if is_known(_unpack(path, archive, member, HEAD))]
    if len(known) != 1:
        names = ", ".join(member.filename for member in (known or members)[:5])
        reason = f"is a zip with {len(known)} files of a known header ({names}); exactly one is needed"
        raise FileRefused(path, f"{reason}: unpack it and give the files one by one")
    return known[0]


def _unpack(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    """The first `limit` bytes of a member; the whole of one that has more is refused, whatever it declares."""
    if member.compress_type not in _METHODS:
        raise FileRefused(path, f"member {member.filename} is packed by a method other than deflate")
    with archive.open(member) as file:
        data = file.read(limit + 1 if limit == LIMIT else limit)
    if len(data) > LIMIT:
        raise FileRefused(path, f"member {member.filename} unpacks to more than {LIMIT // 1024**2} MiB")
    return data
