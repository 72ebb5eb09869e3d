"""An installation from nothing: the demo's market and model, the same as on a laptop, and nothing of the user's touched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.bootstrap import fill
from cli.demo import make_market
from cli.ingest import load_history
from cli.train import train_and_report
from tests.factories.database import load_master
from upper_circuit.features import FINGERPRINT
from upper_circuit.market.database import Database
from upper_circuit.market.migrations import upgrade
from upper_circuit.models.registry import Registry

SIZE = {"stocks": 80, "sessions": 450}
"""Small, and with enough locks for a training."""


@dataclass(frozen=True)
class Laptop:
    """What `upper-circuit demo` makes: SQLite, a folder of history, a model, a report with pictures."""

    database: Database
    registry: Registry


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """One such; its market is not to be changed."""
    folder = tmp_path_factory.mktemp("laptop")
    made = Laptop(Database.at(folder / "db"), Registry(folder / "models"))
    make_market(folder / "history", **SIZE)
    load_history(made.database, folder / "history")
    train_and_report(made.database, made.registry, reports=folder / "reports")
    yield made
    made.database.dispose()


@pytest.mark.postgres
def test_a_cluster_gets_the_market_and_the_model_of_a_laptop_and_gets_them_once(
    postgres, laptop: Laptop, tmp_path: Path, capsys
):
    """Bit for bit, though one has PostgreSQL and the other SQLite; a job that runs again makes nothing."""
    found = Database.at(postgres.migrated())
    registry = Registry(tmp_path / "registry")

    assert fill(found, registry, **SIZE)
    first = capsys.readouterr().out
    assert fill(found, registry, **SIZE)
    again = capsys.readouterr().out.splitlines()
    found.dispose()

    [version] = registry.versions()
    [theirs] = laptop.registry.versions()
    assert laptop.registry.manifest(theirs).sha256 == registry.verify(version, fingerprint=FINGERPRINT).sha256
    assert version == registry.promoted()
    assert "a synthetic market: 80 stocks, 450 sessions" in first
    assert f"{version} is promoted" == first.splitlines()[-1]
    assert [
        f"{found.location} holds the synthetic market already",
        f"{registry.root} has {version} promoted already",
    ] == again


def test_what_was_made_by_half_is_finished(laptop: Laptop, tmp_path: Path, capsys):
    """A job that was killed between market and model runs again."""
    registry = Registry(tmp_path / "models")

    assert fill(laptop.database, registry, **SIZE)

    said = capsys.readouterr().out.splitlines()
    assert f"{laptop.database.location} holds the synthetic market already" == said[0]
    assert registry.versions()[0] == registry.promoted()


def test_a_market_of_ones_own_gets_no_synthetic_stock_and_no_model(tmp_path: Path, capsys):
    """Whoever leaves the demo switched on over their own database has lost nothing."""
    found = Database.at(tmp_path / "db")
    upgrade(found)
    load_master(found, "500001", "500002")
    registry = Registry(tmp_path / "models")

    assert not fill(found, registry, **SIZE)
    found.dispose()

    assert (
        f"{found.location} holds 2 stocks of your own: nothing is added to them\n" == capsys.readouterr().out
    )
    assert () == registry.versions()
