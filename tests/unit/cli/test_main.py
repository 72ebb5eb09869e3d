"""What a person is told when a command cannot do what was asked: one line, and never a stack."""

from __future__ import annotations

from pathlib import Path

from cli.demo import folder_of
from tests.factories.shell import typed


def test_a_folder_that_cannot_be_is_named_in_one_line(tmp_path: Path) -> None:
    """A path that was typed wrongly is nobody's bug."""
    (tmp_path / "file").touch()
    wrong = str(tmp_path / "file" / "db")
    told = typed(tmp_path, "database", "upgrade", "--database", wrong)

    assert 1 == told.returncode
    assert 1 == told.stderr.count("\n"), told.stderr
    assert wrong in told.stderr


def test_a_database_that_is_not_there_is_one_line_without_its_password(tmp_path: Path) -> None:
    """The likeliest mistake of a first day; in a cluster it stands in the log of a hook."""
    url = "postgresql://desk:hunter2@127.0.0.1:1/market"
    told = typed(tmp_path, "database", "upgrade", "--database", url)

    assert 1 == told.returncode
    assert 1 == told.stderr.count("\n"), told.stderr
    assert "127.0.0.1" in told.stderr
    assert "hunter2" not in told.stderr


def test_each_history_has_a_demo_of_its_own(tmp_path: Path) -> None:
    """Two markets in one database would be one that never was."""
    one, other = tmp_path / "a" / "nse", tmp_path / "b" / "nse"

    assert Path("data/demo") == folder_of(None)
    assert 3 == len({folder_of(None), folder_of(one), folder_of(other)})
    assert folder_of(one) == folder_of(one / ".." / "nse")
    assert folder_of(one).name.startswith("demo-nse-")
