"""
`upper-circuit ingest`, `import-history`, `repack`: how data come in.

Here a person meets the exchanges' files for the first time, so each command says in a line what it did with a file,
what it left out and why, and which command comes next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.places import DatabaseOption, database

if TYPE_CHECKING:
    from upper_circuit.errors import UpperCircuitError
    from upper_circuit.market.database import Database
    from upper_circuit.market.formats import ParsedFile
    from upper_circuit.market.loading import HistoryImport, Ingested

TradeDate = Annotated[
    datetime | None,
    typer.Option(
        "--trade-date", formats=["%Y-%m-%d"], help="Day of files that have none in them (BSE legacy, bands)"
    ),
]
PublishedAt = Annotated[
    datetime | None,
    typer.Option(
        "--published-at",
        formats=["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"],
        help="When a bulletin without times (an*.txt, bm*.txt) became public, Indian time",
    ),
]
_OPTIONS = {
    "trade_date": "--trade-date",
    "announced_at": "--published-at",
    "allow_partial": "--allow-partial",
}
_SHOWN = 3
_SUSPICIOUS_SHOWN = 10


def ingest(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE...", help="Files of the exchanges, or your own lists")
    ] = None,
    *,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="DIR", help="Instead of files: those of a folder that were not read yet"
        ),
    ] = None,
    where: DatabaseOption = None,
    trade_date: TradeDate = None,
    published_at: PublishedAt = None,
    allow_partial: Annotated[
        bool, typer.Option(help="Load prices of far fewer stocks than the session before has")
    ] = False,
    settled_after: Annotated[
        float, typer.Option(min=0, help="Seconds without a change after which a file of --from is whole")
    ] = 60,
) -> None:
    """Load files (csv, txt, parquet, zip): each wholly or not at all; one that is in force already changes nothing."""
    from upper_circuit.errors import BadInput

    if bool(files) == (folder is not None):
        raise BadInput("give files, or a folder of them with --from, and not both")
    if folder is not None and (trade_date or published_at or allow_partial):
        reason = "are of files that are named, not of a whole folder"
        raise BadInput(f"--trade-date, --published-at and --allow-partial {reason}")
    found = database(where, migrate=True)
    if folder is None:
        given = files or []
        reader = _Reader(_now(), trade_date, published_at)
        refused = _load(found, reader, given, allow_partial=allow_partial)
    else:
        given, refused = _load_new(found, folder, settled_after)
    if refused:
        typer.echo(f"{refused} of {len(given)} files refused; nothing of them was loaded", err=True)
        raise typer.Exit(1)
    typer.echo(f"next: {_next_step(found)}{_place(where)}")


def _load_new(found: Database, folder: Path, settled_after: float) -> tuple[list[Path], int]:
    """Load what is new in a folder; gives those files and how many were refused. Those are tried again next time."""
    from upper_circuit.market.loading.drop import look, remember

    drop = look(found, folder, now=time.time(), wait=_wait, settled_after=settled_after)
    if drop.seen:
        typer.echo(f"{folder}: {drop.seen:,} files were read before")
    for name in drop.growing:
        typer.echo(f"{name}: still being written, left for the next time")
    for name in drop.folders:
        typer.echo(f"{name}: a folder, not looked into")
    new = {file.path: file for file in drop.fresh}
    reader = _Reader(_now(), by_name=True)

    def done(path: Path) -> None:
        remember(found, new[path], now=reader.now)

    return list(new), _load(found, reader, list(new), done, once=True)


def _load(
    found: Database,
    reader: _Reader,
    files: Sequence[Path],
    done: Callable[[Path], None] = lambda _: None,
    *,
    once: bool = False,
    allow_partial: bool = False,
) -> int:
    """Load files in the order they need, a line each; gives how many were refused, and tells of each other one.

    Of several files of prices of one day the last has the last word; the others are loaded `once` at most.
    """
    from upper_circuit.errors import UpperCircuitError
    from upper_circuit.market.loading import ingest as load
    from upper_circuit.market.loading.order import in_order

    refused = 0
    turns = in_order(files, reader.read)
    for at, turn in enumerate(turns):
        is_replaced = any(map(turn.is_replaced_by, turns[at + 1 : at + 2]))
        try:
            loaded = load(
                found,
                reader.read(turn.path),
                now=reader.now,
                once=once or is_replaced,
                allow_partial=allow_partial,
            )
            typer.echo(_line(loaded))
        except UpperCircuitError as error:
            refused += 1
            typer.echo(f"refused: {_in_words_of_the_shell(error)}", err=True)
        else:
            done(turn.path)
    return refused


def _wait(seconds: float) -> None:
    typer.echo(f"some files were changed less than {seconds:g} s ago; waiting to see whether they are whole")
    time.sleep(seconds)


def import_history(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The archive (docs/history-layout.md)")],
    where: DatabaseOption = None,
) -> None:
    """Load years at once from a folder of parquet and CSV; files that were loaded before are left alone."""
    found = database(where, migrate=True)
    load_history(found, folder)
    typer.echo(f"next: upper-circuit train{_place(where)}")


def repack(
    codes: Annotated[
        list[str] | None, typer.Argument(metavar="[BSE_CODE]...", help="Only these stocks")
    ] = None,
    where: DatabaseOption = None,
) -> None:
    """Make packed prices and counts anew from the rows, as after a change of rows by hand."""
    from upper_circuit.market.loading import repack as make_anew

    made = make_anew(database(where), codes or None, now=_now())
    typer.echo(f"{made.bars:,} bars of {made.stocks:,} stocks packed anew")


def load_history(found: Database, folder: Path) -> HistoryImport:
    """Import a folder into a database, brought up to date first, with a bar; prints what became of its rows."""
    from tqdm import tqdm

    from upper_circuit.market.loading import import_history as load
    from upper_circuit.market.migrations import upgrade

    upgrade(found)
    form = "{desc:<28} {percentage:3.0f}%|{bar}| {elapsed}"
    with tqdm(total=100, bar_format=form, leave=False, disable=None) as bar:

        def show(step: str, share: float) -> None:
            bar.set_description_str(step, refresh=False)
            bar.update(share * 100 - bar.n)

        done = load(found, folder, now=_now(), progress=show)
    typer.echo(_history(done))
    return done


class _Reader:
    """Reads files as the command line says they are; `by_name`: as their names say, where nothing in them does."""

    def __init__(
        self,
        now: int,
        trade_date: datetime | None = None,
        published_at: datetime | None = None,
        *,
        by_name: bool = False,
    ) -> None:
        from upper_circuit.market.days import IST, moment_of, stamp_of

        self.now = now
        self._today = stamp_of(now).astimezone(IST).date()
        self._trade_date = None if trade_date is None else trade_date.date()
        self._announced_at = None if published_at is None else moment_of(published_at)
        self._by_name = by_name

    def read(self, path: Path) -> ParsedFile:
        """Read one file; raises FileRefused."""
        from upper_circuit.market.formats import read
        from upper_circuit.market.loading.archive import told_by_name

        day, moment = told_by_name(path) if self._by_name else (self._trade_date, self._announced_at)
        return read(path, today=self._today, trade_date=day, announced_at=moment)


def _now() -> int:
    return int(datetime.now(UTC).timestamp())


def _in_words_of_the_shell(error: UpperCircuitError) -> str:
    """The sentence with the options of this command in place of the domain's parameters."""
    said = str(error)
    for parameter, option in _OPTIONS.items():
        said = said.replace(f"({parameter})", f"({option})")
    return said


def _line(done: Ingested) -> str:
    what = done.format if done.trade_date is None else f"{done.exchange} {done.trade_date}"
    if done.unchanged:
        return f"{done.name}: {what}: nothing changed, {done.unchanged}"
    parts = [f"{done.rows:,} rows"]
    if done.replaces:
        parts.append(f"in place of those of {', '.join(done.replaces)}")
    if done.doubt:
        parts.append(done.doubt)
    if done.inferred:
        parts.append(f"splits or bonuses inferred: {_first(done.inferred)}")
    if done.suspicious:
        parts.append(_suspicious(done.suspicious))
    if done.dropped:
        parts.append("left out: " + "; ".join(map(str, done.dropped)))
    return f"{done.name}: {what}: {'; '.join(parts)}"


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def _suspicious(figures: Sequence[str]) -> str:
    more = len(figures) - _SUSPICIOUS_SHOWN
    named = ", ".join(figures[:_SUSPICIOUS_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f"in another unit than their neighbours, not used: {named}"


def _history(done: HistoryImport) -> str:
    if not done.files:
        return f"{done.folder}: nothing changed, all of its files are loaded"
    lines = [f"{name:<20} {rows:>10,} rows" for name, rows in done.rows.items()]
    if done.left_out:
        lines += ["left out:", *(f"  {one}" for one in done.left_out)]
    if done.inferred:
        where = f" after {done.inferred_after}, where the list of them ends" if done.inferred_after else ""
        lines.append(f"{len(done.inferred):,} splits or bonuses inferred{where}: {_first(done.inferred)}")
    if done.suspicious:
        lines.append(_suspicious(done.suspicious))
    lines.append(
        f"{done.stocks:,} stocks, {done.sessions:,} sessions, {len(done.files)} files in {done.seconds:.1f} s"
    )
    return "\n".join(lines)


def _place(where: str | None) -> str:
    return "" if where is None else f" --database {where}"


def _next_step(found: Database) -> str:
    from upper_circuit.errors import DataUnavailable
    from upper_circuit.market.calendar import load_calendar

    calendar = load_calendar(found)
    try:
        return f"upper-circuit score --date {calendar.next_session(calendar.newest + timedelta(days=1))}"
    except DataUnavailable:
        return "upper-circuit ingest FILE..."
