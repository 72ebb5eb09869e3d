"""What a person sees who brings files: a line a file, what was left out, what comes next."""

from __future__ import annotations

import os
import time
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from tests.factories.database import Trade, rows, write_archive
from tests.factories.exchange_files import Bar, bse_legacy, nse_full
from upper_circuit.errors import BadInput, SchemaOutdated
from upper_circuit.market.database import REVISION, Database

MON, TUE = date(2025, 12, 15), date(2025, 12, 16)
MASTER = "bse_code,company_name,status,nse_symbol\n500390,Reliance Infrastructure,ACTIVE,RELINFRA\n500001,On BSE,ACTIVE,\n"
BULLETIN = "COMPANY NAME    SYMBOL     : BM DATE    : BM PURPOSE\nReliance RELINFRA : 15-JAN-2026 : Financial Results\n"


class Shell:
    """Types commands at one database in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = folder / "db"
        self.database = Database.at(self.place)

    def file(self, name: str, text: str) -> str:
        """A file in the folder."""
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def drop(self, files: dict[str, str]) -> Path:
        """A folder of files that nobody has touched since yesterday."""
        folder = self.folder / "drop"
        folder.mkdir()
        yesterday = time.time() - 86_400
        for name, text in files.items():
            (folder / name).write_text(text)
            os.utime(folder / name, (yesterday, yesterday))
        return folder

    def run(self, *words: str, code: int = 0) -> tuple[list[str], list[str]]:
        """Lines on stdout and stderr of a command that ends with an exit code."""
        result = CliRunner().invoke(app, [*words, "--database", str(self.place)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert code == result.exit_code, result.output
        return result.stdout.splitlines(), result.stderr.splitlines()


@pytest.fixture
def shell(tmp_path):
    """An empty folder and no database yet."""
    shell = Shell(tmp_path)
    yield shell
    shell.database.dispose()


def test_files_are_loaded_in_the_order_they_need_whatever_their_names(shell):
    """The shell lists prices before the master list that says whose they are."""
    days = [
        shell.file("a_tue.csv", nse_full([Bar(symbol="RELINFRA"), Bar(symbol="NOBODY")], day=TUE)),
        shell.file("b_mon.csv", nse_full([Bar(symbol="RELINFRA", volume="7")], day=MON)),
    ]

    out, err = shell.run("ingest", *days, shell.file("z_master.csv", MASTER))

    assert [
        "z_master.csv: master stock list: 2 rows",
        "b_mon.csv: NSE 2025-12-15: 1 rows",
        "a_tue.csv: NSE 2025-12-16: 1 rows; left out: 1 x no BSE code (listed on NSE only) (NOBODY)",
        f"next: upper-circuit score --date 2025-12-17 --database {shell.place}",
    ] == out
    assert [] == err


def test_a_refused_file_is_named_on_stderr_and_the_others_are_loaded(shell):
    """Each file is its own transaction; the exit code says that one is missing."""
    good = shell.file("good.csv", nse_full([Bar(symbol="RELINFRA")], day=MON))
    bad = shell.file("bad.csv", nse_full([Bar(symbol="RELINFRA", high="1.00")], day=TUE))

    out, err = shell.run("ingest", shell.file("master.csv", MASTER), bad, good, code=1)

    assert [f"refused: {bad}, line 2: HIGH_PRICE='1.00': is below the low of 141.00"] == err[:1]
    assert "1 of 3 files refused; nothing of them was loaded" == err[1]
    assert [MON] == [day for (day,) in rows(shell.database, "daily_prices", "trade_date")]
    assert 2 == len(out)


def test_a_file_that_cannot_be_read_at_all_is_refused_among_others(shell):
    """Its place in the order is unknown; the rest goes on."""
    rubbish = shell.file("rubbish.csv", "a,b\n1,2\n")

    out, err = shell.run("ingest", rubbish, shell.file("master.csv", MASTER), code=1)

    assert ["master.csv: master stock list: 2 rows"] == out
    assert f"refused: {rubbish}, line 1: has an unknown header" in err[0]


def test_the_same_file_again_says_that_nothing_changed(shell):
    """And is no failure: a job may run twice."""
    day = shell.file("day.csv", nse_full([Bar(symbol="RELINFRA")], day=MON))
    shell.run("ingest", shell.file("master.csv", MASTER), day)

    out, _ = shell.run("ingest", day)

    assert "day.csv: NSE 2025-12-15: nothing changed, the same content is loaded as day.csv" == out[0]


def test_a_correction_names_what_it_replaces(shell):
    """So that somebody can ask the exchange what it corrected."""
    first = shell.file("first.csv", nse_full([Bar(symbol="RELINFRA")], day=MON))
    second = shell.file("second.csv", nse_full([Bar(symbol="RELINFRA", volume="7")], day=MON))
    shell.run("ingest", shell.file("master.csv", MASTER), first)

    out, _ = shell.run("ingest", second)

    assert "second.csv: NSE 2025-12-15: 1 rows; in place of those of first.csv" == out[0]


def test_what_a_person_should_look_at_is_said(shell):
    """A file cut off between two lines looks whole; a fall by half looks like a split."""
    bars = [Bar(symbol="RELINFRA"), Bar(symbol="OTHER")]
    master = shell.file("master.csv", MASTER + "500002,Other,ACTIVE,OTHER\n")
    shell.run("ingest", master, shell.file("mon.csv", nse_full(bars, day=MON)))
    half = Bar(symbol="OTHER", open="70.00", low="69.00", close="71.00", high="72.00", volume="9")

    out, _ = shell.run("ingest", shell.file("tue.csv", nse_full([half], day=TUE)))

    assert (
        "tue.csv: NSE 2025-12-16: 1 rows; only 1 stocks where 2025-12-15 has 2: is the file whole?; "
        "splits or bonuses inferred: 500002 2025-12-16 x 0.5"
    ) == out[0]


def test_files_without_a_day_or_a_time_take_it_from_the_command(shell):
    """BSE's old files have no day, NSE's bulletin no time; times are Indian."""
    shell.run("ingest", shell.file("master.csv", MASTER))
    old = shell.file("EQ151225.CSV", bse_legacy([Bar(code="500001", series="B")]))
    bulletin = shell.file("bm.txt", BULLETIN)
    _, errors = shell.run("ingest", old, bulletin, code=1)

    out, _ = shell.run("ingest", old, "--trade-date", "2025-12-15")
    shell.run("ingest", bulletin, "--published-at", "2025-12-15 18:30")

    assert "give the day (--trade-date)" in errors[0]
    assert "give the time (--published-at)" in errors[1]
    assert "EQ151225.CSV: BSE 2025-12-15: 1 rows" == out[0]
    [(published_at,)] = rows(shell.database, "earnings_calendar", "published_at")
    assert 1_765_803_600 == published_at  # 2025-12-15 13:00:00 UTC


def test_a_folder_is_read_like_its_files_and_each_of_them_once(shell):
    """As a job does every morning, whatever lies there; nothing in the folder is touched."""
    drop = shell.drop(
        {
            "a_tue.csv": nse_full([Bar(symbol="RELINFRA")], day=TUE),
            "b_mon.csv": nse_full([Bar(symbol="RELINFRA", volume="7")], day=MON),
            "z_master.csv": MASTER,
        }
    )
    (drop / "old").mkdir()

    first, _ = shell.run("ingest", "--from", str(drop))
    again, _ = shell.run("ingest", "--from", str(drop))

    next_step = f"next: upper-circuit score --date 2025-12-17 --database {shell.place}"
    assert [
        "old: a folder, not looked into",
        "z_master.csv: master stock list: 2 rows",
        "b_mon.csv: NSE 2025-12-15: 1 rows",
        "a_tue.csv: NSE 2025-12-16: 1 rows",
        next_step,
    ] == first
    assert [f"{drop}: 3 files were read before", "old: a folder, not looked into", next_step] == again
    assert ["a_tue.csv", "b_mon.csv", "old", "z_master.csv"] == sorted(path.name for path in drop.iterdir())


def test_a_refused_file_of_a_folder_is_named_every_time_and_stops_no_other(shell):
    """Until somebody looks at it; a file that says what is loaded already is no failure."""
    day = nse_full([Bar(symbol="RELINFRA")], day=MON)
    drop = shell.drop({"bad.csv": "a,b\n1,2\n", "day.csv": day, "copy.csv": day, "master.csv": MASTER})

    out, err = shell.run("ingest", "--from", str(drop), code=1)
    again, err_again = shell.run("ingest", "--from", str(drop), code=1)

    assert "day.csv: NSE 2025-12-15: nothing changed, the same content is loaded as copy.csv" in out
    assert err[0].startswith(f"refused: {drop}/bad.csv, line 1: has an unknown header")
    assert "1 of 4 files refused; nothing of them was loaded" == err[1]
    assert [f"{drop}: 3 files were read before"] == again
    assert err[0] == err_again[0]


def test_files_of_a_folder_have_the_day_and_the_time_of_their_names(shell):
    """Nobody is there to say them; the names are those of docs/history-layout.md."""
    bands = "Symbol,Series,Security Name,Band,Remarks\nRELINFRA,EQ,Reliance,5,-\n"
    drop = shell.drop({"master.csv": MASTER, "sec_list_2025-12-15.csv": bands, "bm15122025.txt": BULLETIN})

    shell.run("ingest", "--from", str(drop))

    [(published_at,)] = rows(shell.database, "earnings_calendar", "published_at")
    assert 1_765_823_399 == published_at  # 2025-12-15 18:29:59 UTC, the last second of that day in India
    assert [MON] == [day for (day,) in rows(shell.database, "price_bands", "effective_date")]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "give files, or a folder of them with --from"),
        (("a.csv", "--from", "drop"), "give files, or a folder of them with --from"),
        (("--from", "drop", "--trade-date", "2025-12-15"), "are of files that are named"),
    ],
    ids=["neither", "both", "a day for a whole folder"],
)
def test_a_call_that_may_mean_two_things_is_refused(shell, words, reason):
    """Before anything is loaded."""
    with pytest.raises(BadInput, match=reason):
        shell.run("ingest", *words)


def test_without_prices_the_next_step_is_to_load_some(shell):
    """A master list alone makes no morning."""
    out, _ = shell.run("ingest", shell.file("master.csv", MASTER))

    assert f"next: upper-circuit ingest FILE... --database {shell.place}" == out[-1]


def test_an_import_says_what_it_loaded_and_what_it_left_out(shell):
    """With the bar on stderr, the summary on stdout."""
    folder = write_archive(
        shell.folder / "archive", {MON: [Trade(), Trade("500002", series="GS")]}, ["500001"]
    )

    out, _ = shell.run("import-history", str(folder))
    again, _ = shell.run("import-history", str(folder))

    assert "daily_prices                  1 rows" in out
    assert "  1 rows of daily_prices: series other than BE BZ EQ SM ST SZ (S500002)" in out
    assert any(line.startswith("1 stocks, 1 sessions, 2 files in ") for line in out)
    assert f"next: upper-circuit train --database {shell.place}" == out[-1]
    assert f"{folder}: nothing changed, all of its files are loaded" == again[0]


def test_an_import_names_figures_in_another_unit(shell):
    """Ten of them; somebody may want to ask the company."""
    ends = pd.date_range("2020-03-31", periods=23, freq="QE")
    sizes = [1e7 if at % 2 else 1e12 for at in range(23)]
    results = pd.DataFrame(
        {"bse_code": "500001", "quarter_end": ends, "announced_at": ends + pd.Timedelta(days=40)}
    )
    results = results.assign(consolidated="Standalone", revenue=sizes, net_profit=1e6, eps=2.0)
    folder = write_archive(shell.folder / "archive", {MON: [Trade()]}, ["500001"], quarterly_results=results)

    out, _ = shell.run("import-history", str(folder))

    [line] = [line for line in out if line.startswith("in another unit")]
    assert line.startswith("in another unit than their neighbours, not used: 500001 2020 Q1 revenue, ")
    assert line.endswith(" and 2 more")


def test_repack_says_how_much_it_made_anew(shell):
    """Of all stocks, or of those named."""
    folder = write_archive(
        shell.folder / "archive", {MON: [Trade(), Trade("500002", close=9.0)]}, ["500001", "500002"]
    )
    shell.run("import-history", str(folder))

    everything, _ = shell.run("repack")
    one, _ = shell.run("repack", "500002")

    assert ["2 bars of 2 stocks packed anew"] == everything
    assert ["1 bars of 1 stocks packed anew"] == one


def test_a_database_is_made_by_upgrade_and_shown_by_status(shell):
    """Before it, status says which command makes one."""
    with pytest.raises(SchemaOutdated, match="run `upper-circuit database upgrade`"):
        shell.run("database", "status")

    made, _ = shell.run("database", "upgrade")
    folder = write_archive(shell.folder / "archive", {MON: [Trade()], TUE: [Trade(close=9.0)]}, ["500001"])
    shell.run("import-history", str(folder))
    shown, _ = shell.run("database", "status")

    assert [f"{shell.place}: tables are up to date", "next: upper-circuit database status"] == made
    assert f"{shell.place}: schema {REVISION}, data version 1" == shown[0]
    assert "  daily_prices                  2 rows   2025-12-15 .. 2025-12-16" in shown
