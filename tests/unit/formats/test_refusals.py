"""Files that are refused whole: each fault, with the line and the cell that a person must look at."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.factories import exchange_files as files
from tests.factories.exchange_files import DAY, FORMS, NSE_FORMS, Bar, series_for
from upper_circuit.errors import FileRefused

BAR = Bar()


def refusal(read, content, **options) -> FileRefused:
    """The error that reading ends with."""
    with pytest.raises(FileRefused) as caught:
        read(content, **{"trade_date": DAY} | options)
    return caught.value


def two_bars(form, **changes) -> list[Bar]:
    """A good bar, then one with a fault: it stands on line 3."""
    good = replace(BAR, series=series_for(form))
    return [good, replace(good, symbol="ABB", name="ABB LTD.", code="500002", isin="INE117A01022", **changes)]


def test_an_f_and_o_file_is_refused_by_name(read):
    """It has the same 34 columns as the cash market: an option's premium is no share's price."""
    error = refusal(read, files.udiff([BAR], Sgmt="FO", FinInstrmTp="STO"))

    assert "F&O" in error.reason
    assert (2, "Sgmt", "FO") == (error.line, error.field, error.value)


def test_one_option_among_shares_refuses_the_file(read):
    """A file put together by a tool is none of the exchange's."""
    text = files.udiff([BAR]) + files.udiff([BAR], Sgmt="FO").splitlines()[1] + "\n"

    assert 3 == refusal(read, text).line


@pytest.mark.parametrize("segment", ["CD", "CO", "DEBT"])
def test_other_segments_are_refused(segment, read):
    """Only the cash market has shares."""
    assert "no file of the cash market" in refusal(read, files.udiff([BAR], Sgmt=segment)).reason


@pytest.mark.parametrize(
    "text",
    [
        files.udiff([replace(BAR, series="T0")]),
        files.nse_full([replace(BAR, series="T0")]),
        files.bse_udiff([replace(BAR, symbol="SBIN#", series="A")]),
    ],
    ids=["UDiFF NSE", "NSE full", "UDiFF BSE"],
)
def test_a_file_of_the_same_day_market_is_refused_by_name(text, read):
    """T+0 trades the same shares at other prices: NSE's series T0, BSE's ids with #."""
    assert "T+0" in refusal(read, text).reason


def test_a_session_other_than_the_final_one_is_refused(read):
    """F1 is the final file of the normal market."""
    error = refusal(read, files.udiff([BAR], SsnId="T0"))

    assert ("SsnId", "T0") == (error.field, error.value)


@pytest.mark.parametrize("form", FORMS)
def test_a_line_cut_off_is_refused(form, read):
    """A download that broke ends within a line, and the refusal says so."""
    text = FORMS[form](two_bars(form))
    cut = text[: len(text) - text[::-1].index(",", 15)]

    error = refusal(read, cut)

    assert 3 == error.line
    assert "cut off" in error.reason


def test_a_full_bhavcopy_cut_off_after_its_last_comma_is_refused(read):
    """As many commas as the header has, but nothing behind the last one."""
    text = files.nse_full([BAR, replace(BAR, symbol="ABB")])

    error = refusal(read, text[: text.rindex(" ")])

    assert (3, "DELIV_PER") == (error.line, error.field)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("change", ["one more", "one less"])
def test_a_line_with_another_number_of_columns_is_refused(form, change, read):
    """One comma too many shifts a price under its neighbour's heading."""
    lines = FORMS[form](two_bars(form)).splitlines()
    lines[1] = lines[1] + ",1" if change == "one more" else lines[1].rsplit(",", 1)[0]

    error = refusal(read, "\n".join(lines) + "\n")

    assert 2 == error.line
    assert "columns where the header has" in error.reason


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("field", ["open", "high", "low", "close"])
@pytest.mark.parametrize("price", ["0", "-5.00"])
def test_a_price_that_is_not_above_zero_is_refused(form, field, price, read):
    """A share that traded has a price; the first wrong cell is named."""
    error = refusal(read, FORMS[form](two_bars(form, **{field: price})))

    assert (3, price) == (error.line, error.value)
    assert "must be more than 0" in error.reason


@pytest.mark.parametrize("form", NSE_FORMS)
def test_nse_always_has_a_previous_close(form, read):
    """On a first day it is the issue price; 0 is a fault, unlike in BSE's files."""
    assert "must be more than 0" in refusal(read, FORMS[form](two_bars(form, prev_close="0"))).reason


@pytest.mark.parametrize("form", FORMS)
def test_a_high_below_the_low_is_refused(form, read):
    """149.65 is the high, so no low can be 150."""
    error = refusal(read, FORMS[form](two_bars(form, low="150.00")))

    assert (3, "149.65") == (error.line, error.value)
    assert "below the low of 150.00" in error.reason


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("field", ["open", "close"])
@pytest.mark.parametrize("price", ["140.99", "149.66"])
def test_a_price_outside_the_day_is_refused(form, field, price, read):
    """In 2.6 million real bars of shares no open or close lies outside low..high."""
    error = refusal(read, FORMS[form](two_bars(form, **{field: price})))

    assert (3, price) == (error.line, error.value)
    assert "outside the day's 141.00..149.65" in error.reason


@pytest.mark.parametrize(
    "price",
    ["142.535", "1e2", "1,42", "abc", "", "-", "12345678.00", "\u0661\u0662", "1_0", "nan", "142.5.3"],
)
def test_what_is_no_price_is_refused(price, read):
    """Three decimals, words, foreign digits, or more than Rs 1 crore: never rounded, never guessed."""
    quoted = f'"{price}"' if "," in price else price

    error = refusal(read, files.nse_full(two_bars("NSE full", open=quoted)))

    assert (3, "OPEN_PRICE", price) == (error.line, error.field, error.value)


@pytest.mark.parametrize("volume", ["1.5", "-1", "", "many"])
def test_what_is_no_number_of_shares_is_refused(volume, read):
    """Shares are counted in whole numbers."""
    error = refusal(read, files.nse_full(two_bars("NSE full", volume=volume)))

    assert (3, "TTL_TRD_QNTY") == (error.line, error.field)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "BSE legacy"])
def test_two_days_in_one_file_are_refused(form, read):
    """The first line of the other day is named."""
    bars = two_bars(form)
    text = FORMS[form](bars[:1]) + FORMS[form](bars[1:], day=date(2025, 12, 16)).splitlines()[1] + "\n"

    error = refusal(read, text)

    assert 3 == error.line
    assert "2025-12-17" in error.reason


@pytest.mark.parametrize("form", FORMS)
def test_a_future_day_is_refused(form, read):
    """Nobody has tomorrow's prices; the clock is the caller's."""
    day = date(2025, 12, 19)

    error = refusal(read, FORMS[form]([replace(BAR, series=series_for(form))], day=day), trade_date=day)

    assert "2025-12-18" in error.reason


@pytest.mark.parametrize("form", [form for form in FORMS if form != "BSE legacy"])
def test_a_file_of_another_day_than_asked_for_is_refused(form, read):
    """A day given by the caller must agree with the one in the file."""
    error = refusal(read, FORMS[form]([replace(BAR, series=series_for(form))]), trade_date=date(2025, 12, 16))

    assert "2025-12-16" in error.reason


def test_a_file_without_a_day_is_refused_without_one(read):
    """The refusal says what to give."""
    assert "trade_date" in refusal(read, files.bse_legacy([replace(BAR, series="A")]), trade_date=None).reason


@pytest.mark.parametrize(
    "stamp", ["31-Feb-2025", "17-Dez-2025", "2025/12/17", "", "17-Dec-0025", "17-Dec-9999"]
)
def test_what_is_no_day_is_refused(stamp, read):
    """Months are English; a day must exist."""
    error = refusal(read, files.nse_full([BAR]).replace("17-Dec-2025", stamp))

    assert (2, "DATE1", stamp) == (error.line, error.field, error.value)


@pytest.mark.parametrize("form", FORMS)
def test_a_share_that_stands_twice_is_refused(form, read):
    """Two prices of one share: one of them is wrong, and nobody can tell which."""
    bar = replace(BAR, series=series_for(form))

    error = refusal(read, FORMS[form]([bar, replace(bar, series=series_for(form, "BE", "T"))]))

    assert 3 == error.line
    assert "on line 2" in error.reason


def test_a_file_of_no_shares_is_refused(read):
    """Nothing to load is no success."""
    assert "holds no share" in refusal(read, files.nse_full([replace(BAR, series="GS")])).reason


@pytest.mark.parametrize("source", ["MCX", ""])
def test_an_exchange_we_do_not_know_is_refused(source, read):
    """UDiFF is used by others too."""
    assert "Src" == refusal(read, files.udiff([BAR], Src=source)).field


@pytest.mark.parametrize("field", ["symbol", "isin", "code"])
def test_a_name_that_cannot_be_is_refused(field, read):
    """A share that cannot be named cannot be joined."""
    bars = [replace(BAR, series="A", **{field: "5003\u00e9"})]

    assert 2 == refusal(read, files.bse_udiff(bars)).line


def test_a_refusal_is_one_sentence_with_its_place(read):
    """File, line, field, value, cause: all a person needs to open the file and look."""
    error = refusal(read, files.nse_full(two_bars("NSE full", low="150.00")), name="cm.csv")

    assert str(error).endswith("cm.csv, line 3: HIGH_PRICE='149.65': is below the low of 150.00")
