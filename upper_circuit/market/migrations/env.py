"""
How a migration runs; Alembic loads this file by name for each half (`market`, `predictions`).

The halves are separate databases on SQLite and separate schemas on PostgreSQL, so each has its own folder of
revisions and its own `alembic_version`. The connection comes from `upgrade`, which holds the transaction.

**Expand, then contract.** While a release rolls out, pods of the old one still read and write. So a change that takes
something away comes in two releases. First *expand*: add the new column (nullable or with a server default), table
or index; the old program does not see it, the new one fills it and still reads the old place. One release later
*contract*: drop what no running program uses any more. Renaming is both, never one `ALTER ... RENAME`. A revision is
never edited once released, and there is no downgrade: going back means the older program on the expanded schema,
which is what expanding keeps possible.

A new revision: copy the newest file of the half, raise the number in both halves (an empty `upgrade` where nothing
changes) and in `database.REVISION`; the contract tests then compare the result with `schema.py` on both databases.
"""

from __future__ import annotations

from alembic import context

_part = context.config.attributes["part"]
_connection = context.config.attributes["connection"]

context.configure(
    connection=_connection,
    version_table_schema=None if _connection.dialect.name == "sqlite" else _part,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
