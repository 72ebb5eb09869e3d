"""
Whether a database and a registry can carry a morning, as judgements.

Of a laptop's own folders or of a cluster's: the facts are the same, so the sentences name both the command and the
value where they differ. A synthetic market ends when it ends, and nobody is blamed for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, time

from cli.doctor.finding import Finding, fail, ok, warn
from cli.doctor.prerequisites import numbers

POSTGRES = (15, 0)
RUN_OVER = time(8, 0)
"""By then, in Asia/Kolkata, the run of 07:00 has ended, also one that took all the time it may."""
DATA_DUE = time(6, 30)
"""By then, in Asia/Kolkata, the ingest of 06:15 has taken last night's files."""
_ENDS_SOON = 60
"""Days before its end at which a calendar is worth extending."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Rights:
    """What the user of the database may do."""

    version: str
    """Of the server."""
    lacks: tuple[str, ...] = ()
    """`SELECT on market.daily_prices`, and the like."""
    owns_all: bool = True
    """Else an upgrade cannot change the tables."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Packed rows against their checksums."""

    rows: int
    checked: int
    broken: tuple[tuple[str, int], ...] = ()
    """Stock and year of those that are not what was written."""


@dataclass(frozen=True, slots=True)
class Run:
    """The newest run on record."""

    day: date
    state: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """How far the market and its runs reach."""

    newest: date | None
    """The newest session with prices."""
    expected: date | None
    """The last session before today; None past the end of the calendar."""
    behind: int
    """Sessions between the two."""
    published: date | None
    """The last session that the calendar knows."""
    run: Run | None
    run_expected: date | None
    """The newest session whose run is over by now."""
    is_synthetic: bool = False
    is_due: bool = True
    """Whether this morning's ingest is over."""


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """A database; what stands behind a trouble was not looked at."""

    location: str
    trouble: str | None = None
    """Why it could not be asked."""
    rights: Rights | None = None
    schema: str | None = None
    """Its revision where it is current; else `schema_trouble` says what it is."""
    schema_trouble: str | None = None
    packed: Packed | None = None
    data: Data | None = None


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """A registry, and the versions that the release wants."""

    root: str
    is_there: bool
    versions: tuple[str, ...] = ()
    promoted: str | None = None
    troubles: dict[str, str] = field(default_factory=dict)
    """By version, or `stable` for the pointer itself: why it cannot answer."""
    sound: tuple[str, ...] = ()
    """Versions that passed the gate just now."""
    ignored: int = 0
    """What lies there without being a version."""


def database_findings(facts: DatabaseFacts, today: date) -> list[Finding]:
    """Everything about a database."""
    if facts.trouble:
        return [
            fail(
                "database",
                f"{facts.location} does not answer: {facts.trouble}",
                "see the URL in database.existingSecret and networkPolicy.database (here: --database)",
            )
        ]
    found = [*_rights(facts), *_schema(facts), *_packed(facts)]
    if facts.data:
        found += [*_calendar(facts.data, today), *_freshness(facts.data), *_runs(facts.data)]
    return found


def _rights(facts: DatabaseFacts) -> Iterator[Finding]:
    rights = facts.rights
    if rights is None:
        return
    version = numbers(rights.version.removeprefix("PostgreSQL "))
    if rights.version.startswith("PostgreSQL") and version is not None and version < POSTGRES:
        yield fail("database", f"{rights.version} is too old", "PostgreSQL 15 or newer")
    else:
        yield ok("database", f"{facts.location} answers, {rights.version}")
    if rights.lacks:
        yield fail(
            "rights",
            f"missing: {_some(rights.lacks)}",
            "let the role in the database's URL own schemas market and predictions, and the database before an install",
        )
    elif not rights.owns_all:
        yield warn(
            "rights",
            "the role may use the tables but owns not all of them: an upgrade could not change them",
            "ALTER TABLE ... OWNER TO <the role>, or migrations.enabled=false and `upper-circuit database upgrade` by the owner",
        )
    else:
        yield ok("rights", "read, write and change")


def _schema(facts: DatabaseFacts) -> Iterator[Finding]:
    if facts.schema_trouble:
        yield fail(
            "schema",
            f"the tables' revision: {facts.schema_trouble}",
            "upper-circuit database upgrade (in a cluster: helm upgrade with migrations.enabled=true)",
        )
    elif facts.schema:
        yield ok("schema", f"revision {facts.schema}")


def _packed(facts: DatabaseFacts) -> Iterator[Finding]:
    packed = facts.packed
    if packed is None:
        return
    part = "all" if packed.checked == packed.rows else f"a sample of {packed.checked:,}"
    if packed.broken:
        codes = dict.fromkeys(code for code, _ in packed.broken)
        yield fail(
            "packed rows",
            f"{len(packed.broken):,} of {packed.checked:,} differ from their checksum: "
            f"{_some([f'{code} of {year}' for code, year in packed.broken])}",
            f"upper-circuit repack {' '.join(list(codes)[:_SHOWN]) if len(codes) <= _SHOWN else '(all stocks)'}",
        )
    elif packed.rows:
        yield ok("packed rows", f"{part} of {packed.rows:,} match their checksums")


def _calendar(data: Data, today: date) -> Iterator[Finding]:
    upgrade = "upper-circuit database upgrade with a newer image (in a cluster: helm upgrade with image.tag)"
    if data.published is None:
        if data.newest:
            yield fail("calendar", "no session is published", "upper-circuit database upgrade")
    elif data.published < today:
        yield fail("calendar", f"it ended on {data.published}", upgrade)
    elif (data.published - today).days < _ENDS_SOON:
        yield warn("calendar", f"it ends on {data.published}", upgrade)
    else:
        yield ok("calendar", f"sessions are known until {data.published}")


def _freshness(data: Data) -> Iterator[Finding]:
    if data.newest is None:
        yield fail(
            "freshness",
            "no prices are loaded",
            "upper-circuit import-history or ingest (in a cluster: ingest.enabled=true and files in the drop claim, "
            "or bootstrap.demo=true to see it work)",
        )
    elif data.is_synthetic:
        yield ok("freshness", f"a synthetic market that ends on {data.newest}")
    elif data.behind == 1 and not data.is_due:
        yield warn(
            "freshness",
            f"prices end on {data.newest}; those of {data.expected} are due at 06:30",
            "look again then (ingest.schedule)",
        )
    elif data.behind:
        yield fail(
            "freshness",
            f"prices end on {data.newest}, {data.behind} session{'s' * (data.behind > 1)} before those of {data.expected}",
            "upper-circuit ingest FILE... (in a cluster: put them into the drop claim; ingest.enabled, ingest.schedule)",
        )
    else:
        yield ok("freshness", f"prices reach {data.newest}, the last session before today")


def _runs(data: Data) -> Iterator[Finding]:
    run, expected = data.run, data.run_expected
    if run is None:
        yield warn(
            "runs",
            "none on record yet",
            "kubectl create job --from=cronjob/NAME-batch NAME-batch-YYYY-MM-DD (here: upper-circuit score)",
        )
    elif run.state == "failed":
        yield fail(
            "runs",
            f"that of {run.day} failed: {run.reason or 'see its shards'}",
            f"upper-circuit runs {run.day}; upper-circuit backfill --from {run.day} --to {run.day} --reprocess failed",
        )
    elif expected and run.day < expected and not data.is_synthetic:
        yield fail(
            "runs",
            f"the newest is that of {run.day}; {expected} had a session",
            f"upper-circuit backfill --from {expected} --to {expected} (batch.enabled, batch.suspend)",
        )
    else:
        yield ok("runs", f"the newest, of {run.day}, is {run.state}")


def registry_findings(facts: RegistryFacts) -> list[Finding]:
    """Everything about a registry."""
    return [found for judge in _REGISTRY for found in judge(facts)]


def _versions(facts: RegistryFacts) -> Iterator[Finding]:
    if not facts.versions:
        empty = "is empty" if facts.is_there else "is not there"
        yield fail(
            "registry",
            f"{facts.root} {empty}",
            "upper-circuit train, then `models promote` (into a cluster: upper-circuit models push VERSION --promote)",
        )
        return
    promoted = f"{facts.promoted} is promoted" if facts.promoted else "none is promoted"
    said = f"{len(facts.versions)} in {facts.root}, {promoted}"
    if facts.promoted or facts.sound or facts.troubles:
        yield ok("registry", said)
    else:
        newest = facts.versions[-1]
        yield fail(
            "registry",
            said,
            f"upper-circuit models promote {newest} (in a cluster: upper-circuit models push {newest} --promote)",
        )


def _models(facts: RegistryFacts) -> Iterator[Finding]:
    for version in facts.sound:
        yield ok("model", f"{version} passed the gate")
    for version, reason in facts.troubles.items():
        yield fail(
            "model",
            f"{version}: {reason}",
            "upper-circuit models promote <a sound one>"
            " (in a cluster: models push VERSION, or slots.a.version=<a sound one>)",
        )


def _leftovers(facts: RegistryFacts) -> Iterator[Finding]:
    if facts.ignored:
        yield warn(
            "registry",
            f"{facts.ignored} entries are no versions, or left by a publish that was cut short",
            "upper-circuit models list names them; they may be deleted",
        )


_REGISTRY: tuple[Callable[[RegistryFacts], Iterator[Finding]], ...] = (_versions, _models, _leftovers)


def _some(names: tuple[str, ...] | list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
