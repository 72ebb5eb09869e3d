"""Prices as each exchange writes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.factories import exchange_files as files
from tests.factories.exchange_files import DAY, FORMS, Bar, series_for
from upper_circuit.market.formats import PriceFile, series_of

BAR = Bar()


def dropped(file: PriceFile) -> list[tuple[str, ...]]:
    """The names of left-out rows, one entry a reason."""
    return [entry.names for entry in file.dropped]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_bar(form, read):
    """A price is the same number of paise whichever form it came in."""
    bar = replace(BAR, series=series_for(form))

    file = read(FORMS[form]([bar]), trade_date=DAY)

    assert ("prices", DAY, 1) == (file.kind, file.trade_date, len(file.rows))
    rows = file.rows
    assert [14253, 14965, 14100, 14965, 14253] == [
        int(column[0]) for column in (rows.open, rows.high, rows.low, rows.close, rows.prev_close)
    ]
    assert (1000, 14960) == (int(rows.volume[0]), rows.last[0])


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("UDiFF NSE", ("NSE", None, "RELINFRA", "INE036A01016", 1.465005, 37, None)),
        ("UDiFF BSE", ("BSE", "500390", "RELINFRA", "INE036A01016", 1.465005, 37, None)),
        ("NSE full", ("NSE", None, "RELINFRA", None, 146500.50, 37, 640)),
        ("NSE legacy 11", ("NSE", None, "RELINFRA", None, 1.465005, None, None)),
        ("NSE legacy 13", ("NSE", None, "RELINFRA", "INE036A01016", 1.465005, 37, None)),
        ("BSE legacy", ("BSE", "500390", "RELIANCE INF", None, 1.465005, 37, None)),
        ("BSE legacy dated", ("BSE", "500390", "RELIANCE INF", "INE036A01016", 1.465005, 37, None)),
    ],
)
def test_a_form_says_nothing_of_what_it_does_not_have(form, expected, read):
    """Code, ISIN, trades and deliveries are None where the form has none; turnover is in lacs everywhere."""
    bar = replace(BAR, series=series_for(form))

    file = read(FORMS[form]([bar]), trade_date=DAY)

    rows = file.rows
    found = (rows.code, rows.symbol, rows.isin, rows.turnover_lacs, rows.trades, rows.deliv_qty)
    assert expected == (file.exchange, *(column[0] for column in found))


@pytest.mark.parametrize("form", FORMS)
def test_the_day_is_known_by_the_content(form, read):
    """The name of the file says another day, and nobody looks at it."""
    bar = replace(BAR, series=series_for(form))
    day = date(2024, 2, 29)

    file = read(FORMS[form]([bar], day=day), name="cm01APR2011bhav.csv", trade_date=day)

    assert (day, "cm01APR2011bhav.csv") == (file.trade_date, file.name)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "BOM"])
def test_line_ends_and_marks_do_not_matter(form, end, mark, read):
    """Windows tools write CRLF and a mark at the start; the last line may lack its end."""
    text = FORMS[form]([replace(BAR, series=series_for(form))]).replace("\n", end)

    file = read((mark + text).rstrip("\r\n"), trade_date=DAY)

    assert 1 == len(file.rows)


@pytest.mark.parametrize("comma", [", ", ","], ids=["with blanks", "without"])
def test_the_full_bhavcopy_may_have_blanks_after_its_commas(comma, read):
    """NSE writes them, tools take them out."""
    file = read(files.nse_full([BAR], comma=comma))

    assert ("RELINFRA", "EQ") == (file.rows.symbol[0], file.rows.series[0])


def test_a_dash_is_no_delivery(read):
    """Trade-for-trade series have no deliveries to count: None, never 0."""
    file = read(files.nse_full([replace(BAR, series="BE", deliv_qty="-")]))

    assert (None,) == file.rows.deliv_qty


def test_a_full_bhavcopy_rewritten_from_the_legacy_file_has_no_deliveries(read):
    """Its zeros stand for what the legacy file lacks, and its turnover is in rupees."""
    text = files.nse_full([replace(BAR, trades="0", deliv_qty="0")]).replace("146.50,", "0,")

    file = read(text)

    assert (None, None, 1.465005) == (file.rows.trades[0], file.rows.deliv_qty[0], file.rows.turnover_lacs[0])


@pytest.mark.parametrize("writer", [files.nse_legacy_11, files.nse_legacy_13], ids=["11", "13"])
def test_the_legacy_file_may_lack_its_final_commas(writer, read):
    """12 columns are 11, and 14 are 13: the last is empty."""
    with_comma, without = read(writer([BAR])), read(writer([BAR], end=""))

    assert with_comma.rows.symbol == without.rows.symbol
    assert with_comma.rows.isin == without.rows.isin


def test_a_legacy_file_of_bse_needs_its_day(read):
    """Nothing in the file says it, so the caller must; the refusal says how."""
    text = files.bse_legacy_dated([replace(BAR, series="A")], heading="FILLER1")

    file = read(text, trade_date=date(2016, 5, 2))

    assert date(2016, 5, 2) == file.trade_date


def test_a_new_listing_of_bse_has_no_previous_close(read):
    """BSE files 0 on the first day; the bar is kept, and 0 says that there is no base for a limit."""
    file = read(files.bse_legacy([replace(BAR, series="B", prev_close="0.00")]), trade_date=DAY)

    assert [0] == file.rows.prev_close.tolist()


def test_a_missing_last_price_is_none(read):
    """0 and - both say that there was none."""
    bars = [replace(BAR, last="-"), replace(BAR, symbol="ABB", last="0.00")]

    file = read(files.nse_full(bars))

    assert (None, None) == file.rows.last


@pytest.mark.parametrize(
    ("text", "expected"),
    [("149.65", 14965), ("150", 15000), ("149.6", 14960), ("149.650000", 14965), ("9999999.99", 999999999)],
)
def test_a_price_is_exact(text, expected, read):
    """195.92 is 19592 paise, not 19591.999...; zeros beyond the second decimal are none."""
    file = read(files.nse_full([replace(BAR, high=text, close=text, open=text, low=text, prev_close=text)]))

    assert [expected] == file.rows.high.tolist()


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (Bar(symbol="563GS2026", series="GS"), "series other than"),
        (Bar(symbol="RELINFRA", series="N1"), "series other than"),
        (Bar(symbol="SBIN", series="T0", close="818.75"), "T+0"),
        (Bar(symbol="NIFTYBEES", isin="INF204KB14I2"), "fund"),
        (Bar(symbol="HCC-RE1", series="BE", isin="INE549A20018"), "rights"),
        (Bar(symbol="SUSPENDED", open="0", high="0", low="0", close="0", last="0", volume="0"), "no trade"),
    ],
    ids=["government", "debt", "T+0", "fund", "rights", "no trade"],
)
def test_what_is_no_share_is_left_out_by_name(other, reason, read):
    """Exchange files hold more than shares: such rows are counted under a reason, not refused."""
    file = read(files.udiff([BAR, other]))

    [entry] = file.dropped
    assert ("RELINFRA",) == file.rows.symbol
    assert reason in entry.reason
    assert (f"{other.symbol} {other.series}",) == entry.names


@pytest.mark.parametrize(
    "other",
    [
        Bar(code="972885", series="F", sc_type="B"),
        Bar(code="500391", series="P"),
        Bar(code="500392", series="A", name="SBIN#"),
    ],
    ids=["bond", "group", "T+0"],
)
def test_bse_names_its_other_securities_in_its_own_way(other, read):
    """SC_TYPE for debt, groups without a series, a # at the end of a T+0 name."""
    file = read(files.bse_legacy([replace(BAR, series="A"), other]), trade_date=DAY)

    assert ("500390",) == file.rows.code
    assert [(f"{other.name} {other.series}",)] == dropped(file)


def test_left_out_rows_are_counted_in_one_line(read):
    """What a person reads: how many, why, and the first names."""
    bonds = [Bar(symbol=f"BOND{number}", series="N1") for number in range(5)]

    [entry] = read(files.nse_full([BAR, *bonds])).dropped

    assert 5 == entry.count
    assert str(entry).startswith("5 x series other than")
    assert str(entry).endswith("(BOND0 N1, BOND1 N1, BOND2 N1, ...)")


@pytest.mark.parametrize(
    ("exchange", "filed", "expected"),
    [
        ("NSE", "EQ", "EQ"),
        ("NSE", "SZ", "SZ"),
        ("NSE", "GS", None),
        ("NSE", "A", None),
        ("BSE", "A", "EQ"),
        ("BSE", "X", "EQ"),
        ("BSE", "XT", "BE"),
        ("BSE", "ZP", "BZ"),
        ("BSE", "M", "SM"),
        ("BSE", "MT", "ST"),
        ("BSE", "F", None),
    ],
)
def test_groups_of_bse_correspond_to_series(exchange, filed, expected):
    """One table for both exchanges, so that a BSE-only stock is compared with its like."""
    assert expected == series_of(exchange, filed)


def test_columns_of_prices_cannot_be_changed(read):
    """What has been checked stays as it was checked."""
    rows = read(files.nse_full([BAR])).rows

    with pytest.raises(ValueError, match="read-only"):
        rows.close[0] = 1


def test_columns_of_prices_have_one_length(read):
    """What is promised of the value is checked when it is made."""
    rows = read(files.nse_full([BAR])).rows

    with pytest.raises(ValueError, match="lengths"):
        replace(rows, symbol=("RELINFRA", "ABB"))
