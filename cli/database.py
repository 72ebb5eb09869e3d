"""`upper-circuit database`: bring the tables up to date, and see what is in them."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from cli.places import DatabaseOption, database

app = typer.Typer(help="Database: bring it up to date, see what is in it.", no_args_is_help=True)


@app.command()
def upgrade(where: DatabaseOption = None) -> None:
    """Create or change the tables, and publish the sessions that a newer calendar knows."""
    from upper_circuit.market.exchange_calendar import extend_calendar
    from upper_circuit.market.loading import registry

    found = database(where, migrate=True)
    with registry.changing(found) as connection:
        days = extend_calendar(connection, anew=True)
        if days:
            registry.changed(connection, int(datetime.now(UTC).timestamp()))
    published = f", {days} more sessions published" if days else ""
    typer.echo(f"{found.location}: tables are up to date{published}\nnext: upper-circuit database status")


@app.command()
def status(where: DatabaseOption = None) -> None:
    """Rows of every table, the days they reach over, the data version."""
    import sqlalchemy as sa

    from upper_circuit.market.database import REVISION
    from upper_circuit.market.reading import read_data_version
    from upper_circuit.market.schema import market

    found = database(where)
    with found.reading("market") as connection:
        typer.echo(f"{found.location}: schema {REVISION}, data version {read_data_version(connection)}")
        for table in market.sorted_tables:
            days = [column for column in table.c if isinstance(column.type, sa.Date)][:1]
            extent = [measure(day) for day in days for measure in (sa.func.min, sa.func.max)]
            rows, *reach = connection.execute(sa.select(sa.func.count(), *extent).select_from(table)).one()
            between = f"   {reach[0]} .. {reach[1]}" if rows and reach and reach[0] else ""
            typer.echo(f"  {table.name:<20} {rows:>10,} rows{between}")
