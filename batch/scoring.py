"""
From finished rows to named predictions.

The model answers numbers; here they get their stock, their label and band, and which features were filled, without
which nobody could tell a company's own figures from its industry's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from batch.predictions import Prediction, SkippedStock
from upper_circuit.features import FeatureMatrix
from upper_circuit.market.master import Master
from upper_circuit.models.confidence import bands, labels
from upper_circuit.models.scorer import Scorer

BLOCK = 1_000
"""Rows scored at a time: what a worker of XGBoost holds in memory, and how soon a stop is noticed."""


@dataclass(frozen=True, slots=True)
class ShardRows:
    """What is known of some stocks: what each model version says, and who cannot be scored by any."""

    scored: Mapping[str, Sequence[Prediction]]
    skipped: Sequence[SkippedStock]

    def of(self, codes: Collection[str]) -> ShardRows:
        """Those of these stocks alone."""
        wanted = frozenset(codes)
        return ShardRows(
            {name: [p for p in rows if p.bse_code in wanted] for name, rows in self.scored.items()},
            [stock for stock in self.skipped if stock.bse_code in wanted],
        )


def score(scorers: Mapping[str, Scorer], matrix: FeatureMatrix, master: Master) -> ShardRows:
    """Score the same rows with every model; `scorers` by version."""
    return ShardRows(
        {version: predict(scorer, matrix, master) for version, scorer in scorers.items()},
        skipped(matrix, master),
    )


def predict(scorer: Scorer, matrix: FeatureMatrix, master: Master) -> list[Prediction]:
    """Score every row, in the matrix's order; names and market capitalisation come from `master`."""
    blocks = [scorer.score(matrix.values[at : at + BLOCK]) for at in range(0, len(matrix.codes), BLOCK)]
    if not blocks:
        return []
    probability = np.concatenate([block.probability for block in blocks])
    margin = np.concatenate([block.margin for block in blocks])
    label, band = labels(probability).tolist(), bands(probability).tolist()
    known: dict[bytes, dict[str, str]] = {}
    out = []
    for row, code in enumerate(matrix.codes):
        stock, sources = master.get(code), matrix.sources[row].tobytes()
        if sources not in known:  # few patterns of gaps, thousands of rows
            known[sources] = matrix.filled(row)
        out.append(
            Prediction(
                bse_code=code,
                nse_symbol=stock.nse_symbol,
                company_name=stock.company_name,
                market_cap_cr=stock.market_cap_cr,
                probability=float(probability[row]),
                margin=float(margin[row]),
                label=label[row],
                confidence=band[row],
                filled=known[sources],
            )
        )
    return out


def skipped(matrix: FeatureMatrix, master: Master) -> list[SkippedStock]:
    """The stocks of a matrix that cannot be scored, by code."""
    return [
        SkippedStock(code, stock.nse_symbol, stock.company_name, skip.reason.value, skip.detail)
        for code, skip in sorted(matrix.skipped.items())
        for stock in [master.get(code)]
    ]
