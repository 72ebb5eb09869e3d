"""What a person sees who brings files: a line a file, what was left out, what comes next."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from tests.factories.database import Trade, rows, write_archive
from tests.factories.exchange_files import Bar, bse_legacy, nse_full
from tests.factories.shell import BULLETIN, MASTER, Shell
from upper_circuit.errors import BadInput, SchemaOutdated
from upper_circuit.market.database import REVISION

MON, TUE = date(2025, 12, 15), date(2025, 12, 16)


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


def test_a_part_of_a_day_is_refused_with_the_option_that_loads_it(shell):
    """One clear line; nothing of it is loaded before somebody says that it is whole."""
    names = [f"SYM{at}" for at in range(60)]
    listed = "".join(f"{600_001 + at},Company,ACTIVE,{name}\n" for at, name in enumerate(names))
    bars = [Bar(symbol=name, volume=str(100 + at)) for at, name in enumerate(names)]
    whole = shell.file("whole.csv", nse_full(bars, day=MON))
    cut = shell.file("cut.csv", "".join(nse_full(bars, day=MON).splitlines(keepends=True)[:31]))
    shell.run("ingest", shell.file("master.csv", MASTER + listed), whole)

    _, err = shell.run("ingest", cut, code=1)
    out, _ = shell.run("ingest", cut, "--allow-partial")
    back, _ = shell.run("ingest", whole)

    assert (
        "refused: cut.csv: has 30 stocks where 2025-12-15 has 60, less than 80%: it looks cut off; "
        "if it is whole, say so (--allow-partial)"
    ) == err[0]
    assert "only 30 stocks where 2025-12-15 has 60: is the file whole?" in out[0]
    assert "whole.csv: NSE 2025-12-15: 60 rows; in place of those of cut.csv" == back[0]


def test_figures_in_another_unit_are_named_when_their_file_is_loaded(shell):
    """Stock and quarter: stored as filed, and never used."""
    results = "bse_code,quarter_end,announced_at,consolidated,revenue,net_profit,eps\n" + "".join(
        f"500390,{end},{end[:4]}-11-20 18:00:00,Standalone,{revenue},1000000,2\n"
        for end, revenue in (
            ("2024-03-31", "20000000"),
            ("2024-06-30", "2000000000000"),
            ("2024-09-30", "21000000"),
        )
    )

    out, _ = shell.run("ingest", shell.file("master.csv", MASTER), shell.file("results.csv", results))

    assert (
        "results.csv: quarterly results: 3 rows; in another unit than their neighbours, not used: "
        "500390 2024 Q2 revenue"
    ) == out[1]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "give files, or a folder of them with --from"),
        (("a.csv", "--from", "drop"), "give files, or a folder of them with --from"),
        (("--from", "drop", "--trade-date", "2025-12-15"), "are of files that are named"),
        (("--from", "drop", "--allow-partial"), "are of files that are named"),
    ],
    ids=["neither", "both", "a day for a whole folder", "a leave for a whole folder"],
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


def test_an_import_says_which_splits_it_inferred_and_why(shell):
    """After the last day of the archive's own list nobody else would."""
    factors = pd.DataFrame({"nse_symbol": ["S500001"], "ex_date": [MON], "factor": [0.9]})
    split = {MON: [Trade()], TUE: [Trade(open=50.0, close=51.0)]}
    folder = write_archive(
        shell.folder / "archive", split, ["500001"], corporate_action_factors_inferred=factors
    )

    out, _ = shell.run("import-history", str(folder))

    assert (
        "1 splits or bonuses inferred after 2025-12-15, where the list of them ends: 500001 2025-12-16 x 0.5"
    ) in out


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
