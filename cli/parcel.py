"""
A model version as a stream of bytes, for the standard input of a pod.

Such a stream has no reliable end: a connection that breaks looks like one that is done. So its length and its hash
come first, on a line of their own, and what does not fit them is not looked at.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from upper_circuit.errors import PublishRefused

MOST_BYTES = 256 << 20
"""A forest of 400 trees takes two million."""
_MOST_FILES = 32
_LONGEST_HEAD = 1024
_PIECE = 32 << 10
_KIND = "upper-circuit model"


def pack(version: str, files: Mapping[str, bytes]) -> bytes:
    """The stream of a version's files; the same for the same files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    body = out.getvalue()
    digest = hashlib.sha256(body).hexdigest()
    head = json.dumps({"kind": _KIND, "version": version, "bytes": len(body), "sha256": digest})
    return head.encode() + b"\n" + body


def read_folder(folder: Path) -> dict[str, bytes]:
    """A published version's files."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def pieces(parcel: bytes) -> Iterator[bytes]:
    """A stream in pieces that any proxy passes on."""
    for at in range(0, len(parcel), _PIECE):
        yield parcel[at : at + _PIECE]


def unpack(stream: BinaryIO) -> tuple[str, dict[str, bytes]]:
    """Version and files of a stream, read to the length it names and no further; raises PublishRefused."""
    head = _head(stream.readline(_LONGEST_HEAD))
    version, length = str(head["version"]), head["bytes"]
    if not isinstance(length, int) or not 0 < length <= MOST_BYTES:
        raise PublishRefused(version, f"it is said to have {length} bytes, {MOST_BYTES:,} are allowed")
    body = _exactly(stream, length)
    if len(body) != length:
        raise PublishRefused(version, f"the stream ended after {len(body):,} of {length:,} bytes; push again")
    if hashlib.sha256(body).hexdigest() != head["sha256"]:
        raise PublishRefused(version, "what arrived is not what was sent (sha256); push again")
    return version, dict(_files(version, body))


def _head(line: bytes) -> dict[str, object]:
    try:
        head = json.loads(line)
        if head["kind"] == _KIND and {"version", "bytes", "sha256"} <= set(head):
            return dict(head)
    except (ValueError, TypeError, KeyError):
        pass
    raise PublishRefused("?", "the stream does not begin as `upper-circuit models push` begins it")


def _exactly(stream: BinaryIO, length: int) -> bytes:
    body = bytearray()
    while len(body) < length:
        piece = stream.read(min(length - len(body), 1 << 20))
        if not piece:
            break
        body += piece
    return bytes(body)


def _files(version: str, body: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:") as archive:
            for number, entry in enumerate(archive):
                content = archive.extractfile(entry) if entry.isfile() else None
                if content is None or "/" in entry.name or number >= _MOST_FILES:
                    raise PublishRefused(version, f"{entry.name!r} is no file of a model")
                yield entry.name, content.read()
    except tarfile.TarError as error:
        raise PublishRefused(version, f"the stream holds no files: {error}") from error
