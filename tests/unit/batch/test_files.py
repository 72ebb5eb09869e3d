"""Files of a morning: whole or not at all, columns as the users have them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from batch.files import Places, predictions_csv, skipped_csv, write_all
from batch.predictions import SkippedStock
from tests.factories.batch import prediction

DAY = date(2025, 11, 14)


def test_a_line_has_the_users_columns_and_every_digit() -> None:
    """Numbers as Python reads them back; a missing symbol is an empty cell; a comma in a name is quoted."""
    text = predictions_csv([prediction("500325", None, "RELIANCE, LTD", 0.1 + 0.2)])

    assert (
        "bse_code,nse_symbol,company_name,probability,label,confidence,market_cap_cr\n"
        '500325,,"RELIANCE, LTD",0.30000000000000004,0,HIGH,100.0\n'
    ) == text


def test_marks_add_a_last_column_and_only_then() -> None:
    """Readers by name or place go on working, and no line can be taken for one of an ordinary morning."""
    text = skipped_csv([SkippedStock("500325", "RELIANCE", None, "PRICE_MISSING", "gone")], ("stale", "late"))

    assert (
        "bse_code,nse_symbol,company_name,reason,detail,notes\n500325,RELIANCE,,PRICE_MISSING,gone,stale; late\n"
    ) == text


@pytest.mark.parametrize(
    ("output", "predictions", "folder"),
    [
        ("out", "out/predictions_2025-11-14.csv", "out"),
        ("out/mine.csv", "out/mine.csv", "out"),
    ],
)
def test_an_output_is_a_folder_or_the_file_of_predictions(output: str, predictions: str, folder: str) -> None:
    """The others lie beside it under their usual names."""
    places = Places.of(Path(output), DAY)

    assert Path(predictions) == places.predictions
    assert Path(folder) / "skipped_stocks_2025-11-14.csv" == places.skipped
    assert Path(folder) / "report_2025-11-14.txt" == places.report


def test_files_are_put_in_place_with_nothing_beside_them(tmp_path: Path) -> None:
    """Folders are made; drafts are gone afterwards."""
    folder = tmp_path / "new" / "out"

    write_all({folder / "a.csv": "é\n", folder / "b.txt": ""})

    assert {"a.csv": "é\n", "b.txt": ""} == {
        path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()
    }


def test_a_file_that_cannot_be_written_leaves_the_former_ones(tmp_path: Path) -> None:
    """All drafts are on disk before the first file changes."""
    (tmp_path / "a.csv").write_text("former")
    (tmp_path / "wall").write_text("a file where a folder is needed")

    with pytest.raises(OSError, match="wall"):
        write_all({tmp_path / "a.csv": "new", tmp_path / "wall" / "b.csv": "new"})

    assert "former" == (tmp_path / "a.csv").read_text()


def test_what_a_killed_process_left_is_written_over(tmp_path: Path) -> None:
    """Drafts have fixed names, so that killed runs never pile them up."""
    write_all({tmp_path / "a.csv": "long former draft"})
    (tmp_path / "a.csv").rename(tmp_path / ".a.csv.part")

    write_all({tmp_path / "a.csv": "new"})

    assert ["new"] == [path.read_text() for path in tmp_path.iterdir()]
