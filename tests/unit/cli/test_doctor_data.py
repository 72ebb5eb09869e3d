"""What a database and a registry are, as judgements: one test a finding, no database and no files."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from cli.doctor.data import (
    Data,
    DatabaseFacts,
    Packed,
    RegistryFacts,
    Rights,
    Run,
    database_findings,
    registry_findings,
)
from cli.doctor.finding import Finding, Level
from upper_circuit.market.database import REVISION

TODAY = date(2025, 12, 17)
YESTERDAY = TODAY - timedelta(days=1)
DATA = Data(
    newest=YESTERDAY,
    expected=YESTERDAY,
    behind=0,
    published=date(2026, 12, 31),
    run=Run(TODAY, "done"),
    run_expected=TODAY,
)
GOOD = DatabaseFacts(
    location="postgresql://desk",
    rights=Rights("PostgreSQL 17.2"),
    schema=REVISION,
    packed=Packed(110_000, 20_000),
    data=DATA,
)
REGISTRY = RegistryFacts("/registry", is_there=True, versions=("1.0.0",), promoted="1.0.0", sound=("1.0.0",))


def of(subject: str, **changes: Any) -> list[Finding]:
    """What is found about a subject in a good database but for some facts."""
    return [each for each in database_findings(replace(GOOD, **changes), TODAY) if each.subject == subject]


class TestDatabaseFindings:
    """Of facts that nobody had to look at."""

    def test_a_good_database_has_nothing_to_do(self) -> None:
        """Each subject once."""
        found = database_findings(GOOD, TODAY)

        assert [Level.OK] * 7 == [each.level for each in found]
        assert "a sample of 20,000 of 110,000 match their checksums" in [each.what for each in found]

    def test_one_that_does_not_answer_is_all_that_is_said(self) -> None:
        """With the values that lead there."""
        (found,) = database_findings(DatabaseFacts("postgresql://desk", trouble="no route"), TODAY)

        assert (Level.FAIL, "postgresql://desk does not answer: no route") == (found.level, found.what)
        assert "database.existingSecret" in found.todo

    @pytest.mark.parametrize(
        ("subject", "changes", "expected"),
        [
            ("database", {"rights": Rights("PostgreSQL 14.9")}, Level.FAIL),
            ("database", {"rights": Rights("SQLite 3.40.1")}, Level.OK),
            ("rights", {"rights": Rights("PostgreSQL 17.2", ("SELECT on market.runs",))}, Level.FAIL),
            ("rights", {"rights": Rights("PostgreSQL 17.2", owns_all=False)}, Level.WARN),
            ("schema", {"schema": None, "schema_trouble": "0001"}, Level.FAIL),
            ("packed rows", {"packed": Packed(9, 9)}, Level.OK),
            ("packed rows", {"packed": Packed(9, 9, (("500001", 2025),))}, Level.FAIL),
            ("calendar", {"data": replace(DATA, published=None)}, Level.FAIL),
            ("calendar", {"data": replace(DATA, published=YESTERDAY)}, Level.FAIL),
            ("calendar", {"data": replace(DATA, published=TODAY + timedelta(days=14))}, Level.WARN),
            ("freshness", {"data": replace(DATA, newest=None)}, Level.FAIL),
            ("freshness", {"data": replace(DATA, behind=3)}, Level.FAIL),
            ("freshness", {"data": replace(DATA, behind=1, is_due=False)}, Level.WARN),
            ("freshness", {"data": replace(DATA, behind=2, is_due=False)}, Level.FAIL),
            ("freshness", {"data": replace(DATA, behind=300, is_synthetic=True)}, Level.OK),
            ("runs", {"data": replace(DATA, run=None)}, Level.WARN),
            ("runs", {"data": replace(DATA, run=Run(TODAY, "failed", "no model"))}, Level.FAIL),
            ("runs", {"data": replace(DATA, run=Run(YESTERDAY, "done"))}, Level.FAIL),
            ("runs", {"data": replace(DATA, run=Run(YESTERDAY, "done"), is_synthetic=True)}, Level.OK),
            ("runs", {"data": replace(DATA, run=Run(TODAY, "skipped"))}, Level.OK),
        ],
    )  # fmt: skip
    def test_each_shortcoming_is_found(self, subject: str, changes: dict[str, Any], expected: Level) -> None:
        """With what to do about it, unless all is well."""
        (found,) = of(subject, **changes)

        assert (expected, expected != Level.OK) == (found.level, bool(found.todo))

    def test_the_stocks_to_pack_anew_are_named(self) -> None:
        """As many as a person would type."""
        few, many = (
            of("packed rows", packed=Packed(99, 99, tuple((str(code), 2025) for code in range(count))))
            for count in (2, 5)
        )

        assert ["upper-circuit repack 0 1"] == [each.todo for each in few]
        assert (
            "5 of 99 differ from their checksum: 0 of 2025, 1 of 2025, 2 of 2025 and 2 more" == many[0].what
        )


class TestRegistryFindings:
    """Of versions and the pointer."""

    def test_a_good_registry_has_nothing_to_do(self) -> None:
        """The pointer and the version behind it."""
        assert [Level.OK, Level.OK] == [each.level for each in registry_findings(REGISTRY)]

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"versions": (), "sound": (), "promoted": None}, [Level.FAIL]),
            ({"sound": (), "promoted": None}, [Level.FAIL]),
            ({"promoted": None}, [Level.OK, Level.OK]),
            ({"sound": (), "troubles": {"1.0.0": "golden rows"}}, [Level.OK, Level.FAIL]),
            ({"ignored": 2}, [Level.OK, Level.OK, Level.WARN]),
        ],
        ids=["empty", "nothing promoted", "a slot names its version", "unsound", "leftovers"],
    )
    def test_each_shortcoming_is_found(self, changes: dict[str, Any], expected: list[Level]) -> None:
        """A version that a slot names needs no pointer."""
        assert expected == [each.level for each in registry_findings(replace(REGISTRY, **changes))]
