"""Scores and events of announcements, as the domain's table has them (docs/features.md, features 19-21)."""

from __future__ import annotations

import pytest

from upper_circuit.market.announcements import scores

DOWNGRADE = "CRISIL has downgraded the long term rating to BB"
UPGRADE = "Rating Upgraded to A+ from A"
CFO = "Resignation of Mr X, Chief Financial Officer of the company"


def score(category: str, text: str = "") -> tuple[float, int]:
    """Of one announcement."""
    [value], [event] = scores([category], [text])
    return float(value), int(event)


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        ("Bagging/Receiving of orders/contracts", (0.6, 1)),
        ("Bagging orders/contract", (0.6, 1)),
        ("Bonus", (0.5, 1)),
        ("Public Announcement - Buyback of Shares", (0.5, 1)),
        ("Buyback - Tender offer", (0.5, 1)),
        ("Capacity addition/product launch", (0.5, 1)),
        ("Commencement of commercial production/operations", (0.5, 1)),
        ("Stock split", (0.4, 1)),
        ("Acquisition", (0.3, 1)),
        ("Product launch", (0.3, 0)),
        ("Arrangements for strategic, technical, manufacturing, or marketing tie up", (0.3, 0)),
        ("Public Announcement-Open Offer", (0.3, 0)),
        ("Dividend", (0.2, 0)),
        ("Memorandum of Understanding/Agreements", (0.2, 0)),
        ("Resignation of Independent director", (-0.2, 0)),
        ("Price movement", (-0.2, -1)),
        ("Action(s) taken or orders passed", (-0.3, 0)),
        ("Pendency of Litigation(s)/dispute(s) or the outcome impacting the Company", (-0.3, 0)),
        ("Strikes/Lockouts/Disturbances", (-0.4, 0)),
        ("Closure of operations", (-0.5, 0)),
        ("Suspension of Trading", (-0.6, 0)),
        ("Delay/default in the payment of fines/penalties/dues etc. to authority", (-0.5, -1)),
        ("Resignation of Statutory Auditor", (-0.6, -1)),
        ("CIRP - Filing of application", (-0.7, -1)),
        ("Defaults on Payment of Interest/Principal", (-0.8, -1)),
        ("Fraud/Default/Arrest", (-0.9, -1)),
        ("Updates", (0.0, 0)),
        ("", (0.0, 0)),
    ],
)
def test_a_category_has_its_score_and_event(category, expected):
    """A category that the table does not name says nothing."""
    assert expected == score(category)


@pytest.mark.parametrize("spelt", ["STOCK SPLIT", "stock  split", " Stock split "])
def test_a_category_is_known_however_it_is_spelt(spelt):
    """Lower case, blanks squeezed."""
    assert (0.4, 1) == score(spelt)


@pytest.mark.parametrize(
    ("category", "text", "expected"),
    [
        pytest.param("Credit Rating", DOWNGRADE, (-0.7, -1), id="a downgrade"),
        pytest.param("Credit Rating- Revision", UPGRADE, (0.6, 1), id="an upgrade"),
        pytest.param(
            "Credit Rating- New",
            f"{UPGRADE}; {DOWNGRADE}",
            (-0.7, -1),
            id="the first word of the lexicon wins",
        ),
        pytest.param("Credit Rating- Others", "reaffirmed", (0.0, 0), id="a rating that stays"),
        pytest.param("Updates", DOWNGRADE, (0.0, 0), id="the word in another category"),
        pytest.param("Credit Rating", "predowngrade", (0.0, 0), id="inside another word"),
        pytest.param("Resignation", CFO, (-0.5, -1), id="a CFO goes"),
        pytest.param(
            "Resignation of Director/KMP/SMP", "our MD has resigned", (-0.5, -1), id="so does an MD"
        ),
        pytest.param("Resignation", "a company secretary", (-0.2, 0), id="somebody else goes"),
        pytest.param("Resignation of Independent director", CFO, (-0.2, 0), id="not read there"),
    ],
)
def test_words_replace_the_category_s_value_where_they_are_read(category, text, expected):
    """Ratings and resignations mean nothing before the text is read; other texts are not."""
    assert expected == score(category, text)


def test_each_row_gets_its_own_value():
    """Equal categories with other texts differ, and the order stays."""
    values, events = scores(
        ["Credit Rating", "Bonus", "Credit Rating", "Credit Rating"], [UPGRADE, UPGRADE, "", DOWNGRADE]
    )

    assert [0.6, 0.5, 0.0, -0.7] == values.tolist()
    assert [1, 1, 0, -1] == events.tolist()


def test_no_announcements_have_no_scores():
    """An empty day."""
    values, events = scores([], [])

    assert ([], []) == (values.tolist(), events.tolist())
