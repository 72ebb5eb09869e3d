"""What may be lacking, and who is told which word for it."""

from __future__ import annotations

from dataclasses import fields
from datetime import date

import pytest

from batch.settings import BatchSettings
from transformer.settings import TransformerSettings
from upper_circuit.errors import DatabaseAway, DataUnavailable, PricesStale, TableMissing
from upper_circuit.features import MIN_PRICE_SHARE, Tolerance, allowed_by

DAY = date(2025, 11, 14)
STALE = PricesStale(DAY, DAY, 0.41, 0.9)
MISSING = TableMissing("quarterly_results", DAY)


def test_batch_and_api_ask_for_the_same_where_nobody_says_otherwise(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or one of them would answer what the other refuses."""
    monkeypatch.chdir(tmp_path_factory.mktemp("without .env"))
    monkeypatch.delenv("BATCH_MIN_PRICE_SHARE", raising=False)
    monkeypatch.delenv("MIN_PRICE_SHARE", raising=False)

    assert {MIN_PRICE_SHARE} == {
        Tolerance().min_price_share,
        BatchSettings().batch_min_price_share,
        TransformerSettings().min_price_share,
    }


@pytest.mark.parametrize("error", [STALE, MISSING], ids=["stale", "missing"])
def test_what_lets_a_refusal_pass_is_named_by_whoever_has_it(error: DataUnavailable) -> None:
    """Options are the shell's: who asks over HTTP has none, so the sentence itself names none."""
    assert allowed_by(error) in {field.name for field in fields(Tolerance)}
    assert "--" not in str(error)


def test_nothing_lets_other_refusals_pass() -> None:
    """A database that is away stays away."""
    assert allowed_by(DatabaseAway("gone")) is None
