"""Results, announcements and board meetings: what became public, and when."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from upper_circuit.errors import FileRefused
from upper_circuit.market.formats import AnnouncementsFile, MeetingRow, ResultRow

EVENING = int(datetime(2025, 10, 17, 13, 30, tzinfo=UTC).timestamp())
"""2025-10-17 19:00 in Asia/Kolkata."""
RESULTS = "bse_code,nse_symbol,quarter_end,announced_at,basis,revenue,net_profit,eps\n"
AN = "COMPANY NAME    SYMBOL    : ANNOUNCEMENTS\n"
BM = "COMPANY NAME    SYMBOL     : BM DATE    : BM PURPOSE\n"


@pytest.mark.parametrize(
    "stamp",
    [
        "2025-10-17 19:00:00",
        "2025-10-17T19:00:00",
        "17-Oct-2025 19:00:00",
        "2025-10-17 13:30:00+00:00",
        "2025-10-17T13:30:00Z",
        "2025-10-17 19:00:00+05:30",
    ],
)
def test_a_time_without_zone_is_indian(stamp, read):
    """19:00 IST is 13:30 UTC, however it is written."""
    [row] = read(f"{RESULTS}500325,RELIANCE,2025-09-30,{stamp},Standalone,100,-7.5,\n").rows

    assert ResultRow("500325", "RELIANCE", date(2025, 9, 30), "standalone", EVENING, 100.0, -7.5, None) == row


@pytest.mark.parametrize(
    ("filed", "expected"),
    [("Non-Consolidated", "standalone"), ("Standalone", "standalone"), ("consolidated", "consolidated")],
)
@pytest.mark.parametrize("heading", ["basis", "consolidated"])
def test_two_words_mean_the_same_basis(filed, expected, heading, read):
    """The exchange changed its word; the column has two names."""
    text = f"{RESULTS}500325,,2025-09-30,2025-10-17 19:00:00,{filed},1,1,1\n".replace("basis", heading)

    assert [expected] == [row.basis for row in read(text).rows]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("500325,A,2025-09-30,2025-10-17,Standalone,1,1,1", "is no time like"),
        ("500325,A,2025-09-30,,Standalone,1,1,1", "is no time like"),
        ("500325,A,2025-09-30,sometime in October,Standalone,1,1,1", "is no time like"),
        ("500325,A,2025-09-30,2025-12-19 00:00:00,Standalone,1,1,1", "in the future"),
        ("500325,A,2025-09-30,1970-01-01 00:00:00,Standalone,1,1,1", "before 1990"),
        ("500325,A,2025-09-30,2025-09-30 19:00:00,Standalone,1,1,1", "no later than the quarter's end"),
        ("500325,A,2025-09-30,2025-10-17 19:00:00,Group,1,1,1", "must be one of"),
        ("500325,A,2025-09-30,2025-10-17 19:00:00,Standalone,1e999,1,1", "is no number"),
        ("500325,A,2025-09-30,2025-10-17 19:00:00,Standalone,1,inf,1", "is no number"),
        ("500325,A,September,2025-10-17 19:00:00,Standalone,1,1,1", "is no day"),
        ("5003,A,2025-09-30,2025-10-17 19:00:00,Standalone,1,1,1", "no BSE code"),
    ],
    ids=[
        "day only",
        "none",
        "words",
        "future",
        "epoch",
        "before its quarter",
        "basis",
        "infinite",
        "inf",
        "quarter",
        "code",
    ],
)
def test_a_result_that_cannot_be_is_refused(cells, reason, read):
    """Above all one whose time is unknown: a day alone would make it known hours too early."""
    with pytest.raises(FileRefused, match=reason) as caught:
        read(f"{RESULTS}{cells}\n")

    assert 2 == caught.value.line


def test_results_without_a_basis_are_refused(read):
    """Standalone and consolidated figures must not be mixed."""
    with pytest.raises(FileRefused, match="column basis must be in the file"):
        read(
            "bse_code,quarter_end,announced_at,revenue,net_profit,eps\n500325,2025-09-30,2025-10-17 19:00:00,1,1,1\n"
        )


def test_results_of_nobody_and_of_no_quarter_are_left_out(read):
    """They are counted by name; the same filing again too, while a later filing is a row of its own."""
    good = "500325,,2025-09-30,2025-10-17 19:00:00,Standalone,1,1,1\n"
    text = (
        RESULTS
        + good
        + ",,2025-09-30,2025-10-17 19:00:00,Standalone,1,1,1\n"
        + good.replace("09-30", "08-31")
        + good
        + good.replace("10-17", "11-17")
    )

    file = read(text)

    assert [date(2025, 10, 17), date(2025, 11, 17)] == [
        datetime.fromtimestamp(row.announced_at, UTC).date() for row in file.rows
    ]
    assert [("2025-09-30",), ("500325 2025-08-31",), ("500325 2025-09-30",)] == [
        entry.names for entry in file.dropped
    ]


def test_announcements_are_not_merged(read):
    """Two equal rows are two items; a quoted snippet may hold commas; a row of no stock is counted."""
    bonus = '500325,RELIANCE,2025-10-17 19:00:00,Bonus,"One, for one"\n'
    dividend = ",ABB,2025-10-17 19:00:00,Dividend,\n"
    nobody = ",,2025-10-17 19:00:00,Updates,\n"
    text = "bse_code,nse_symbol,announced_at,category,snippet\n" + bonus + bonus + dividend + nobody

    file = read(text)

    assert ("500325", "500325", None) == file.bse_code
    assert ("RELIANCE", "RELIANCE", "ABB") == file.nse_symbol
    assert [EVENING] * 3 == file.announced_at.tolist()
    assert ("Bonus", "Bonus", "Dividend") == file.category
    assert ("One, for one", "One, for one", "") == file.snippet
    assert [1] == [entry.count for entry in file.dropped]


def test_columns_of_announcements_have_one_length():
    """What is promised of the value is checked when it is made."""
    with pytest.raises(ValueError, match="lengths"):
        AnnouncementsFile(
            "announcements",
            "",
            "",
            "",
            (),
            ("500325",),
            (None,),
            np.zeros(2, dtype=np.int64),
            ("Bonus",),
            ("",),
        )


def test_announcements_of_nobody_are_refused(read):
    """A table that names no stock at all is another table."""
    with pytest.raises(FileRefused, match="names no stock"):
        read("nse_symbol,announced_at,category\n,2025-10-17 19:00:00,Updates\n")


def test_the_bulletin_of_announcements(read):
    """The category ends where the symbol or the company's name begins the text, or with -XBRL."""
    text = AN + (
        "UNO Minda Limited UNOMINDA : ESOP/ESOS/ESPS UNOMINDA : has informed of 81747  Shares.\n"
        "Univastu India Limited UNIVASTU : Trading Window-XBRL UNIVASTU INDIA LIMITED has informed of Closure\n"
        "ION Exchange (India) Limited IONEXCHANG : Bonus ION Exchange (India) Limited has informed of Bonus\n"
        "IRIS RegTech Solutions Limited IRIS : General Updates The Company has informed about a meet.\n"
        "Krishival Foods Limited KRISHIVAL : General Updates Outcome of right issue committee\n"
        "Vineet Labs Limited M&M-V : Committee Meeting Updates In continuation to our letter\n"
    )

    file = read(text, announced_at=EVENING)

    assert ("UNOMINDA", "UNIVASTU", "IONEXCHANG", "IRIS", "KRISHIVAL", "M&M-V") == file.nse_symbol
    assert (
        "ESOP/ESOS/ESPS",
        "Trading Window-XBRL",
        "Bonus",
        "General Updates",
        "General Updates",
        "",
    ) == file.category
    assert "has informed of 81747 Shares." == file.snippet[0]
    assert "Outcome of right issue committee" == file.snippet[4]
    assert "Committee Meeting Updates In continuation to our letter" == file.snippet[5]
    assert [EVENING] * 6 == file.announced_at.tolist()


@pytest.mark.parametrize("header_end", ["\n", "\r\n"], ids=["as published", "copied by Windows"])
def test_an_entry_of_a_bulletin_may_span_lines(header_end, read):
    """The exchange breaks lines inside an entry with CRLF; a copy that has only CRLF is told by its beginnings."""
    entries = (
        "Aeroflex Industries Limited AEROFLEX : 18-DEC-2025 : Fund Raising 1.\tTo consider\r\n\r\n2.\tTo evaluate",
        "Infosys Limited INFY : 14-JAN-2026 : Financial Results To consider",
    )

    file = read(BM.rstrip() + header_end + header_end.join(entries) + header_end, announced_at=EVENING)

    assert ["Fund Raising 1. To consider 2. To evaluate", "Financial Results To consider"] == [
        row.purpose for row in file.rows
    ]


def test_a_line_that_looks_like_an_entry_stays_inside_its_entry(read):
    """Fund houses name their schemes over two lines; a bare line feed alone ends an entry."""
    text = AN + "Baroda Fund\r\n- Nifty Bank ETF BBNPNBETF : Declaration of NAV BBNPNBETF  : has informed\n"

    file = read(text, announced_at=EVENING)

    assert ("BBNPNBETF",) == file.nse_symbol


@pytest.mark.parametrize(
    "text", [AN + "ABB Limited ABB : Updates ABB : x\n", BM + "ABB Limited ABB : 18-DEC-2025 : Results\n"]
)
def test_a_bulletin_without_its_time_is_refused(text, read):
    """It says nowhere when it became public; the refusal says what to give."""
    with pytest.raises(FileRefused, match="announced_at"):
        read(text)


def test_a_bulletin_of_tomorrow_is_refused(read):
    """Its time is the caller's word, and bound by the caller's today all the same: midnight IST ends the day."""
    midnight = int(datetime(2025, 12, 18, 18, 30, tzinfo=UTC).timestamp())
    text = AN + "ABB Limited ABB : Updates ABB : x\n"

    assert 1 == len(read(text, announced_at=midnight - 1).category)
    with pytest.raises(FileRefused, match="after today"):
        read(text, announced_at=midnight)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (AN, "no entries"),
        (f"{AN}no symbol here\n", "line 2.*must"),
        (f"{AN}ABB Limited ABB : Updates\r\nmore\nno symbol here\n", "line 4.*must"),
        (f"{BM}ABB Limited ABB : Financial Results\n", "line 2.*no day"),
        (f"{BM}ABB Limited ABB : 31-FEB-2026 : Financial Results\n", "line 2.*no day"),
    ],
)
def test_a_bulletin_that_is_none_is_refused(text, reason, read):
    """With the line on which the entry begins."""
    with pytest.raises(FileRefused, match=reason):
        read(text, announced_at=EVENING)


def test_the_bulletin_of_meetings(read):
    """The one that is to consider results is told from an outcome that mentions them."""
    text = BM + (
        "Asian Paints Limited ASIANPAINT : 27-JAN-2026 : Financial Results To consider and approve\n"
        "Ansal Properties ANSALAPI : 15-DEC-2025 : Outcome of Board Meeting un-audited Financial Results of the year\n"
    )

    file = read(text, announced_at=EVENING)

    purpose = "Financial Results To consider and approve"
    assert MeetingRow(None, "ASIANPAINT", date(2026, 1, 27), purpose, True, EVENING) == file.rows[0]
    assert [True, False] == [row.for_results for row in file.rows]


@pytest.mark.parametrize(
    ("purpose", "expected"),
    [
        ("Financial Results", True),
        ("Dividend/Financial Results To consider", True),
        ("Financial Results/Other business matters", True),
        ("Quarterly Results", True),
        ("Audited Financial Results", True),
        ("Fund Raising/Other business matters To consider results", False),
        ("Outcome of Board Meeting : Financial Results", False),
        ("Resultant share issue", False),
        ("", False),
    ],
)
def test_a_purpose_is_for_results_when_they_are_on_the_agenda(purpose, expected, read):
    """Purposes are listed with slashes before the free text."""
    text = f"bse_code,meeting_date,purpose,published_at\n500325,2026-01-27,{purpose},2025-10-17 19:00:00\n"

    [row] = read(text).rows

    assert (expected, EVENING, "500325") == (row.for_results, row.published_at, row.bse_code)


def test_meetings_of_nobody_are_left_out(read):
    """Counted by day and purpose."""
    text = (
        "bse_code,nse_symbol,meeting_date,purpose,published_at\n,,2026-01-27,Dividend,2025-10-17 19:00:00\n"
    )

    file = read(text)

    assert () == file.rows
    assert [("2026-01-27 Dividend",)] == [entry.names for entry in file.dropped]
