"""
Everything the domain refuses, as one tree that says whose fault it is.

Facts are attributes, so that programs translate an error without reading its text: to HTTP once in `transformer`
and `predictor`, to exit codes once in `batch`. No status and no exit code stands here.

    UpperCircuitError
    ├── BadInput                  the caller's: a file, a date, a code
    │   ├── FileRefused
    │   ├── NotASession
    │   ├── UnknownStock
    │   └── FeaturesUnavailable
    ├── DataUnavailable           the market database's: something is not loaded (yet)
    │   ├── DatabaseAway
    │   ├── PricesStale
    │   ├── DataNotYetAvailable
    │   ├── TableMissing
    │   └── SchemaOutdated
    ├── ModelUnavailable          the registry's
    │   ├── ModelNotFound
    │   ├── ModelRejected
    │   ├── FingerprintMismatch
    │   ├── PublishRefused
    │   ├── ModelLoading
    │   └── NoUsableModel
    ├── BadAnswer                 the other program's: what it sent is no answer
    └── Fenced                    a newer attempt has taken over this shard
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path


class UpperCircuitError(Exception):
    """The root: `str(error)` is a sentence for people."""


class BadInput(UpperCircuitError):
    """The caller gave something that cannot be used; giving it again will not help."""


@dataclass(eq=False)
class FileRefused(BadInput):
    """A file cannot be loaded; nothing of it was."""

    file: Path | str
    reason: str
    line: int | None = None
    field: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        where = str(self.file) if self.line is None else f"{self.file}, line {self.line}"
        what = "" if self.field is None else f" {self.field}={self.value!r}:"
        return f"{where}:{what} {self.reason}"


@dataclass(eq=False)
class NotASession(BadInput):
    """The exchange does not trade on the day asked for."""

    day: date
    next_session: date

    def __str__(self) -> str:
        return f"{self.day} is no session, next is {self.next_session}"


@dataclass(eq=False)
class UnknownStock(BadInput):
    """No stock with this code (or symbol) stands in master_stock_list."""

    bse_code: str

    def __str__(self) -> str:
        return f"stock {self.bse_code} is not in master_stock_list"


@dataclass(eq=False)
class FeaturesUnavailable(BadInput):
    """A known stock cannot be scored on the day asked for."""

    bse_code: str
    run_date: date
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"no features for {self.bse_code} on {self.run_date}: {self.reason}{detail}"


class DataUnavailable(UpperCircuitError):
    """The market database lacks something; loading it will help."""


class DatabaseAway(DataUnavailable):
    """The database cannot be asked, and nothing in memory answers instead."""


@dataclass(eq=False)
class PricesStale(DataUnavailable):
    """Too few stocks have a bar of the session before the run date."""

    run_date: date
    missing_session: date
    share: float
    required: float

    def __str__(self) -> str:
        # Not one bar: the session's file is missing, or the exchange was closed and only the user can know it.
        closing = f"a session unless a list that you ingest closes it (trading_date,is_session: {self.missing_session},0); "
        return (
            f"PRICES_STALE: {self.share:.1%} of the stocks that traded lately have a bar of {self.missing_session}, "
            f"{'' if self.share else closing}{self.required:.1%} are needed for {self.run_date}; ingest that session's files"
        )


@dataclass(eq=False)
class DataNotYetAvailable(DataUnavailable):
    """The session before the run date is not loaded yet; an older day's answer would be a wrong one."""

    run_date: date
    needed: date
    newest: date

    def __str__(self) -> str:
        return (
            f"prices of {self.needed} are needed for {self.run_date}; the newest loaded are of {self.newest}"
        )


@dataclass(eq=False)
class TableMissing(DataUnavailable):
    """A whole table is not loaded for the run date, so its features would be a guess for everybody."""

    table: str
    run_date: date
    features: tuple[str, ...] = ()

    def __str__(self) -> str:
        names = f" ({', '.join(self.features)})" if self.features else ""
        return f"table {self.table} holds nothing that is known for {self.run_date}{names}; load it"


@dataclass(eq=False)
class SchemaOutdated(DataUnavailable):
    """The database was made by another version of the program."""

    found: str | None
    needed: str

    def __str__(self) -> str:
        return f"database schema is {self.found or 'not there'}, {self.needed} is needed; run `upper-circuit database upgrade`"


class ModelUnavailable(UpperCircuitError):
    """No usable model where one is needed."""


@dataclass(eq=False)
class ModelNotFound(ModelUnavailable):
    """The registry has no such version."""

    wanted: str
    registry: Path

    def __str__(self) -> str:
        return f"model {self.wanted} is not in {self.registry}; `upper-circuit models list` shows what is"


@dataclass(eq=False)
class ModelRejected(ModelUnavailable):
    """A version is there but failed verification."""

    version: str
    check: str
    reason: str

    def __str__(self) -> str:
        return f"model {self.version} failed verification ({self.check}): {self.reason}"


@dataclass(eq=False)
class FingerprintMismatch(ModelUnavailable):
    """Features were made by other formulas than those the model was trained on."""

    expected: str
    given: str

    def __str__(self) -> str:
        return f"feature fingerprint {self.given} was given, the model needs {self.expected}"


@dataclass(eq=False)
class PublishRefused(ModelUnavailable):
    """A version can be published once."""

    version: str
    reason: str

    def __str__(self) -> str:
        return f"version {self.version} was not published: {self.reason}"


@dataclass(eq=False)
class ModelLoading(ModelUnavailable):
    """A model is on its way; asking again a little later helps."""

    retry_after: int = 5
    """Seconds."""

    def __str__(self) -> str:
        return f"Model loading, retry in {self.retry_after}s"


@dataclass(eq=False)
class NoUsableModel(ModelUnavailable):
    """Every version that might have answered failed, or none was named."""

    model_type: str
    because: str

    def __str__(self) -> str:
        return f"no usable {self.model_type} model: {self.because}"


class BadAnswer(UpperCircuitError):
    """The other of two programs answered with something that is not Open Inference Protocol."""


@dataclass(eq=False)
class Fenced(UpperCircuitError):
    """A newer attempt owns the shard; this one must stop without writing."""

    run_id: str
    shard: int
    token: int

    def __str__(self) -> str:
        return f"attempt {self.token} of shard {self.shard} in run {self.run_id} was replaced by a newer one"
