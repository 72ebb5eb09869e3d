"""
A synthetic market keeps the exchange's rules, has every awkward stock, and is the same wherever it is made.

Whatever is measured on it (the demo's model, the benchmarks) means something only if these hold. Its rules are
recomputed here from the published files, never taken from the generator.
"""

import ast
import hashlib
import re
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from upper_circuit.errors import BadInput
from upper_circuit.market import synthetic
from upper_circuit.market.formats import read
from upper_circuit.market.synthetic import SyntheticMarket, generate
from upper_circuit.market.synthetic.draws import bell, exp2, stream
from upper_circuit.market.synthetic.limits import limits, ticks

UNTIL = date(2025, 12, 31)
DOCUMENT = Path(__file__).parents[2] / "docs" / "history-layout.md"
PRICES = ["open", "high", "low", "close", "last", "prev_close"]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> SyntheticMarket:
    """160 stocks over 420 sessions: long enough for all three tables of ticks and for a pause of 250 sessions."""
    return generate(
        tmp_path_factory.mktemp("history") / "market", seed=11, stocks=160, sessions=420, until=UNTIL
    )


@pytest.fixture(scope="module")
def bars(market: SyntheticMarket) -> pd.DataFrame:
    """All price rows by stock and day, prices in whole paise, with what their own past says about them."""
    frame = pd.concat([pd.read_parquet(file) for file in sorted(market.folder.glob("nse-eod/*.parquet"))])
    frame["date"] = pd.to_datetime(frame["date"])
    frame = frame.sort_values(["nse_symbol", "date"], ignore_index=True)
    frame[PRICES] = (frame[PRICES] * 100).round().astype("int64")
    factors = pd.read_csv(
        market.folder / "nse-eod/corporate_action_factors_inferred.csv", parse_dates=["ex_date"]
    )
    factors = factors.rename(columns={"ex_date": "date"})[["nse_symbol", "date", "factor"]]
    frame = frame.merge(factors, how="left", on=["nse_symbol", "date"])
    frame["first"] = ~frame.duplicated("nse_symbol")
    frame["usual"] = frame["factor"].isna() & ~frame["first"]
    return frame


@pytest.fixture(scope="module")
def master(market: SyntheticMarket) -> pd.DataFrame:
    """The master list as text."""
    return pd.read_csv(market.folder / "master/master_stock_list.csv", dtype=str)


@pytest.fixture(scope="module")
def results(market: SyntheticMarket) -> pd.DataFrame:
    """All filings."""
    return pd.read_parquet(market.folder / "results/quarterly_results.parquet")


def small(folder: Path, seed: int) -> Path:
    """A market of the least size."""
    return generate(folder, seed=seed, stocks=30, sessions=80, until=date(2024, 12, 31)).folder


def contents(folder: Path) -> dict[str, object]:
    """Every file's values: a table's columns as lists, any other file's text."""
    return {
        str(file.relative_to(folder)): (
            pq.read_table(file).to_pydict() if file.suffix == ".parquet" else file.read_text(encoding="utf-8")
        )
        for file in sorted(folder.rglob("*.*"))
    }


def on_any_limit(frame: pd.DataFrame, band: int) -> pd.Series:
    """Whether the high is the upper limit of a band in percent, at any tick the exchange has."""
    found = pd.Series(False, index=frame.index)
    for tick in (1, 5, 10, 50, 100):
        found |= frame["high"] == frame["prev_close"] * (100 + band) // (100 * tick) * tick
    return found


def locked(frame: pd.DataFrame) -> pd.Series:
    """Days that closed at their high and at a limit of 5, 10 or 20 %; the simplest reading of the exchange's rule."""
    at_limit = on_any_limit(frame, 5) | on_any_limit(frame, 10) | on_any_limit(frame, 20)
    return at_limit & (frame["close"] == frame["high"]) & frame["usual"] & (frame["prev_close"] >= 500)


MAY_BE_ABSENT = {"is_session"}
"""A column that lists of one's own have and an archive's need not."""


def documented(heading: str) -> list[tuple[str, str]]:
    """Column and type of each row of the table below a heading of the layout's document."""
    _, _, section = DOCUMENT.read_text(encoding="utf-8").partition(f"\n## `{heading}")
    return re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", section.partition("\n## ")[0], flags=re.MULTILINE)


def test_a_market_made_twice_is_the_same(tmp_path: Path) -> None:
    """The same seed gives the same values in every file."""
    first, second = small(tmp_path / "first", 5), small(tmp_path / "second", 5)

    assert contents(first) == contents(second)


def test_another_seed_is_another_market(tmp_path: Path) -> None:
    """Seeds are not decoration: prices differ from the first file on."""
    first, second = contents(small(tmp_path / "first", 5)), contents(small(tmp_path / "second", 6))

    assert first["nse-eod/nse_eod_2024.parquet"] != second["nse-eod/nse_eod_2024.parquet"]


def test_a_market_is_the_same_on_every_machine(tmp_path: Path) -> None:
    """This digest was made once; another Python, system or processor must find it, or benchmarks do not compare."""
    files = contents(small(tmp_path / "market", 1))

    digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()

    assert "8f9721ab3f6198ae7a1e544173d188dbc98412d2c885f89d65ffbf7400ef6505" == digest


def test_the_generator_shares_nothing_but_errors_with_the_product() -> None:
    """The generator must not borrow the features, the label or the lock rule that are tried on it."""
    files = sorted(Path(synthetic.__file__).parent.glob("*.py"))
    imported = {
        node.module or ""
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    }

    ours = {name for name in imported if name.startswith("upper_circuit")}

    assert {"upper_circuit.errors"} == {
        name for name in ours if not name.startswith("upper_circuit.market.synthetic")
    }


def test_low_and_high_enclose_open_close_and_last(bars: pd.DataFrame) -> None:
    """No bar is out of order, and all prices are above zero."""
    inner = bars[["open", "close", "last"]]

    assert len(bars) > 40_000
    assert (bars["low"] > 0).all()
    assert (bars["low"] <= inner.min(axis=1)).all()
    assert (bars["high"] >= inner.max(axis=1)).all()


def test_every_price_is_on_the_tick_of_its_day(bars: pd.DataFrame) -> None:
    """By day, series and the last close of the month before (the previous close where there is none)."""
    month = bars["date"].dt.to_period("M")
    month_close = bars.groupby([bars["nse_symbol"], month])["close"].last()
    before = pd.MultiIndex.from_arrays([bars["nse_symbol"], month - 1])
    reference = pd.Series(month_close.reindex(before).to_numpy(), index=bars.index).fillna(bars["prev_close"])
    tick = pd.Series(5, index=bars.index)
    tick[(bars["date"] >= "2024-06-10") & (reference < 25_000)] = 1
    graded = bars["date"] >= "2025-04-15"
    for edge, step in ((100_000, 10), (500_000, 50), (1_000_000, 100), (2_000_000, 500)):
        tick[graded & (reference >= edge)] = step
    tick[bars["series"].isin(["SM", "ST", "SZ"])] = 5

    off = bars[["open", "high", "low", "close", "last"]].mod(tick, axis=0).any(axis=1)

    assert {1, 5, 10} <= set(tick)
    assert 0 == off.sum()


def test_the_previous_close_is_the_stock_s_own_last_close_also_ex_split(bars: pd.DataFrame) -> None:
    """As in exchange files: never adjusted, and the close before a suspension after one."""
    own = bars.groupby("nse_symbol")["close"].shift()

    assert (own == bars["prev_close"])[~bars["first"]].all()


def test_prices_keep_within_the_band_published_for_the_day(
    market: SyntheticMarket, bars: pd.DataFrame
) -> None:
    """On every day with a list: low and high within the band, unless first bar, ex-date or a stock without a band."""
    lists = sorted(market.folder.glob("bands/*.csv"))
    bands = pd.concat([pd.read_csv(file).assign(date=pd.Timestamp(file.stem[-10:])) for file in lists])
    fixed = bands[bands["Band"] != "No Band"].rename(columns={"Symbol": "nse_symbol"})
    banded = bars[bars["usual"]].merge(fixed, on=["nse_symbol", "date"])
    percent = banded["Band"].astype(int)

    assert {2, 5, 10, 20} == set(percent)
    assert (banded["high"] * 100 <= banded["prev_close"] * (100 + percent)).all()
    assert (banded["low"] * 100 >= banded["prev_close"] * (100 - percent)).all()
    assert (banded["series"] == banded["Series"]).all()


def test_a_trade_for_trade_stock_never_moves_more_than_five_percent(bars: pd.DataFrame) -> None:
    """Series BE and ST have bands of 5 % or less on every day."""
    tight = bars[bars["series"].isin(["BE", "ST"]) & bars["usual"]]

    assert len(tight) > 2_000
    assert ((tight["high"] - tight["prev_close"]) * 20 <= tight["prev_close"]).all()


def test_a_split_shows_in_the_open_and_in_the_volume(bars: pd.DataFrame) -> None:
    """The open on an ex-date lies within a band of the adjusted previous close."""
    ex = bars[bars["factor"].notna()]
    jump = ex["open"] / ex["prev_close"] / ex["factor"]

    assert len(ex) >= 2
    assert jump.between(0.79, 1.21).all()
    assert (ex["factor"] < 1).all()


def test_locks_are_rare_mostly_at_five_percent_and_come_in_clusters(bars: pd.DataFrame) -> None:
    """2-4 % of stock-days by our own count, after a lock nearly every second day."""
    lock = locked(bars)
    after = lock.groupby(bars["nse_symbol"]).shift()

    assert 0.015 < lock.mean() < 0.045
    assert on_any_limit(bars[lock], 5).mean() > 0.75
    assert 0.3 < lock[after.eq(True)].mean() < 0.6
    assert lock[after.eq(False)].mean() < 0.025


def test_locks_can_be_foretold_from_the_past_but_not_well(bars: pd.DataFrame) -> None:
    """Recent locks raise the odds of one within five sessions many times over; most locks still come without."""
    lock = locked(bars).groupby(bars["nse_symbol"])
    recent = lock.transform(lambda days: days.rolling(20, min_periods=1).sum()) > 0
    ahead = lock.transform(lambda days: days[::-1].rolling(5, min_periods=1).sum()[::-1].shift(-1)) > 0
    raised, usual = ahead[recent].mean(), ahead[~recent].mean()

    assert 4 < raised / usual < 40
    assert raised < 0.6


def test_volume_swells_on_locks(bars: pd.DataFrame) -> None:
    """A lock that traded through the day does so in a crowd."""
    usual = bars.groupby("nse_symbol")["volume"].transform("median")
    open_day = locked(bars) & (bars["low"] < bars["high"])

    assert (bars["volume"] / usual)[open_day].median() > 1.5


def test_the_lists_name_every_stock_as_a_synthetic_one(master: pd.DataFrame) -> None:
    """Nobody can take a row for a real company: names, codes and ISINs say what it is, and none stands twice."""
    digits = master["isin"].map(lambda isin: "".join(str(int(sign, 36)) for sign in isin))
    luhn = digits.map(
        lambda text: sum(sum(divmod(int(d) * (1 + i % 2), 10)) for i, d in enumerate(text[::-1]))
    )

    assert master["company_name"].str.startswith("SYN ").all()
    assert [str(900_001 + row) for row in range(len(master))] == master["bse_code"].tolist()
    assert master["isin"].str.fullmatch(r"INEZ[0-9A-Z]{3}0101\d").all()
    assert (luhn % 10 == 0).all()
    assert master["company_name"].is_unique
    assert master["isin"].is_unique
    assert master["nse_symbol"].dropna().is_unique
    assert master["nse_symbol"].dropna().str.fullmatch(r"SYN[A-Z0-9]{1,7}").all()


def test_there_are_sectors_of_several_industries_and_some_too_small_for_medians(master: pd.DataFrame) -> None:
    """Twelve sectors; a tiny industry has fewer than five stocks; a few stocks have none."""
    size = master["industry"].value_counts()

    assert 12 == master["sector"].nunique()
    assert (master.groupby("sector")["industry"].nunique() >= 2).sum() >= 8
    assert (size < 5).any()
    assert master["industry"].isna().any()


def test_every_awkward_kind_of_stock_is_there(bars: pd.DataFrame, master: pd.DataFrame) -> None:
    """Codes without prices, short and interrupted histories, thin, renamed, delisted and uncoded ones."""
    active = master[master["status"] == "ACTIVE"]["bse_code"]
    length = bars.groupby("bse_code").size()
    newest = bars.groupby("bse_code")["date"].max()
    sessions = np.sort(bars["date"].unique())
    position = pd.Series(np.searchsorted(sessions, bars["date"]), index=bars.index)
    gap = position.groupby(bars["nse_symbol"]).diff()
    per_symbol = bars.groupby("nse_symbol")

    assert (~active.isin(length.index)).sum() >= 2
    assert (active.map(length) < 60).sum() >= 2
    assert (active.map(newest) < sessions[-10]).any()
    assert {"ACTIVE", "SUSPENDED", "DELISTED"} == set(master["status"])
    assert gap.max() > 251
    assert gap.between(11, 61).any()
    assert bars["bse_code"].isna().any()
    assert (bars["symbol_asof"] != bars["nse_symbol"]).any()
    assert set(bars["nse_symbol"]) - set(master["nse_symbol"]) > set()
    assert (per_symbol.size() / (per_symbol["date"].max() >= sessions[-1]) < 370).any()
    assert len(bars.drop_duplicates(["nse_symbol", "series"])) > bars["nse_symbol"].nunique()
    assert {"EQ", "BE", "SM", "ST"} == set(bars["series"])
    assert {"2", "5", "10", "20", "No Band"} == set(master["nse_band_dec2025"].dropna())


def test_results_come_out_weeks_after_their_quarter(results: pd.DataFrame) -> None:
    """First filings 20 to 62 days after it, a few late ones; nothing after the last session."""
    first = results.sort_values("announced_at").drop_duplicates(["nse_symbol", "quarter_end"])
    lag = (first["announced_at"] - first["quarter_end"]).dt.days

    assert 20 <= lag.min()
    assert 30 <= lag.median() <= 45
    assert 0.9 < (lag <= 62).mean() < 1
    assert results["announced_at"].max() < pd.Timestamp("2026-01-01")
    assert (results["quarter_end"] == results["quarter_end"] + pd.offsets.QuarterEnd(0)).all()


def test_results_have_the_faults_that_filings_have(results: pd.DataFrame, master: pd.DataFrame) -> None:
    """Missing figures, second filings, rows without a code, other bases, stocks without any, two wrong units."""
    usual = results.groupby("nse_symbol")["revenue"].transform("median")
    scale = (usual / results["revenue"]).dropna()
    priced = master[master["nse_band_dec2025"].notna()]["nse_symbol"].dropna()

    assert 2 == (scale > 1e4).sum()
    assert results["eps"].isna().any()
    assert results["bse_code"].isna().any()
    assert {"Non-Consolidated", "Standalone", "Consolidated"} == set(results["consolidated"])
    assert results.duplicated(["nse_symbol", "quarter_end"]).any()
    assert 0.02 < (~priced.isin(results["nse_symbol"])).mean() < 0.2


def test_good_results_move_the_price_when_known_and_not_before(
    bars: pd.DataFrame, results: pd.DataFrame
) -> None:
    """The growth of profit goes with the move after the announcement, and not with the moves before."""
    filed = results.sort_values(["nse_symbol", "quarter_end"]).drop_duplicates(["nse_symbol", "quarter_end"])
    change = filed.groupby("nse_symbol")["net_profit"].diff() / filed["revenue"]
    day = (filed["announced_at"] + pd.Timedelta(hours=8, minutes=30)).dt.normalize()
    events = pd.DataFrame(
        {"nse_symbol": filed["nse_symbol"], "date": day.astype("datetime64[ns]"), "change": change}
    )
    usual = bars[bars["usual"]].assign(date=lambda frame: frame["date"].astype("datetime64[ns]"))
    usual["move"] = usual["close"] / usual["prev_close"] - 1
    usual["before"] = usual.groupby("nse_symbol")["move"].shift()
    met = pd.merge_asof(
        events.dropna().sort_values("date"),
        usual.sort_values("date"),
        on="date",
        by="nse_symbol",
        direction="forward",
    ).dropna(subset=["move", "before"])

    ranks = met[["change", "move", "before"]].rank()

    assert len(met) > 500
    assert ranks["change"].corr(ranks["move"]) > 0.2
    assert abs(ranks["change"].corr(ranks["before"])) < 0.12


def test_announcements_come_mostly_after_hours_and_some_have_words(market: SyntheticMarket) -> None:
    """Two to four a stock and month; every text belongs to an announcement of the same symbol, second and category."""
    said = pd.read_parquet(next(market.folder.glob("announcements/announcements_*")))
    words = pd.read_parquet(next(market.folder.glob("announcements/announcement_texts_*")))
    key = ["nse_symbol", "announced_at", "category"]
    minute = said["announced_at"].dt.hour * 60 + said["announced_at"].dt.minute
    months = (market.last_session - market.first_session).days / 30.4

    assert 2 < len(said) / said["nse_symbol"].nunique() / months < 4
    assert (minute >= 15 * 60 + 30).mean() > 0.5
    assert words[key].apply(tuple, axis=1).isin(set(said[key].apply(tuple, axis=1))).all()
    assert words["snippet"].str.contains("upgraded").any()
    assert words["snippet"].str.contains("downgraded").any()
    assert words["snippet"].str.contains("CFO|Chief Financial Officer").any()
    assert {"Bagging/Receiving of orders/contracts", "Price movement", "Bonus", "Updates"} <= set(
        said["category"]
    )


def test_sessions_are_the_days_with_prices_and_sixty_ahead(
    market: SyntheticMarket, bars: pd.DataFrame
) -> None:
    """A special Saturday trades, Christmas does not, and the first morning to score is the first day ahead."""
    listed = pd.read_csv(
        next(market.folder.glob("nse-eod/nse_trading_dates_*")), parse_dates=["trading_date"]
    )
    days = listed["trading_date"]
    past, ahead = days[days <= pd.Timestamp(UNTIL)], days[days > pd.Timestamp(UNTIL)]

    assert sorted(bars["date"].unique()) == past.tolist()
    assert 420 == len(past)
    assert UNTIL == market.last_session == past.iloc[-1].date()
    assert market.next_session == ahead.iloc[0].date()
    assert 60 == len(ahead)
    assert [date(2024, 5, 18), date(2025, 2, 1)] == past[past.dt.weekday >= 5].dt.date.tolist()
    assert pd.Timestamp("2025-12-25") not in set(past)


def test_a_span_without_a_special_session_gets_one_saturday(tmp_path: Path) -> None:
    """Whoever takes weekdays for sessions stumbles in every market."""
    market = generate(tmp_path / "market", seed=1, stocks=30, sessions=80, until=date(2022, 6, 30))
    listed = pd.read_csv(
        next(market.folder.glob("nse-eod/nse_trading_dates_*")), parse_dates=["trading_date"]
    )
    weekend = listed["trading_date"][listed["trading_date"].dt.weekday >= 5]

    assert [5] == weekend.dt.weekday.tolist()
    assert market.first_session < weekend.iloc[0].date() < market.last_session


def test_board_meetings_are_announced_days_before_their_results(
    market: SyntheticMarket, results: pd.DataFrame
) -> None:
    """Most first filings have a notice in a bulletin of an earlier day."""
    noticed = {}
    for file in market.folder.glob("meetings/bm*.txt"):
        published = pd.to_datetime(file.stem[2:], format="%d%m%Y")
        for symbol, day in re.findall(
            r" (\w+) : (\d\d-[A-Z]{3}-\d{4}) : Financial Results", file.read_text("utf-8")
        ):
            noticed[symbol, pd.to_datetime(day, format="%d-%b-%Y")] = published
    late = results[results["announced_at"] > pd.Timestamp(market.first_session) + pd.Timedelta(days=30)]
    first = late.sort_values("announced_at").drop_duplicates(["nse_symbol", "quarter_end"])
    keys = list(zip(first["nse_symbol"], first["announced_at"].dt.normalize(), strict=True))

    assert 0.8 < np.mean([key in noticed for key in keys]) < 1
    assert all(published < day for (_, day), published in noticed.items())


@pytest.mark.parametrize(
    ("heading", "pattern"),
    [
        ("nse-eod/nse_eod", "nse-eod/nse_eod_2025.parquet"),
        ("results/", "results/quarterly_results.parquet"),
        ("announcements/announcements", "announcements/announcements_*.parquet"),
        ("announcements/announcement_texts", "announcements/announcement_texts_*.parquet"),
    ],
)
def test_tables_have_the_columns_and_types_of_the_document(
    market: SyntheticMarket, heading: str, pattern: str
) -> None:
    """docs/history-layout.md is what users build their archives by."""
    schema = pq.read_schema(next(market.folder.glob(pattern)))

    found = [(field.name, str(field.type).partition("<")[0].partition("[day]")[0]) for field in schema]

    assert documented(heading) == found


@pytest.mark.parametrize(
    ("heading", "pattern"),
    [
        ("nse-eod/corporate", "nse-eod/corporate_action_factors_inferred.csv"),
        ("nse-eod/nse_trading", "nse-eod/nse_trading_dates_*.csv"),
        ("master/", "master/master_stock_list.csv"),
        ("bands/", "bands/sec_list_2025-12-31.csv"),
    ],
)
def test_lists_have_the_columns_of_the_document(market: SyntheticMarket, heading: str, pattern: str) -> None:
    """docs/history-layout.md is what users build their archives by."""
    header = next(market.folder.glob(pattern)).read_text(encoding="utf-8").split("\n", 1)[0]

    assert [name for name, _ in documented(heading) if name not in MAY_BE_ABSENT] == header.split(",")


def test_ingest_reads_every_list_and_leaves_nothing_out(market: SyntheticMarket) -> None:
    """Whatever stands beside the prices is a file that the product knows by its header."""
    files = [file for file in sorted(market.folder.rglob("*.*")) if not file.name.startswith("nse_eod")]

    parsed = [
        read(
            file,
            today=market.next_session,
            trade_date=date.fromisoformat(file.stem[-10:]) if file.parent.name == "bands" else None,
            announced_at=1_700_000_000 if file.parent.name == "meetings" else None,
        )
        for file in files
    ]

    kinds = {"bands", "meetings", "master", "results", "announcements", "factors", "sessions"}
    assert kinds == {file.kind for file in parsed}
    assert [] == [file.name for file in parsed if file.dropped]


def test_the_summary_counts_what_was_written(
    market: SyntheticMarket, bars: pd.DataFrame, results: pd.DataFrame
) -> None:
    """Its figures go into reports."""
    said = pq.read_metadata(next(market.folder.glob("announcements/announcements_*"))).num_rows

    assert len(bars) == market.price_rows
    assert len(results) == market.results
    assert said == market.announcements
    assert int(bars["factor"].notna().sum()) == market.corporate_actions
    assert 160 == market.stocks
    assert int(locked(bars).sum()) == pytest.approx(market.locked_bars, rel=0.15)


def test_progress_is_told(tmp_path: Path) -> None:
    """Each step says what it is about to do, with sizes."""
    told: list[str] = []

    generate(tmp_path / "market", seed=1, stocks=30, sessions=80, until=UNTIL, progress=told.append)

    assert ["Listing", "Trading", "Writing", "Writing"] == [line.split()[0] for line in told]
    assert "Trading 80 sessions" in told


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    """The folder appears whole or not at all, and no temporary one stays beside it."""

    def fail(line: str) -> None:
        if line.startswith("Writing results"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path / "market", seed=1, stocks=30, sessions=80, until=UNTIL, progress=fail)

    assert [] == list(tmp_path.iterdir())


def test_a_folder_with_files_in_it_is_never_replaced(tmp_path: Path) -> None:
    """A slip in a path must not cost somebody's archive."""
    (tmp_path / "precious.csv").write_text("kept", encoding="utf-8")

    with pytest.raises(BadInput, match="is not an empty folder"):
        small(tmp_path, 1)

    assert ["precious.csv"] == [file.name for file in tmp_path.iterdir()]


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    """Whoever makes the folder first gets the market in it."""
    folder = tmp_path / "market"
    folder.mkdir()

    assert folder / "master" in list(small(folder, 1).iterdir())


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"until": date(2025, 12, 25)}, "until=2025-12-25 is no session .* the one before it is 2025-12-24"),
        ({"stocks": 29}, "stocks=29: a synthetic market has 30 to 46,656"),
        ({"stocks": 50_000}, "stocks=50000"),
        ({"sessions": 79}, "sessions=79: a synthetic market has at least 80"),
    ],
    ids=["holiday", "too few stocks", "too many stocks", "too few sessions"],
)
def test_an_impossible_market_is_refused(tmp_path: Path, asked: dict[str, object], reason: str) -> None:
    """The error names the argument, the value and what is allowed."""
    wanted = {"seed": 1, "stocks": 30, "sessions": 80, "until": UNTIL} | asked

    with pytest.raises(BadInput, match=reason):
        generate(tmp_path / "market", **wanted)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("base", "band", "upper"),
    [
        (145.16, 20, 174.19),
        (142.53, 5, 149.65),
        (11.20, 20, 13.44),
        (3.09, 2, 3.15),
        (775.05, 10, 852.55),
        (3214.90, 10, 3536.30),
    ],
)
def test_upper_limits_are_those_of_the_exchange_s_own_list(base: float, band: int, upper: float) -> None:
    """Hits that NSE published for December 2025."""
    price = np.array([round(base * 100)])

    tick = ticks(date(2025, 12, 17), price, sme=np.array([False]))
    found = limits(price, np.array([band]), tick, first=np.array([False])).upper

    assert [round(upper * 100)] == found.tolist()


def test_the_exponential_is_the_library_s_to_five_digits() -> None:
    """exp2 replaces the platform's, which may differ in the last bit from machine to machine."""
    power = np.linspace(-20.0, 20.0, 4_001)

    np.testing.assert_allclose(exp2(power), 2.0**power, rtol=1e-5)


def test_the_bell_has_mean_zero_and_variance_one() -> None:
    """Four uniforms: bounded, close to normal, and exact."""
    draws = bell(stream(1, "test"), 200_000)

    assert abs(draws.mean()) < 0.01
    assert draws.var() == pytest.approx(1.0, abs=0.01)
    assert np.abs(draws).max() < 3.5
