"""What is taken for a folder, what for a PostgreSQL, and what for a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories.shell import typed
from upper_circuit.errors import BadInput
from upper_circuit.market.database import Database
from upper_circuit.market.location import is_postgresql


@pytest.mark.parametrize("folder", ["data/db", Path("/srv/market"), "C:/market", "postgresql", "a:b"])
def test_a_folder_is_a_folder(folder: str | Path) -> None:
    """Also one whose name has a colon, or a drive before it."""
    assert not is_postgresql(folder)


@pytest.mark.parametrize("url", ["postgresql://u:p@h/d", "postgresql+psycopg://h/d"])
def test_a_postgresql_is_known_by_its_scheme(url: str) -> None:
    """With the driver's name or without."""
    assert is_postgresql(url)


@pytest.mark.parametrize(
    "location",
    ["postgres://u:hunter2@h/d", Path("postgres://u:hunter2@h/d"), "mysql://u:hunter2@h/d", "sqlite:///x.db"],
)
def test_any_other_address_is_refused_without_its_password(location: str | Path) -> None:
    """It would be a folder's name, with the password in it."""
    with pytest.raises(BadInput, match=r"folder or begins with postgresql://; this one begins with \w+:$"):
        Database.at(location)


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_command_says_so_and_makes_nothing(tmp_path: Path, by: str) -> None:
    """The password stands in no line and in no folder."""
    url = "postgres://u:hunter2@h/d"
    option = ["--database", url] if by == "option" else []
    environment = {"DATABASE_URL": url} if by == "environment" else {}
    told = typed(tmp_path, "ingest", __file__, *option, **environment)

    assert 1 == told.returncode
    assert 1 == told.stderr.count("\n")
    assert "postgresql://" in told.stderr
    assert "hunter2" not in told.stderr + told.stdout
    assert [] == list(tmp_path.iterdir())
