"""The stocks that a desk asks a demo about, and what each model must answer."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.e2e.load import Load, questions, slowest, wrong
from tests.e2e.release import Release
from transformer.questions import MOST_ASKED
from upper_circuit.features import FEATURE_NAMES
from upper_circuit.market.calendar import load_calendar
from upper_circuit.market.database import Database
from upper_circuit.market.master import Master
from upper_circuit.models.registry import Registry
from upper_circuit.models.scorer import Scorer
from upper_circuit.models.version import ModelVersion

COUNT = 40


@dataclass(frozen=True, slots=True)
class Stocks:
    """Some that can be scored on the newest morning, with their features as the API has them."""

    release: Release
    morning: date
    earlier: tuple[date, date]
    """The two sessions before it."""
    codes: tuple[str, ...]
    matrix: npt.NDArray[np.float32]

    @classmethod
    def of(cls, release: Release) -> Stocks:
        """The first forty by code, asked through the Gateway once that answers."""
        database = Database.at(release.database_url)
        calendar, master = load_calendar(database), Master.load(database)
        database.dispose()
        newest = calendar.newest
        morning = calendar.next_session(newest + timedelta(days=1))
        asked = [
            {"bse_code": stock.bse_code, "prediction_date": str(morning), "include_features": True}
            for stock in master.active()[:MOST_ASKED]
        ]

        def answers() -> list[dict[str, Any]]:
            told = release.ask("/api/v1/batch_predict", asked, through=release.outside)
            return [each for each in told if "probability" in each][:COUNT]

        found = release.namespace.wait(answers, within=60, what="an answer through the Gateway")
        rows = [[each["features"][name] for name in FEATURE_NAMES] for each in found]
        codes = tuple(each["bse_code"] for each in found)
        earlier = (calendar.session_before(newest), newest)
        return cls(release, morning, earlier, codes, np.array(rows, dtype=np.float32))

    def probabilities(self, registry: Path, version: str) -> dict[tuple[str, str], float]:
        """What a version says, computed here: by code and version."""
        scorer = Scorer.load(Registry(registry).folder(ModelVersion.parse(version)))
        scores = scorer.score(self.matrix).probability.tolist()
        return {(code, version): score for code, score in zip(self.codes, scores, strict=True)}

    def answered(self) -> dict[str, float]:
        """What the release says now, by code."""
        asked = [{"bse_code": code, "prediction_date": str(self.morning)} for code in self.codes]
        told = self.release.ask("/api/v1/batch_predict", asked)
        return {each["bse_code"]: each["probability"] for each in told}

    def load(self, seed: int) -> Load:
        """Fifty requests a second through the Gateway; the seed is printed."""
        print(f"load: seed {seed}")  # noqa: T201
        return Load(self.release.outside, questions(self.codes, str(self.morning), seed=seed))

    @contextmanager
    def steadily(self, right: Mapping[str, float]) -> Iterator[None]:
        """Fifty questions a second while the block runs; none fails, and each gets its number."""
        with self.load(random.randrange(10_000)) as found:
            found.counted(len(right), time.monotonic(), self.release.namespace)
            yield
            found.counted(len(right), time.monotonic(), self.release.namespace)
        slow = {share: round(slowest(found.answers, share), 3) for share in (0.5, 0.99, 1)}
        print({"answers": len(found.answers), "failures": found.failures(), "seconds": slow})  # noqa: T201
        assert not found.failures()
        assert [] == wrong(found.answers, lambda row: right[row.bse_code] == row.probability)

    def asked(self, *, through: str, headers: Mapping[str, str] | None = None) -> str:
        """The version that answers one question."""
        question = {"bse_code": self.codes[0], "prediction_date": str(self.morning)}
        answer = self.release.ask("/api/v1/predict", question, through=through, headers=headers)
        return str(answer.get("model_version") or answer["error"])
