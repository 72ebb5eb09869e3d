"""Laws of reading: what was written is read, and damage is never anything but a refusal."""

from __future__ import annotations

from datetime import date, timedelta
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import exchange_files as files
from tests.factories.exchange_files import BSE_FORMS, FORMS, NSE_FORMS, Bar
from upper_circuit.errors import FileRefused

quickly = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
days = st.dates(date(1994, 11, 3), date(2025, 12, 17))
recent_days = st.dates(date(2000, 1, 1), date(2025, 12, 17))  # BSE writes years with two digits
paise = st.integers(1, 999_999_999)
shares = st.integers(1, 10**12)
symbols = st.from_regex(r"[A-Z0-9][A-Z0-9&\-]{0,9}", fullmatch=True).filter(lambda text: "-RE" not in text)


def rupees(amount: int) -> str:
    """Paise as a file writes them, with two decimals."""
    return f"{amount // 100}.{amount % 100:02d}"


@st.composite
def bars(draw, series: tuple[str, ...]) -> list[Bar]:
    """Bars of different stocks whose prices agree with each other."""
    names = draw(st.lists(symbols, min_size=1, max_size=8, unique=True))
    found = []
    for number, name in enumerate(names):
        low, inner, other, high = sorted(draw(st.tuples(paise, paise, paise, paise)))
        found.append(
            Bar(
                symbol=name,
                name=name,
                series=draw(st.sampled_from(series)),
                code=f"{500000 + number}",
                isin=f"INE{number:03d}A01018",
                open=rupees(inner),
                high=rupees(high),
                low=rupees(low),
                close=rupees(other),
                last=rupees(draw(paise)),
                prev_close=rupees(draw(paise)),
                volume=str(draw(shares)),
                trades=str(draw(st.integers(1, 10**7))),
                deliv_qty=str(draw(shares)),
            )
        )
    return found


def as_written(bars: list[Bar]) -> list[tuple[str, ...]]:
    """What every form carries, in the words of the file."""
    return [
        (bar.symbol, bar.series, bar.open, bar.high, bar.low, bar.close, bar.last, bar.prev_close, bar.volume)
        for bar in bars
    ]


def as_read(rows) -> list[tuple[str, ...]]:
    """The same from what was read."""
    prices = (rows.open, rows.high, rows.low, rows.close, rows.last, rows.prev_close)
    columns = [[rupees(int(price)) for price in column] for column in prices]
    return list(zip(rows.symbol, rows.series, *columns, [str(volume) for volume in rows.volume], strict=True))


@pytest.mark.parametrize("form", NSE_FORMS)
@quickly
@given(bars=bars(("EQ", "BE", "BZ", "SM", "ST", "SZ")), day=days)
def test_nse_reads_what_was_written(form, bars, day, read):
    """Every value of every row, and the day, to the paisa."""
    file = read(NSE_FORMS[form](bars, day=day))

    assert (day, as_written(bars), ()) == (file.trade_date, as_read(file.rows), file.dropped)


@pytest.mark.parametrize("form", BSE_FORMS)
@quickly
@given(bars=bars(("A", "B", "X", "T", "XT", "Z", "ZP", "M", "MT")), day=recent_days)
def test_bse_reads_what_was_written(form, bars, day, read):
    """Every value of every row, the day, and the codes."""
    file = read(BSE_FORMS[form](bars, day=day), trade_date=day)

    assert (day, as_written(bars), ()) == (file.trade_date, as_read(file.rows), file.dropped)
    assert tuple(bar.code for bar in bars) == file.rows.code


EVENT = {
    "nse_symbol": ["ABB"],
    "announced_at": [pd.Timestamp("2025-10-17 19:00:00")],
    "category": ["Dividend"],
}


def _contents() -> dict[str, bytes]:
    """One good file of each kind of container."""
    bars = [Bar(), Bar(symbol="ABB", code="500002", name="ABB", volume="5")]
    contents = {name: writer(bars).encode() for name, writer in FORMS.items()}
    contents["bulletin"] = (
        b"COMPANY NAME SYMBOL : BM DATE : BM PURPOSE\nABB ABB : 27-JAN-2026 : Results\r\nand\nB B : 01-JAN-2026 : x\n"
    )
    contents["results"] = (
        b"bse_code,quarter_end,announced_at,basis,revenue,net_profit,eps\n"
        b"500325,2025-09-30,2025-10-17 19:00:00,Standalone,1,1.5,-0.5\n"
    )
    contents["master"] = (
        b"bse_code,company_name,status,isin,face_value,band\n500325,ABB,ACTIVE,INE117A01022,2.0,No Band\n"
    )
    contents["factors"] = b"nse_symbol,ex_date,factor,note\nABB,2025-10-17,0.5,\n"
    zipped, table = BytesIO(), BytesIO()
    with ZipFile(zipped, "w", ZIP_DEFLATED) as archive:
        archive.writestr("cm.csv", contents["NSE full"])
    pd.DataFrame(EVENT).to_parquet(table)
    return contents | {"zip": zipped.getvalue(), "parquet": table.getvalue()}


CONTENTS = _contents()


def outcome(read, content: bytes) -> str:
    """Read a content: its kind, or `refused`. Anything else that is raised is a failure of the law."""
    try:
        return read(content, trade_date=files.DAY, announced_at=1_760_000_000).kind
    except FileRefused:
        return "refused"


@pytest.mark.parametrize("kind", CONTENTS)
@quickly
@given(data=st.data())
def test_damage_is_refused_or_harmless(kind, data, read):
    """Bytes changed, cut out or put in anywhere: the file is refused or still reads as what it is."""
    content = bytearray(CONTENTS[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 6))
        content[start : start + length] = data.draw(st.binary(max_size=6))

    found = outcome(read, bytes(content))

    assert found in {"refused", outcome(read, CONTENTS[kind])}


@pytest.mark.parametrize("form", FORMS)
@quickly
@given(lines=st.integers(0, 3), lost=st.integers(1, 20))
def test_a_file_cut_off_within_a_line_is_refused(form, lines, lost, read):
    """A cut that loses a column is seen; one that loses only the last characters of the last cell is not loaded."""
    text = FORMS[form](
        [Bar(series=files.series_for(form)), Bar("ABB", files.series_for(form), "500002", name="ABB")]
    )
    whole = text.splitlines(keepends=True)
    line = whole[min(lines, 2)].rstrip("\n")
    cut = line[: max(1, len(line) - lost)]
    loses_a_column = cut.count(",") < line.count(",")

    found = outcome(read, ("".join(whole[: min(lines, 2)]) + cut).encode())

    assert not loses_a_column or found == "refused"


@quickly
@given(content=st.binary(min_size=1, max_size=400))
def test_rubbish_is_refused(content, read):
    """No bytes at random are an exchange's file."""
    assert "refused" == outcome(read, content)


@quickly
@given(day=st.integers(1, 4000))
def test_no_day_after_today_is_read(day, read):
    """Whatever the form says, the future is not loaded."""
    tomorrow = date(2025, 12, 18) + timedelta(days=day)

    assert "refused" == outcome(read, files.nse_full([Bar()], day=tomorrow).encode())
