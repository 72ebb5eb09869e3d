"""Master lists, NSE's listings, bands and hitters, and the user's own factors and sessions."""

from __future__ import annotations

from datetime import date

import pytest

from upper_circuit.errors import FileRefused
from upper_circuit.market.formats import (
    BandRow,
    FactorRow,
    HitterRow,
    MasterRow,
    NseListing,
    SessionRow,
)

OWN = "bse_code,nse_symbol,company_name,status,isin,bse_group,face_value,sector,industry,market_cap_cr,nse_band_dec2025\n"
SCRIPS = (
    "SCRIP_CODE,NAME,Security_Id,Security Name,Status,Group,Face Value,ISIN No,Industry,Instrument,Sector Name,"
    "Industry New Name,Igroup Name,ISubgroup Name\n"
)
ABB = "500002,ABB India Limited,ABB,ABB India Ltd,Active,A ,2.00,INE117A01022,Heavy,Equity,Industrials,Capital Goods,Electrical,Heavy\n"
PREFERENCE = (
    "700002,Sakthi Sugars Ltd.,SAKTHI,Sakthi,Active,B ,10.00,INE623A04015, ,Preference Shares,-,-,-,-\n"
)
MAIN = "SYMBOL,NAME OF COMPANY, SERIES, DATE OF LISTING, PAID UP VALUE, MARKET LOT, ISIN NUMBER, FACE VALUE\n"
SME = "SYMBOL,NAME_OF_COMPANY,SERIES,DATE_OF_LISTING,PAID_UP_VALUE,ISIN_NUMBER,FACE_VALUE,\n"
BANDS = "Symbol,Series,Security Name,Band,Remarks\n"


def test_our_own_master_list(read):
    """Every field that the file has, None where a cell is empty."""
    text = OWN + (
        "500002,ABB,ABB India Limited,ACTIVE,INE117A01022,A,2.00,Industrials,Capital Goods,111082.37,No Band\n"
        '500003,AEGISLOG,Aegis Logistics Ltd.,ACTIVE,INE208C01025,A,1.00,Energy,"Oil, Gas",26019.63,20\n'
        "500004,,Torrent Power AEC Limited,DELISTED,,B,,,,,\n"
    )

    file = read(text)

    abb = MasterRow(
        "500002", "ABB India Limited", "ACTIVE", "ABB", "INE117A01022", None, "A", 2.0, "Industrials", "Capital Goods",
        market_cap_cr=111082.37, no_band=True,
    )  # fmt: skip
    assert abb == file.rows[0]
    assert ("Oil, Gas", 20.0, False) == (file.rows[1].industry, file.rows[1].band, file.rows[1].no_band)
    assert MasterRow("500004", "Torrent Power AEC Limited", "DELISTED", bse_group="B") == file.rows[2]
    assert "board" not in file.columns
    assert {"nse_symbol", "market_cap_cr", "band"} <= file.columns


def test_columns_of_a_users_table_stand_in_any_order(read):
    """Users' tables are known by the columns they must have; what else they hold is theirs."""
    file = read("note,status,company_name,bse_code\nmine,active,ABB,500002\n")

    assert (MasterRow("500002", "ABB", "ACTIVE"),) == file.rows
    assert frozenset({"bse_code", "company_name", "status"}) == file.columns


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("50002,ABB,ABB,ACTIVE,,,,,,,", "bse_code"),
        ("500002.0,ABB,ABB,ACTIVE,,,,,,,", "bse_code"),
        ("500002,ABB,ABB,LISTED,,,,,,,", "status"),
        ("500002,ABB,ABB,ACTIVE,,,two,,,,", "face_value"),
        ("500002,ABB,ABB,ACTIVE,,,,,,,0", "nse_band_dec2025"),
        ("500002,ABB,ABB,ACTIVE,,,,,,,wide", "nse_band_dec2025"),
    ],
)
def test_a_wrong_cell_of_a_master_list_is_refused(row, field, read):
    """A code read as a number loses its meaning; a status must be one of four."""
    with pytest.raises(FileRefused) as caught:
        read(f"{OWN}{row}\n")

    assert (2, field) == (caught.value.line, caught.value.field)


@pytest.mark.parametrize(
    "heading",
    ["SCRIP_CODE,NAME,Security_Id", "Security Code,Issuer Name,Security Id"],
    ids=["since 2025", "before"],
)
def test_both_headers_of_the_list_of_scrips(heading, read):
    """BSE renamed its columns; the stocks stayed."""
    text = (SCRIPS + ABB).replace("SCRIP_CODE,NAME,Security_Id", heading)

    file = read(text)

    expected = MasterRow(
        "500002", "ABB India Limited", "ACTIVE", None, "INE117A01022", "ABB", "A", 2.0, "Industrials", "Capital Goods"
    )  # fmt: skip
    assert (expected,) == file.rows
    assert not {"nse_symbol", "market_cap_cr", "band"} & file.columns


@pytest.mark.parametrize(
    ("filed", "expected"),
    [("Active", "ACTIVE"), ("Delisted", "DELISTED"), ("Suspended", "SUSPENDED"), ("N", "OTHER")],
)
def test_a_status_of_bse_is_one_of_four(filed, expected, read):
    """The list has three rows with a status that nobody explains."""
    [row] = read(SCRIPS + ABB.replace("Active", filed)).rows

    assert expected == row.status


@pytest.mark.parametrize("filed", ["NA", "-", "0", "   "])
def test_an_old_scrip_has_no_isin(filed, read):
    """BSE writes four things for it."""
    [row] = read(SCRIPS + ABB.replace("INE117A01022", filed)).rows

    assert row.isin is None


def test_preference_shares_are_left_out(read):
    """They have codes of their own and are no stocks; they are counted by name."""
    file = read(SCRIPS + ABB + PREFERENCE)

    assert ["500002"] == [row.bse_code for row in file.rows]
    assert [("700002 Sakthi Sugars Ltd.",)] == [entry.names for entry in file.dropped]


def test_a_scrip_repeated_word_for_word_is_kept_once(read):
    """BSE's list repeats some rows; they say nothing new."""
    file = read(SCRIPS + ABB + ABB)

    assert 1 == len(file.rows)
    assert [1] == [entry.count for entry in file.dropped]


def test_a_code_of_two_stocks_is_refused(read):
    """One code, one stock: else its prices would be mixed."""
    with pytest.raises(FileRefused, match=r"line 3: SCRIP_CODE='500002'.*different stocks"):
        read(SCRIPS + ABB + ABB.replace("Active", "Delisted"))


def test_nse_lists_join_by_isin(read):
    """Both boards give symbol, ISIN and series; neither knows a BSE code."""
    main = read(MAIN + "20MICRONS,20 Microns Limited,EQ,06-OCT-2008,5,1,INE144J01027,5\n")
    sme = read(SME + "SIMCA,Simca Advertising Limited,ST,15-May-26,10,INE1K4J01018,10,\n")

    assert (NseListing("20MICRONS", "20 Microns Limited", "INE144J01027", "EQ", "MAIN", 5.0),) == main.rows
    assert (NseListing("SIMCA", "Simca Advertising Limited", "INE1K4J01018", "ST", "SME", 10.0),) == sme.rows


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("ABB,ABB,EQ,06-OCT-2008,5,1,,5\n", "joins no stock"),
        ("ABB,ABB,EQ,06-OCT-2008,5,1,INE117A0102,5\n", "is no ISIN"),
        ("ABB,ABB,EQ,06-OCT-2008,5,1,INE117A01022,5\n" * 2, "stands twice"),
    ],
)
def test_a_listing_that_joins_nothing_is_refused(row, reason, read):
    """Without an ISIN the row is useless, with a wrong one dangerous."""
    with pytest.raises(FileRefused, match=reason):
        read(MAIN + row)


def test_bands_are_percent_or_none(read):
    """No Band is a fact of its own: the stock has derivatives."""
    text = BANDS + (
        '21STCENMGM,EQ,21ST CENTURY,2,"-"\nABBOTINDIA,EQ,ABBOTT,No Band,"-"\nALPSINDUS,BE,ALPS,5,"GSM STAGE - I"\n'
        'CYBERPP,X1,CYBER,20,"-"\n'
    )

    file = read(text, trade_date=date(2025, 12, 12))

    assert date(2025, 12, 12) == file.effective_date
    assert [("CYBERPP X1",)] == [entry.names for entry in file.dropped]
    assert (
        BandRow("21STCENMGM", "EQ", 2.0, None),
        BandRow("ABBOTINDIA", "EQ", None, None),
        BandRow("ALPSINDUS", "BE", 5.0, "GSM STAGE - I"),
    ) == file.rows


def test_bands_have_no_day_of_their_own(read):
    """Nobody can tell from the file since when they hold."""
    assert read(f"{BANDS}ABB,EQ,ABB,No Band,-\n").effective_date is None


@pytest.mark.parametrize("band", ["", "-5", "101", "none"])
def test_what_is_no_band_is_refused(band, read):
    """An empty cell is not No Band."""
    with pytest.raises(FileRefused, match=r"line 2: Band="):
        read(f"{BANDS}ABB,EQ,ABB,{band},-\n")


def test_a_security_with_two_bands_is_refused(read):
    """One of them is wrong."""
    with pytest.raises(FileRefused, match=r"line 3.*stands twice"):
        read(f"{BANDS}ABB,EQ,ABB,5,-\nABB,BE,ABB,10,-\n")


def test_hitters(read):
    """H touched the upper limit, L the lower."""
    file = read("SYMBOL,SERIES,SECURITY,HIGH/LOW\nAGRITECH,EQ,AGRI-TECH,H\nWOL3D,ST,WOL 3D,L\n")

    assert (HitterRow("AGRITECH", "EQ", upper=True), HitterRow("WOL3D", "ST", upper=False)) == file.rows


def test_a_hitter_of_no_side_is_refused(read):
    """H or L, nothing else."""
    with pytest.raises(FileRefused, match="HIGH/LOW='X'"):
        read("SYMBOL,SERIES,SECURITY,HIGH/LOW\nAGRITECH,EQ,AGRI-TECH,X\n")


def test_factors_of_the_user(read):
    """By code or symbol; an ex-date may lie ahead; other columns are ignored."""
    file = read(
        "bse_code,nse_symbol,ex_date,factor,note,mine\n500325,,2024-10-28,0.5,bonus 1:1,x\n,ABB,2026-01-05,1,,\n"
    )

    assert (
        FactorRow("500325", None, date(2024, 10, 28), 0.5, "bonus 1:1"),
        FactorRow(None, "ABB", date(2026, 1, 5), 1.0, None),
    ) == file.rows


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("ABB,2024-10-28,0\n", "must lie in"),
        ("ABB,2024-10-28,-0.5\n", "must lie in"),
        ("ABB,2024-10-28,\n", "must lie in"),
        ("ABB,2024-10-28,1e9\n", "must lie in"),
        ("ABB,2024-10-28,half\n", "is no number"),
        ("ABB,28.10.2024,0.5\n", "is no day"),
        (",2024-10-28,0.5\n", "names no stock"),
        ("ABB,2024-10-28,0.5\nABB,2024-10-28,0.2\n", "stands twice"),
    ],
)
def test_a_wrong_factor_is_refused(rows, reason, read):
    """It would bend every price before it."""
    with pytest.raises(FileRefused, match=reason):
        read("nse_symbol,ex_date,factor\n" + rows)


def test_a_table_that_names_no_stocks_is_told_so(read):
    """All other columns are there: the refusal says which one is not."""
    with pytest.raises(FileRefused, match="lacks bse_code or nse_symbol"):
        read("ticker,ex_date,factor\nABB,2024-10-28,0.5\n")


def test_a_column_that_stands_twice_is_refused(read):
    """Nobody can tell which of the two is meant."""
    with pytest.raises(FileRefused, match="two columns Factor"):
        read("nse_symbol,ex_date,factor,Factor\nABB,2024-10-28,0.5,0.2\n")


def test_sessions_of_the_user(read):
    """A list of days is a list of sessions, in order; with is_session it can also take days away."""
    days = read("trading_date\n2026-02-01\n2025-12-17\n")
    calendar = read("trading_date,is_session\n2026-02-01,yes\n2026-01-26,0\n")

    assert (SessionRow(date(2025, 12, 17), True), SessionRow(date(2026, 2, 1), True)) == days.rows
    assert (SessionRow(date(2026, 1, 26), False), SessionRow(date(2026, 2, 1), True)) == calendar.rows


@pytest.mark.parametrize("rows", ["2026-02-01,maybe\n", "2026-02-01,1\n2026-02-01,0\n", "Sunday,1\n"])
def test_wrong_sessions_are_refused(rows, read):
    """A day trades or it does not."""
    with pytest.raises(FileRefused):
        read("trading_date,is_session\n" + rows)
