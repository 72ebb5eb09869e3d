"""
A desk's load: so many requests a second, whatever becomes of the answers.

A request begins when its time has come and not when another one has ended, so a release that pauses shows it as latency
and not as fewer requests. Every request is sent once: who tries again is the route, never the client, because a
failure hidden here would be one that a user sees.
"""

from __future__ import annotations

import asyncio
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

from tests.e2e.kube import Namespace

RATE = 50.0
PATIENCE = 30.0
"""Seconds after which a client calls a request lost; longer than the Gateway waits, whose word counts."""


@dataclass(frozen=True, slots=True)
class Question:
    """One POST."""

    path: str
    document: Any


@dataclass(frozen=True, slots=True)
class Row:
    """One stock's score in an answer."""

    bse_code: str
    probability: float
    version: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of one request; times are those of time.monotonic()."""

    began: float
    seconds: float
    status: int | None
    """None: no answer came."""
    trouble: str
    rows: tuple[Row, ...]

    @property
    def versions(self) -> frozenset[str]:
        """The models that answered: one, if all is well."""
        return frozenset(row.version for row in self.rows)


def questions(codes: Sequence[str], morning: str, *, seed: int) -> Iterator[Question]:
    """About one stock, every fifth time about five of them; endless and the same for the same seed."""
    draw = random.Random(seed)
    number = 0
    while True:
        number += 1
        chosen = draw.sample(codes, 1 if number % 5 else 5)
        asked = [{"bse_code": code, "prediction_date": morning} for code in chosen]
        yield (
            Question("/api/v1/batch_predict", asked)
            if len(asked) > 1
            else Question("/api/v1/predict", asked[0])
        )


class Load:
    """Asks from a thread of its own, from `with` on until its end."""

    def __init__(self, url: str, asked: Iterator[Question], *, rate: float = RATE) -> None:
        self.answers: list[Answered] = []
        self._url = url
        self._asked = asked
        self._rate = rate
        self._stop = threading.Event()
        self._broke: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE + 5)
        if self._broke is not None:
            raise self._broke

    def since(self, moment: float, until: float = math.inf) -> list[Answered]:
        """Answers to requests that began between two moments."""
        return [answer for answer in list(self.answers) if moment <= answer.began < until]

    def counted(self, count: int, since: float, namespace: Namespace) -> list[Answered]:
        """At least so many answers to requests that began after a moment; waits until they are there."""

        def enough() -> list[Answered] | None:
            found = self.since(since)
            return found if len(found) >= count else None

        within = 3 * count / self._rate + PATIENCE
        return namespace.wait(enough, within=within, what=f"{count} answers")

    def failures(self, allowed: frozenset[int] = frozenset({200})) -> Counter[str]:
        """What went wrong, and how often."""
        return Counter(
            f"{answer.status or 'no answer'} {answer.trouble}"
            for answer in list(self.answers)
            if answer.status not in allowed
        )

    def _run(self) -> None:
        try:
            asyncio.run(self._ask_on_and_on())
        except BaseException as error:  # noqa: BLE001  # told to whoever waits for the end
            self._broke = error

    async def _ask_on_and_on(self) -> None:
        under_way: set[asyncio.Task[None]] = set()
        connector = aiohttp.TCPConnector(limit=0)  # a queue of the client's own would be the client's failure
        patience = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(self._url, connector=connector, timeout=patience) as session:
            due = time.monotonic()
            while not self._stop.is_set():
                task = asyncio.create_task(self._ask(session, next(self._asked)))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                due += 1 / self._rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            await asyncio.gather(*under_way)

    async def _ask(self, session: aiohttp.ClientSession, question: Question) -> None:
        began = time.monotonic()
        status: int | None = None
        trouble = ""
        rows: tuple[Row, ...] = ()
        try:
            async with session.post(question.path, json=question.document) as answer:
                status = answer.status
                body = await answer.read()
                if status == 200:
                    rows = rows_of(await answer.json())
                else:
                    trouble = body[:200].decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError, OSError, KeyError, ValueError) as error:
            status, trouble = None, repr(error)
        self.answers.append(Answered(began, time.monotonic() - began, status, trouble, rows))


def rows_of(document: Any) -> tuple[Row, ...]:
    """The scores in an answer of the API; KeyError where one of them is an error."""
    found = document if isinstance(document, list) else [document]
    return tuple(Row(each["bse_code"], each["probability"], each["model_version"]) for each in found)


def mixed(answers: Sequence[Answered]) -> list[Answered]:
    """Answers that are not wholly of one version."""
    return [answer for answer in answers if answer.rows and len(answer.versions) != 1]


def wrong(answers: Sequence[Answered], right: Callable[[Row], bool]) -> list[Row]:
    """Scores that are not what they should be."""
    return [row for answer in answers for row in answer.rows if not right(row)]


def by_version(answers: Sequence[Answered]) -> Counter[str]:
    """Requests by the version that answered them."""
    return Counter(version for answer in answers for version in answer.versions)


def chance(answers: Sequence[Answered], version: str, share: float) -> float:
    """How likely a split as uneven as this one is, where a version should get this share (chi-square, p)."""
    total, got = len(answers), by_version(answers)[version]
    expected = total * share
    chi_square = (got - expected) ** 2 / expected + (got - expected) ** 2 / (total - expected)
    return math.erfc(math.sqrt(chi_square / 2))


def slowest(answers: Sequence[Answered], quantile: float) -> float:
    """Seconds within which this share of the answers came."""
    ordered = sorted(answer.seconds for answer in answers)
    return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))]
