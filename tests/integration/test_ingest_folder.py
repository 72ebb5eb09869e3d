"""`ingest --from`, as a job runs it every morning: each content once, and the correction has the last word."""

from __future__ import annotations

import os
from datetime import date

import pytest

from tests.factories.database import contents, rows
from tests.factories.exchange_files import Bar, nse_full
from tests.factories.shell import BULLETIN, MASTER, Shell

MON, TUE = date(2025, 12, 15), date(2025, 12, 16)


@pytest.fixture
def shell(tmp_path):
    """An empty folder and no database yet."""
    shell = Shell(tmp_path)
    yield shell
    shell.database.dispose()


def day_of(*volumes: str) -> str:
    """Monday's file of one stock; corrections differ in its volume."""
    return nse_full([Bar(symbol="RELINFRA", volume=volume) for volume in volumes], day=MON)


def volume_in(shell: Shell) -> list[int]:
    """What is in force."""
    return [volume for (volume,) in rows(shell.database, "daily_prices", "volume")]


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

    assert "copy.csv: NSE 2025-12-15: nothing changed, the same content is loaded as day.csv" in out
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


def test_of_one_day_the_file_that_was_changed_last_has_the_last_word_in_a_folder(shell):
    """A browser calls the correction `X (1).csv`, which comes before `X.csv` in every list of names."""
    drop = shell.drop({"master.csv": MASTER, "X.csv": day_of("7"), "X (1).csv": day_of("8")})
    an_hour_later = (drop / "X.csv").stat().st_mtime + 3_600
    os.utime(drop / "X (1).csv", (an_hour_later, an_hour_later))

    out, _ = shell.run("ingest", "--from", str(drop))
    morning_after, _ = shell.run("ingest", "--from", str(drop))

    assert "X (1).csv: NSE 2025-12-15: 1 rows; in place of those of X.csv" in out
    assert [8] == volume_in(shell)
    assert f"{drop}: 3 files were read before" == morning_after[0]


def test_a_folder_that_was_copied_without_its_times_ends_the_same(shell):
    """Names decide then, the longer one being the later; and a database that knows the contents changes nothing."""
    drop = shell.drop({"master.csv": MASTER, "X.csv": day_of("7"), "X (1).csv": day_of("8")})
    shell.run("ingest", "--from", str(drop))
    before = contents(shell.database)
    for path in drop.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))

    out, _ = shell.run("ingest", "--from", str(drop))

    alone = "given alone, it is loaded again"
    changed = "nothing changed, the same content"
    assert [8] == volume_in(shell)
    assert [
        f"master.csv: master stock list: {changed} was loaded as master.csv before; {alone}",
        f"X.csv: NSE 2025-12-15: {changed} was loaded as X.csv, and others replaced it; {alone}",
        f"X (1).csv: NSE 2025-12-15: {changed} is loaded as X (1).csv",
    ] == out[:3]
    assert before | {"seen_files": None} == contents(shell.database) | {"seen_files": None}


def test_all_files_of_a_day_given_again_change_nothing_and_one_alone_comes_back(shell):
    """`ingest *.csv` twice is a job that runs twice; `ingest X.csv` is somebody who wants that file."""
    files = [
        shell.file("master.csv", MASTER), shell.file("X.csv", day_of("7")), shell.file("X (1).csv", day_of("8")),
    ]  # fmt: skip
    shell.run("ingest", *files)
    before = contents(shell.database)

    shell.run("ingest", *files)
    all_again = contents(shell.database)
    alone, _ = shell.run("ingest", files[1])

    assert before == all_again
    assert "X.csv: NSE 2025-12-15: 1 rows; in place of those of X (1).csv" == alone[0]
    assert [7] == volume_in(shell)
