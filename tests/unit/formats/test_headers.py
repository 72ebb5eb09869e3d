"""What tells a file: its first line; and what is no exchange file at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.factories import exchange_files as files
from tests.factories.exchange_files import DAY, FORMS, Bar
from upper_circuit.errors import FileRefused
from upper_circuit.market import formats

BAR = Bar()


def refusal(read, content, **options) -> FileRefused:
    """The error that reading ends with."""
    with pytest.raises(FileRefused) as caught:
        read(content, **{"trade_date": DAY} | options)
    return caught.value


def test_a_legacy_f_and_o_file_is_refused_by_name(read):
    """Its header is another, so it is told before any row."""
    header = (
        "INSTRUMENT,SYMBOL,EXPIRY_DT,STRIKE_PR,OPTION_TYP,OPEN,HIGH,LOW,CLOSE,SETTLE_PR,CONTRACTS,TIMESTAMP,"
    )

    assert "F&O" in refusal(read, f"{header}\nFUTSTK,ABB,26-DEC-2025,0,XX,1,1,1,1,1,1,17-DEC-2025,\n").reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \r\n\n", "is empty"),
        (bytes(range(256)) * 20, "is no text"),
        ("SYMBOL,SERIES".encode("utf-16"), "is no text"),
        (b"<!DOCTYPE html><html></html>", "is a web page"),
        (b"PAR1 and then nothing of the kind", "damaged Parquet"),
    ],
    ids=["empty", "blank", "rubbish", "UTF-16", "web page", "broken Parquet"],
)
def test_what_is_no_exchange_file_is_refused(content, reason, read):
    """Each in words that say what was given instead."""
    assert reason in refusal(read, content).reason


@pytest.mark.parametrize("form", FORMS)
def test_a_header_without_rows_is_refused(form, read):
    """An exchange that has nothing to say publishes no file."""
    assert "no rows" in refusal(read, FORMS[form]([])).reason


def test_an_unknown_header_names_the_known_ones(read):
    """So that a person sees what could have been given."""
    error = refusal(read, "date,ticker,price\n2025-12-17,ABB,1\n")

    assert all(form.title in error.reason for form in formats.FORMATS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("PREVCLOSE,", ""), "it lacks prevclose"),
        (("TIMESTAMP", "TIMESTAMP,VWAP"), "it adds vwap"),
        (("OPEN,HIGH", "HIGH,OPEN"), "another order"),
    ],
)
def test_a_header_that_is_nearly_known_names_the_difference(change, reason, read):
    """Exchanges change their forms; a shifted column must never be read as its neighbour."""
    assert reason in refusal(read, files.nse_legacy_13([BAR]).replace(*change)).reason


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """A wrong path is the caller's fault too."""
    with pytest.raises(FileRefused, match="cannot be read"):
        formats.read(tmp_path / "nowhere.csv", today=DAY)


def test_a_quote_that_never_ends_is_refused(read):
    """It would swallow every line that follows."""
    text = files.nse_full([BAR, replace(BAR, symbol="ABB")]).replace("RELINFRA", '"RELINFRA')

    assert "no proper CSV" in refusal(read, text).reason
