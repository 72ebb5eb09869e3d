"""The reference's financial features on filings small enough to work out on paper."""

import math

import pandas as pd
import pytest

from tests.reference import financial
from tests.reference.financial import Quarter


def quarter(revenue: float = 100.0, net_profit: float = 10.0, eps: float = 1.0) -> Quarter:
    """A filed quarter; when it was announced matters to one feature only."""
    return Quarter(revenue, net_profit, eps, pd.Timestamp("2025-02-10 16:00"))


def test_growth_and_margin_are_fractions() -> None:
    """Revenue 100 -> 120 is 0.2; a profit of -5 after -10 is a change of +0.5."""
    quarters = {0: quarter(100, -10), 3: quarter(150, 3), 4: quarter(120, -5)}

    values = financial.financial(quarters, 4)

    assert pytest.approx(0.2) == values["revenue_growth_yoy"]
    assert pytest.approx(-0.2) == values["revenue_growth_qoq"]
    assert pytest.approx(0.5) == values["pat_growth_yoy"]
    assert pytest.approx(-5 / 120) == values["net_profit_margin"]
    assert math.isnan(values["npm_trend"])


def test_the_margin_trend_keeps_its_calendar_when_a_quarter_is_missing() -> None:
    """Margins 0.1, 0.2 and 0.4 at x = -3, -2 and 0 lie on a line that rises by 0.1 a quarter."""
    quarters = {1: quarter(100, 10), 2: quarter(100, 20), 4: quarter(100, 40)}

    slope = financial.financial(quarters, 4)["npm_trend"]

    assert pytest.approx(0.1) == slope


def test_the_surprise_of_reliance_on_17_december_2025() -> None:
    """Worked out by hand from its filings, those before the bonus of 28-Oct-2024 halved: 1.05 / 3.37114."""
    filed = "12.38 20.43 14.38 16.56 14.67 16.68 11.25 11.40 6.44 8.29 13.23 6.75"
    eps = [float(text) for text in filed.split()]
    before_the_bonus = {0: 10.22 / 2} | {n: eps[n - 1] / 2 for n in range(1, 9)}
    quarters = {n: quarter(eps=value) for n, value in before_the_bonus.items()}
    quarters |= {n: quarter(eps=eps[n - 1]) for n in range(9, 13)}

    surprise = financial.financial(quarters, 12)["eps_surprise_sue"]

    assert pytest.approx(0.311468, abs=5e-6) == surprise


def test_eps_falls_by_the_splits_after_its_announcement_only() -> None:
    """A split counts for filings announced before its ex-date, once that date has come."""
    announced = pd.Timestamp("2025-02-10 16:00")
    filings = pd.DataFrame(
        {"quarter": [7], "revenue": 1.0, "net_profit": 1.0, "eps": 8.0, "announced_at": announced}
    )
    splits = [(pd.Timestamp(day), 0.5) for day in ("2025-02-10", "2025-02-11", "2025-06-02")]

    adjusted = financial.quarters_of(filings, splits, as_of=pd.Timestamp("2025-05-30"))

    assert 4.0 == adjusted[7].eps


def results_of(**columns: list[float]) -> pd.DataFrame:
    """Filings of one stock, a quarter apart and announced a month after the quarter's end."""
    n = max(len(values) for values in columns.values())
    ends = pd.date_range("2024-03-31", periods=n, freq="QE")
    table = pd.DataFrame(
        {
            "bse_code": "500001",
            "quarter_end": ends,
            "announced_at": ends + pd.Timedelta(days=30),
            "consolidated": "Standalone",
            "revenue": 5.0e8,
            "net_profit": 4.0e7,
            "eps": 2.0,
        }
    )
    for name, values in columns.items():
        table[name] = values
    return table


@pytest.mark.parametrize(
    ("figures", "null"),
    [
        pytest.param([5e8, 5e13, 6e8], [False, True, False], id="lakh"),
        pytest.param([5e8, 1.4e16, 6e8], [False, True, False], id="crore within a factor 3"),
        pytest.param([5e8, 5e12, 6e8], [False, False, False], id="1e4 times stays"),
        pytest.param([5e8, 5e13, 4e13], [False, False, False], id="one neighbour of its size"),
        pytest.param([5e8, 5e13], [False, True], id="one neighbour on file"),
        pytest.param([0.0, 5e13], [False, False], id="no ratio to a zero"),
        pytest.param([5e13], [False], id="no neighbour"),
    ],
)
def test_a_slip_of_unit_becomes_null(figures: list[float], null: list[bool]) -> None:
    """1e5 or 1e7 times every neighbouring quarter on file is no figure; the row stays."""
    filings = financial.first_filings(results_of(revenue=figures))

    assert null == filings["revenue"].isna().tolist()


def test_an_eps_of_zero_beside_a_profit_is_missing() -> None:
    """Zero beside a loss of zero is a figure, zero beside a profit or loss was not filed."""
    filings = financial.first_filings(results_of(net_profit=[4e7, -4e7, 0.0], eps=[0.0, 0.0, 0.0]))

    assert [True, True, False] == filings["eps"].isna().tolist()


def test_only_the_first_standalone_filing_of_a_quarter_counts() -> None:
    """Consolidated rows are another basis, and what is filed again later is another version."""
    rows = results_of(revenue=[1e8])
    later = rows.assign(announced_at=rows["announced_at"] + pd.Timedelta(days=400), revenue=2e8)
    other = rows.assign(consolidated="Consolidated", announced_at=rows["quarter_end"], revenue=3e8)

    filings = financial.first_filings(pd.concat([later, other, rows], ignore_index=True))

    assert [1e8] == filings["revenue"].tolist()


@pytest.mark.parametrize(("run_date", "q0"), [("2025-07-19", 2024 * 4 + 3), ("2025-07-20", None)])
def test_the_newest_quarter_is_valid_for_200_days(run_date: str, q0: int | None) -> None:
    """31-Dec-2024 plus 200 days is 19-Jul-2025."""
    assert q0 == financial.newest_quarter({2024 * 4 + 3: quarter()}, pd.Timestamp(run_date))
