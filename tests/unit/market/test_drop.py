"""Which files of a drop folder are opened: every new one once, whole ones only, and the folder stays as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from upper_circuit.errors import BadInput
from upper_circuit.market.database import Database
from upper_circuit.market.loading.drop import Drop, look, remember
from upper_circuit.market.migrations import upgrade

NOW = 1_765_900_000
YESTERDAY = NOW - 86_400


class Folder:
    """A drop folder, the database that remembers it, and what `look` waited for."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path / "drop"
        self.path.mkdir()
        self.database = Database.at(tmp_path / "db")
        upgrade(self.database)
        self.waited: list[float] = []
        self.while_waiting = lambda: None

    def put(self, name: str, text: str = "a line", *, at: float = YESTERDAY) -> None:
        """Write a file with a time."""
        (self.path / name).write_text(text)
        os.utime(self.path / name, (at, at))

    def look(self, *, now: float = NOW) -> Drop:
        """What lies there."""
        return look(self.database, self.path, now=now, wait=self._wait)

    def fresh(self) -> list[str]:
        """Names of the files to be read."""
        return [file.path.name for file in self.look().fresh]

    def read_all(self) -> None:
        """As an ingest does that refuses nothing."""
        for file in self.look().fresh:
            remember(self.database, file, now=NOW)

    def _wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.while_waiting()


@pytest.fixture
def folder(tmp_path):
    """An empty folder and a database that has seen nothing."""
    folder = Folder(tmp_path)
    yield folder
    folder.database.dispose()


def test_a_file_is_read_once(folder):
    """Thousands of old ones then cost a look at the folder."""
    folder.put("b.csv")
    folder.put("a.csv")
    folder.read_all()
    folder.put("c.csv")

    drop = folder.look()

    assert ["c.csv"] == [file.path.name for file in drop.fresh]
    assert 2 == drop.seen


def test_files_come_by_name(folder):
    """The order of a folder is the file system's whim; what needs another order says so."""
    for name in ("c.csv", "a.csv", "b.csv"):
        folder.put(name)

    assert ["a.csv", "b.csv", "c.csv"] == folder.fresh()


@pytest.mark.parametrize(
    "change",
    [{"text": "another text"}, {"at": YESTERDAY + 1}, {"at": YESTERDAY - 1}],
    ids=["another size", "a later time", "an earlier time"],
)
def test_a_file_that_was_changed_is_read_again(folder, change):
    """A correction comes under the same name, and copying may bring the time that the exchange gave it."""
    folder.put("day.csv")
    folder.read_all()

    folder.put("day.csv", **change)

    assert ["day.csv"] == folder.fresh()


def test_a_file_that_is_changed_while_it_is_read_is_read_again(folder):
    """What is remembered is the file as it was before it was opened."""
    folder.put("day.csv")
    [before] = folder.look().fresh
    folder.put("day.csv", "grown meanwhile")

    remember(folder.database, before, now=NOW)

    assert ["day.csv"] == folder.fresh()


def test_a_file_of_the_last_minute_is_whole_when_it_stays_as_it_is(folder):
    """One wait, however many there are."""
    folder.put("a.csv", at=NOW - 5)
    folder.put("b.csv", at=NOW - 10)

    assert ["a.csv", "b.csv"] == folder.fresh()
    assert [60.0] == folder.waited


def test_a_file_that_grows_is_left_alone(folder):
    """Half a file looks like a file; the next look finds it whole."""
    folder.put("half.csv", at=NOW - 5)
    folder.put("whole.csv", at=NOW - 5)
    folder.while_waiting = lambda: folder.put("half.csv", "a line and half ano", at=NOW + 30)

    drop = folder.look()

    assert ["whole.csv"] == [file.path.name for file in drop.fresh]
    assert ("half.csv",) == drop.growing


def test_a_clock_of_the_folder_that_is_ahead_hides_no_growing_file(folder):
    """Network folders have clocks of their own."""
    folder.put("half.csv", at=NOW + 5)
    folder.while_waiting = lambda: folder.put("half.csv", "a line and half ano", at=NOW + 65)

    assert ("half.csv",) == folder.look().growing


def test_a_file_that_is_taken_away_is_none(folder):
    """Also while one waits."""
    folder.put("gone.csv", at=NOW - 5)
    folder.while_waiting = (folder.path / "gone.csv").unlink

    assert [] == folder.fresh()


def test_old_files_keep_nobody_waiting(folder):
    """Nor do those that were read."""
    folder.put("new.csv", at=NOW - 5)
    folder.read_all()
    folder.put("old.csv")
    folder.waited.clear()

    assert ["old.csv"] == folder.fresh()
    assert [] == folder.waited


def test_hidden_files_and_folders_are_none_of_it(folder):
    """Downloads under way, and what a file system keeps for itself; a folder is named, since somebody may miss it."""
    folder.put(".day.csv.part")
    (folder.path / "lost+found").mkdir()

    assert Drop((), 0, (), ("lost+found",)) == folder.look()


def test_a_folder_that_is_not_there_is_said(folder):
    """A job without its volume must not look like a day without files."""
    with pytest.raises(BadInput, match="nowhere cannot be looked through: No such file or directory"):
        look(folder.database, folder.path / "nowhere", now=NOW, wait=folder.waited.append)
