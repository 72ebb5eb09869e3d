"""Files in zips: the one we know is read, whatever is wrong with the zip is refused."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from io import BytesIO

import pytest

from tests.factories import exchange_files as files
from tests.factories.exchange_files import Bar
from upper_circuit.errors import FileRefused
from upper_circuit.market.formats import archive

PRICES = files.nse_full([Bar()])


def zipped(members: Mapping[str, str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip with these files."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w", method) as file:
        for name, text in members.items():
            file.writestr(name, text)
    return content.getvalue()


def test_a_zip_is_the_file_in_it(read):
    """Zipped or not, the content is the same and so is its fingerprint: loading both changes nothing twice."""
    plain = read(PRICES)

    packed = read(zipped({"cm.csv": PRICES}))

    assert plain.sha256 == packed.sha256
    assert plain.rows.symbol == packed.rows.symbol


def test_a_zip_is_known_by_its_content(read):
    """A zip may be called .csv, as browsers like to save it."""
    assert "prices" == read(zipped({"cm.csv": PRICES}), name="prices.csv").kind


def test_the_member_with_a_known_header_is_taken(read):
    """Bundles carry a readme, a folder, and what else their maker had."""
    members = {
        "folder/": "",
        "readme.txt": "About these files",
        "other.csv": "a,b\n1,2\n",
        "folder/cm.csv": PRICES,
    }

    assert "prices" == read(zipped(members)).kind


def test_an_error_names_the_member(read):
    """A zip holds many files; the sentence says which one and where in it."""
    with pytest.raises(FileRefused, match=r"day\.zip/cm\.csv, line 2"):
        read(zipped({"cm.csv": PRICES.replace("149.65", "1.00")}), name="day.zip")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (zipped({}), "without a file"),
        (zipped({"folder/": ""}), "without a file"),
        (zipped({"a.csv": PRICES, "b.csv": PRICES}), r"2 files of a known header \(a\.csv, b\.csv\)"),
        (zipped({"a.csv": "a,b\n", "b.csv": "c,d\n"}), "0 files of a known header"),
        (zipped({"only.csv": "a,b\n1,2\n"}), "unknown header"),
        (zipped({f"{number}.csv": "" for number in range(1001)}), "1001 files"),
        (zipped({"cm.csv": PRICES}, zipfile.ZIP_LZMA), "other than deflate"),
        (zipped({"cm.csv": PRICES})[:60], "damaged zip"),
        (zipped({"cm.csv": PRICES})[:40] + b"\x00" * 9 + zipped({"cm.csv": PRICES})[49:], "damaged zip"),
    ],
    ids=[
        "empty",
        "folders only",
        "two known",
        "none known",
        "one unknown",
        "too many",
        "LZMA",
        "cut off",
        "damaged",
    ],
)
def test_a_zip_that_cannot_be_used_is_refused(content, reason, read):
    """Each fault in its own words, never as an error of the library."""
    with pytest.raises(FileRefused, match=reason):
        read(content)


def test_an_encrypted_zip_is_refused(read):
    """The flag of a password is set; we ask for none."""
    content = bytearray(zipped({"cm.csv": PRICES}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(FileRefused, match=r"damaged zip.*encrypted"):
        read(bytes(content))


def test_a_zip_bomb_is_refused(read, monkeypatch):
    """Half a kilobyte that unpacks to more than the limit: what the zip declares about its size is not believed."""
    monkeypatch.setattr(archive, "LIMIT", 100_000)

    with pytest.raises(FileRefused, match="unpacks to more than"):
        read(zipped({"cm.csv": "0" * 100_001}))


def test_a_file_beyond_the_limit_is_refused(read, monkeypatch):
    """The same limit holds for a plain file."""
    monkeypatch.setattr(archive, "LIMIT", 1_000)

    with pytest.raises(FileRefused, match="larger than"):
        read("0" * 1_001)
