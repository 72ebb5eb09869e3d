"""
What only who reaches database and registry can see: rights, tables, checksums, models, sessions, freshness.

Runs on a laptop over its own folders, and in a cluster in a pod of the chart's tools, whose image has no client of
Kubernetes: nothing here imports one. Checks stop where the one before says that they cannot work.
"""

from __future__ import annotations

import os
import random
import zlib
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cli.doctor.data import (
    DATA_DUE,
    RUN_OVER,
    Data,
    DatabaseFacts,
    Packed,
    RegistryFacts,
    Rights,
    Run,
)
from upper_circuit.errors import BadInput, DataUnavailable, ModelUnavailable, SchemaOutdated

if TYPE_CHECKING:
    import sqlalchemy as sa

    from upper_circuit.market.database import Database
    from upper_circuit.models.registry import Registry

PACKED_MOST = 20_000
"""Packed rows that are read at most: 200 MB, some seconds. Of more rows a sample is taken, another one each time."""
_AT_ONCE = 500


def look_at_database(database: Database, *, now: datetime, most: int = PACKED_MOST) -> DatabaseFacts:
    """Everything about a database, as far as it can be asked."""
    import sqlalchemy as sa

    try:
        return _look(database, now, most)
    except sa.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        return DatabaseFacts(database.location, trouble=reason)


def _look(database: Database, now: datetime, most: int) -> DatabaseFacts:
    from upper_circuit.market.database import REVISION

    where = database.location
    rights = _sqlite_rights(database) if database.is_sqlite else _postgres_rights(database)
    if rights.lacks and not database.is_sqlite:
        return DatabaseFacts(where, rights=rights)
    try:
        database.require_schema()
    except SchemaOutdated as error:
        return DatabaseFacts(where, rights=rights, schema_trouble=f"{error.found or 'not there'}")
    with database.reading("market") as connection:
        packed = _packed(connection, most)
        data = _data(connection, database, now)
    return DatabaseFacts(where, rights=rights, schema=REVISION, packed=packed, data=data)


def _sqlite_rights(database: Database) -> Rights:
    import sqlite3

    folder = Path(database.location)
    there = next(each for each in (folder, *folder.resolve().parents) if each.exists())
    lacks = () if os.access(there, os.W_OK | os.X_OK) else (f"writing to {there}",)
    return Rights(f"SQLite {sqlite3.sqlite_version}", lacks)


_TABLES = """
SELECT privilege || ' on ' || n.nspname || '.' || c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
WHERE n.nspname IN ('market', 'predictions') AND c.relkind = 'r' AND NOT has_table_privilege(c.oid, privilege)
ORDER BY 1
"""
_SCHEMAS = """
SELECT 'USAGE on schema ' || nspname FROM pg_namespace
WHERE nspname IN ('market', 'predictions') AND NOT has_schema_privilege(oid, 'USAGE')
UNION ALL
SELECT 'CREATE on database ' || current_database()
WHERE (SELECT count(*) FROM pg_namespace WHERE nspname IN ('market', 'predictions')) < 2
  AND NOT has_database_privilege(current_database(), 'CREATE')
ORDER BY 1
"""
_OTHERS = """
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('market', 'predictions') AND c.relkind = 'r' AND NOT pg_has_role(c.relowner, 'USAGE')
"""


def _postgres_rights(database: Database) -> Rights:
    with database.reading("market") as connection:
        version = str(connection.exec_driver_sql("SHOW server_version").scalar())
        lacks = [
            each for query in (_SCHEMAS, _TABLES) for each in connection.exec_driver_sql(query).scalars()
        ]
        others = connection.exec_driver_sql(_OTHERS).scalar()
    return Rights(f"PostgreSQL {version}", tuple(lacks), owns_all=not others)


def _packed(connection: sa.Connection, most: int) -> Packed:
    import sqlalchemy as sa

    from upper_circuit.market.packed import BAR
    from upper_circuit.market.schema import packed_prices as table

    keys = [(row.bse_code, row.year) for row in connection.execute(sa.select(table.c.bse_code, table.c.year))]
    chosen = keys if len(keys) <= most else random.sample(keys, most)
    key = sa.tuple_(table.c.bse_code, table.c.year)
    chosen.sort()
    broken = [
        (row.bse_code, row.year)
        for at in range(0, len(chosen), _AT_ONCE)
        for row in connection.execute(sa.select(table).where(key.in_(chosen[at : at + _AT_ONCE])))
        if zlib.crc32(row.payload) != row.crc32 or len(row.payload) != row.bars * BAR.itemsize
    ]
    return Packed(len(keys), len(chosen), tuple(sorted(broken)))


def _data(connection: sa.Connection, database: Database, now: datetime) -> Data:
    import sqlalchemy as sa

    from cli.bootstrap import is_synthetic
    from upper_circuit.market.calendar import read_calendar
    from upper_circuit.market.days import date_of, day_of
    from upper_circuit.market.schema import master_stock_list, runs

    calendar = read_calendar(connection)
    newest = calendar.newest if len(calendar.traded) else None
    sessions, today = calendar.sessions, now.date()
    before = sessions[sessions < day_of(today)]
    until = today if now.time() >= RUN_OVER else date.fromordinal(today.toordinal() - 1)
    over = sessions[sessions <= day_of(until)]
    behind = int((before > day_of(newest)).sum()) if newest else 0
    codes = frozenset(connection.execute(sa.select(master_stock_list.c.bse_code)).scalars())
    with database.reading("predictions") as results:
        newest_first = sa.select(runs.c.run_date, runs.c.state, runs.c.reason).order_by(
            runs.c.run_date.desc(), runs.c.started_at.desc()
        )
        found = results.execute(newest_first.limit(1)).one_or_none()
    return Data(
        newest=newest,
        expected=date_of(int(before[-1])) if len(before) else None,
        behind=behind,
        published=date_of(int(calendar.published[-1])) if len(calendar.published) else None,
        run=Run(*found) if found else None,
        run_expected=date_of(int(over[-1])) if len(over) else None,
        is_synthetic=bool(codes) and is_synthetic(codes),
        is_due=now.time() >= DATA_DUE,
    )


def look_at_registry(registry: Registry, wanted: Sequence[str] = ()) -> RegistryFacts:
    """What is there, and whether the promoted version and those wanted pass the gate."""
    from upper_circuit.features import FINGERPRINT
    from upper_circuit.models.version import ModelVersion

    if not registry.root.is_dir():
        return RegistryFacts(str(registry.root), is_there=False)
    troubles: dict[str, str] = {}
    promoted = None
    try:
        promoted = registry.promoted()
    except ModelUnavailable as error:
        troubles["stable"] = str(error)
    names = dict.fromkeys([*wanted, *([str(promoted)] if promoted else [])])
    sound = []
    for name in names:
        try:
            registry.verify(ModelVersion.parse(name), fingerprint=FINGERPRINT)
            sound.append(name)
        except (ModelUnavailable, BadInput, DataUnavailable, OSError) as error:
            troubles[name] = str(error)
    return RegistryFacts(
        str(registry.root),
        is_there=True,
        versions=tuple(map(str, registry.versions())),
        promoted=str(promoted) if promoted else None,
        troubles=troubles,
        sound=tuple(sound),
        ignored=len(registry.ignored()),
    )
