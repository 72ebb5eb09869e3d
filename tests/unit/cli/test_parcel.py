"""A model as a stream: whole and true, or refused with a sentence."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import pytest

from cli.parcel import MOST_BYTES, pack, pieces, unpack
from upper_circuit.errors import PublishRefused

FILES = {"model.ubj": b"\x00\x01" * 50_000, "manifest.yaml": b"version: 1.3.0\n", "report.md": b""}
PARCEL = pack("1.3.0", FILES)


def sealed(body: bytes, **changes: object) -> bytes:
    """A stream with a true head around any body, but for the changes named."""
    facts = {"kind": "upper-circuit model", "version": "1.3.0", "bytes": len(body)}
    head = {**facts, "sha256": hashlib.sha256(body).hexdigest(), **changes}
    return json.dumps(head).encode() + b"\n" + body


def archive(*entries: tarfile.TarInfo) -> bytes:
    """A tar of entries without content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for entry in entries:
            tar.addfile(entry)
    return out.getvalue()


def link(name: str, target: str) -> tarfile.TarInfo:
    """A symbolic link."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    return entry


def test_what_is_packed_comes_out_as_it_was() -> None:
    """Every file to the last byte, an empty one too; and packing again makes the same stream."""
    assert ("1.3.0", FILES) == unpack(io.BytesIO(PARCEL))
    assert PARCEL == pack("1.3.0", dict(reversed(FILES.items())))


def test_pieces_make_the_stream() -> None:
    """Nothing is lost between them, and none is large."""
    assert PARCEL == b"".join(pieces(PARCEL))
    assert max(map(len, pieces(PARCEL))) <= 32 << 10


def test_nothing_is_read_beyond_the_end_it_names() -> None:
    """A stream that stays open must not keep the reader waiting."""
    stream = io.BytesIO(PARCEL + b"more")

    unpack(stream)

    assert b"more" == stream.read()


@pytest.mark.parametrize("cut", [0, 1, 50, 200, len(PARCEL) // 2, len(PARCEL) - 1])
def test_a_stream_that_breaks_off_is_refused(cut: int) -> None:
    """Wherever it breaks."""
    with pytest.raises(PublishRefused):
        unpack(io.BytesIO(PARCEL[:cut]))


def test_how_much_arrived_is_told() -> None:
    """And what helps."""
    with pytest.raises(PublishRefused, match=r"1\.3\.0 .* ended after [0-9,]+ of [0-9,]+ bytes; push again"):
        unpack(io.BytesIO(PARCEL[:-1]))


@pytest.mark.parametrize(
    ("stream", "told"),
    [
        (b"hello\n", "does not begin as"),
        (b"{}\n", "does not begin as"),
        (b"[1]\n", "does not begin as"),
        (b'{"kind": "upper-circuit model"}\n', "does not begin as"),
        (b"x" * 5_000, "does not begin as"),
        (PARCEL[:-1] + b"?", "not what was sent"),
        (sealed(b"", bytes=0), "is said to have 0 bytes"),
        (sealed(b"x", bytes=MOST_BYTES + 1), "bytes, 268,435,456 are allowed"),
        (sealed(b"x", bytes="1"), "bytes, 268,435,456 are allowed"),
        (sealed(b"no archive"), "holds no files"),
        (sealed(archive(tarfile.TarInfo("../model.ubj"))), "'../model.ubj' is no file of a model"),
        (sealed(archive(tarfile.TarInfo("/etc/passwd"))), "is no file of a model"),
        (sealed(archive(link("model.ubj", "/etc/passwd"))), "'model.ubj' is no file of a model"),
        (sealed(archive(*(tarfile.TarInfo(f"{at}.md") for at in range(33)))), "'32.md' is no file of a model"),
    ],
    ids=["text", "no head", "list", "half a head", "endless line", "changed", "empty", "huge", "length a text",
         "no tar", "above", "absolute", "link", "many"],
)  # fmt: skip
def test_a_stream_that_is_no_model_is_refused(stream: bytes, told: str) -> None:
    """Before anything of it is written."""
    with pytest.raises(PublishRefused, match=told):
        unpack(io.BytesIO(stream))
