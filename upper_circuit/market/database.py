"""
One way into the database, so that SQLite and PostgreSQL look alike to everything else.

SQLite wants what servers do by themselves: a write lock taken at the start of a transaction (else two writers
deadlock half way), a patient wait for it, and a log that survives a power cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from upper_circuit.errors import SchemaOutdated
from upper_circuit.market.location import is_postgresql

REVISION = "0004"
"""The newest migration; a contract test holds it to the migrations folder."""

Part = Literal["market", "predictions"]


@dataclass(frozen=True, slots=True)
class Database:
    """Two engines: `market` is read by many, `predictions` holds results and run ledger.

    On SQLite they are the files `market.db` and `predictions.db` of one folder, on PostgreSQL the schemas `market`
    and `predictions` of one database (and one pool).
    """

    location: str
    market: sa.Engine
    predictions: sa.Engine

    @classmethod
    def at(cls, location: str | Path, *, kept_open: bool = False) -> Database:
        """The database in a folder (SQLite) or at a `postgresql://` URL; BadInput for another. Opens no connection yet.

        `kept_open`: a thread's SQLite connection stays open with the pages it has read, for who reads block after block.
        """
        if is_postgresql(location):
            url = sa.make_url(str(location)).set(drivername="postgresql+psycopg")
            limits = {name: value for name, value in _NOTICE_A_DEAD_SERVER.items() if name not in url.query}
            engine = sa.create_engine(
                url, pool_pre_ping=True, pool_size=4, max_overflow=4, connect_args=limits
            )
            sa.event.listen(engine, "connect", _notice_dead_clients)
            return cls(url.render_as_string(hide_password=True), engine, engine)
        folder = Path(location)
        market, predictions = (
            _sqlite(folder / f"{part}.db", kept_open) for part in ("market", "predictions")
        )
        return cls(str(folder), market, predictions)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded kind."""
        return self.market.dialect.name == "sqlite"

    def part(self, part: Part) -> sa.Engine:
        """The engine of one half."""
        return self.market if part == "market" else self.predictions

    @contextmanager
    def reading(self, part: Part) -> Iterator[sa.Connection]:
        """A connection that sees one state of the data from beginning to end."""
        engine = self.part(part)
        if not self.is_sqlite:
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, part: Part) -> Iterator[sa.Connection]:
        """One transaction: everything in it happens, or nothing. On SQLite it holds the write lock from the start."""
        engine = self.part(part)
        if self.is_sqlite:
            engine = engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        with engine.begin() as connection:
            yield connection

    def require_schema(self) -> None:
        """Raise SchemaOutdated where a half is not there, or of an older revision than this program needs.

        A newer one will do: migrations only add, so that pods of two releases can stand beside each other.
        """
        for part in ("market", "predictions"):
            found = self._revision(part)
            if found is None or found < REVISION:
                raise SchemaOutdated(found, REVISION)

    def _revision(self, part: Part) -> str | None:
        if self.is_sqlite and not Path(self.location, f"{part}.db").exists():
            return None
        engine = self.part(part)
        schema = None if self.is_sqlite else part
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version", schema=schema):
                return None
            name = "alembic_version" if schema is None else f"{schema}.alembic_version"
            return connection.exec_driver_sql(f"SELECT version_num FROM {name}").scalar()  # noqa: S608

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.market.dispose()
        self.predictions.dispose()


_NOTICE_A_DEAD_SERVER = {
    "connect_timeout": "10",  # seconds; libpq's own way is to wait for the network, two minutes and more
    "tcp_user_timeout": "60000",  # milliseconds
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}
"""Settings of libpq where the URL has none of its own: a host that went without a word costs a minute, not hours."""


def _notice_dead_clients(connection: Any, _record: object) -> None:
    """Let the server end a session within a minute of its client's host or pod having gone without a word.

    By its own defaults it waits for a quarter of an hour, or for two, and keeps what the session has locked: nobody could
    change a table that a killed pod had been reading. On a Unix socket these settings mean nothing and harm nobody.
    """
    was_autocommit, connection.autocommit = connection.autocommit, True
    connection.execute(
        "SET tcp_user_timeout = '60s'; SET tcp_keepalives_idle = 30;"
        " SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
    )
    connection.autocommit = was_autocommit


def _sqlite(path: Path, kept_open: bool) -> sa.Engine:
    engine = sa.create_engine(
        f"sqlite:///{path}",
        execution_options={"schema_translate_map": {"market": None, "predictions": None}},
        connect_args={"timeout": 60},
        # Opening a file costs a millisecond; a pooled connection would cross forks and outlive its user.
        poolclass=sa.SingletonThreadPool if kept_open else sa.NullPool,
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late: see `begin`
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA busy_timeout=60000")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))

    return engine
