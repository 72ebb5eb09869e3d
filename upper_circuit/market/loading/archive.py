"""
The folder of history that a user brings: which of its files is what.

The layout is docs/history-layout.md: folders by kind, or a small archive flat. Only names of the layout are taken up, so
that what else lies in the folder (a second archive, notes, bundles of single days) is neither loaded nor in the way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path

from upper_circuit.errors import FileRefused
from upper_circuit.market.days import moment_of

_TABLE = r"\.(parquet|csv|csv\.gz)"
_LAYOUT: dict[str, tuple[tuple[str, ...], str]] = {
    "prices": (("nse-eod",), rf"(nse_eod_\d{{4}}|daily_prices){_TABLE}"),
    "factors": (("nse-eod",), r"corporate_action_factors_inferred\.csv"),
    "sessions": (("nse-eod",), r"nse_trading_dates_.*\.csv"),
    "master": (("master",), r"master_stock_list\.csv"),
    "results": (("results",), r"quarterly_results\.(parquet|csv)"),
    "announcements": (("announcements",), r"announcements(_.*)?\.(parquet|csv)"),
    "texts": (("announcements",), r"announcement_texts(_.*)?\.(parquet|csv)"),
    "bands": (("bands", "master"), r"(NSE_)?sec_list_\d{4}-\d{2}-\d{2}\.csv"),
    "meetings": (("meetings",), r"bm\d{8}\.txt"),
}
"""Kind of file, the folders it may lie in (and the archive's own), and what its name matches."""
_REQUIRED = {
    "prices": "nse-eod/nse_eod_YYYY.parquet or daily_prices.parquet",
    "master": "master/master_stock_list.csv or master_stock_list.csv",
}


@dataclass(frozen=True, slots=True)
class Archive:
    """The files of a folder of history by kind, each kind by name. Guaranteed: it has prices and one master list."""

    folder: Path
    files: dict[str, tuple[Path, ...]]

    @classmethod
    def of(cls, folder: Path) -> Archive:
        """Look through a folder. Raises FileRefused where it is no archive."""
        if not folder.is_dir():
            raise FileRefused(folder, "is no folder")
        files = {kind: tuple(_matching(folder, *where)) for kind, where in _LAYOUT.items()}
        for kind, expected in _REQUIRED.items():
            if not files[kind]:
                raise FileRefused(folder, f"holds no {kind}: {expected} is needed (docs/history-layout.md)")
        if len(files["master"]) > 1:
            raise FileRefused(
                folder, f"holds {len(files['master'])} master lists: {', '.join(map(str, files['master']))}"
            )
        return cls(folder, files)

    @property
    def all(self) -> list[tuple[str, Path]]:
        """Every file with its kind."""
        return [(kind, path) for kind, paths in self.files.items() for path in paths]


def _matching(folder: Path, subfolders: tuple[str, ...], name: str) -> list[Path]:
    places = [folder, *(folder / sub for sub in subfolders)]
    found = [
        path
        for place in places
        if place.is_dir()
        for path in place.iterdir()
        if re.fullmatch(name, path.name)
    ]
    return sorted(found, key=lambda path: path.name)


def told_by_name(path: Path) -> tuple[date | None, int | None]:
    """The day of a file and the moment it became public, where it has a name of the layout that tells what is not in it."""
    if re.fullmatch(_LAYOUT["bands"][1], path.name):
        return day_of_bands(path), None
    if re.fullmatch(_LAYOUT["meetings"][1], path.name):
        return None, published_at(path)
    return None, None


def day_of_bands(path: Path) -> date:
    """The day from which a list of bands holds: its name ends in it."""
    return _day(path, path.stem[-10:], "%Y-%m-%d")


def published_at(path: Path) -> int:
    """The moment at which a bulletin counts as public: the end of the day in its name."""
    day = _day(path, path.stem[-8:], "%d%m%Y")
    return moment_of(datetime.combine(day, time(23, 59, 59)))


def _day(path: Path, text: str, form: str) -> date:
    try:
        return datetime.strptime(text, form).date()  # noqa: DTZ007  # a day has no zone
    except ValueError as error:
        raise FileRefused(path, f"has no day in its name ({text})") from error
