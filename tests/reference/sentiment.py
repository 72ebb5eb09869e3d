"""The 3 sentiment features of one stock and the score of one announcement, written from section 3.3.

The table of categories is typed in here a second time on purpose: a slip in the product's copy must show as a
difference, not be inherited.
"""

import math
import re

import pandas as pd

FEATURES = ("news_sentiment_20", "announcement_intensity_5", "net_event_score_20")

TABLE = """
+0.6, +1 | Bagging/Receiving of orders/contracts; Bagging orders/contract
+0.5, +1 | Bonus; Buyback; Public Announcement - Buyback of Shares; Buyback - Tender offer
+0.5, +1 | Buyback - Open Market; Capacity addition; Capacity addition/product launch
+0.5, +1 | Commencement of commercial production/operations
+0.4, +1 | Stock split; Split of shares
+0.3, +1 | Acquisition
+0.3, 0 | Product launch; Arrangements for strategic, technical, manufacturing, or marketing tie up
+0.3, 0 | Grant of licenses/regulatory approvals; Open Offer; Public Announcement-Open Offer
+0.2, 0 | Dividend; Memorandum of Understanding/Agreements
-0.2, 0 | Resignation; Resignation of Director/KMP/SMP; Resignation of Independent director
-0.2, -1 | Price movement
-0.3, 0 | Action(s) taken or orders passed; Action(s) initiated or orders passed
-0.3, 0 | Pendency of Litigation(s)/dispute(s) or the outcome impacting the Company
-0.3, 0 | Litigations/Disputes/Regulatory actions
-0.4, 0 | Disruption of Operations; Strikes/Lockouts/Disturbances
-0.5, 0 | Closure of operations; Reasons for Delayed/Non-submission of Financial Results
-0.6, 0 | Suspension of Trading
-0.5, -1 | Delay/default in the payment of fines/penalties/dues etc. to authority
-0.6, -1 | Resignation of Statutory Auditor; Frauds/Default by employees
-0.7, -1 | Corporate Insolvency Resolution Process; CIRP - Filing of application; Initiation of Forensic Audit
-0.8, -1 | Defaults on Payment of Interest/Principal
-0.9, -1 | CIRP - Commencement; Liquidation; Fraud/Default/Arrest
"""
RATINGS = ("credit rating", "credit rating- revision", "credit rating- others", "credit rating- new")
RESIGNATIONS = ("resignation", "resignation of director/kmp/smp")
OFFICERS = r"chief financial officer|\bcfo\b|managing director|\bmd\b|statutory auditor"
LEXICON = (
    (r"\bdowngrad", RATINGS, (-0.7, -1)),
    (r"\bupgrad", RATINGS, (0.6, 1)),
    (OFFICERS, RESIGNATIONS, (-0.5, -1)),
)
OLDEST_AGE = 64  # no sentiment feature looks at older items


def key(category: str) -> str:
    """Lower case with blanks squeezed."""
    return " ".join(category.lower().split())


def _table() -> dict[str, tuple[float, int]]:
    scores = {}
    for line in TABLE.strip().splitlines():
        score, names = line.split(" | ")
        s, e = score.split(", ")
        scores.update({key(name): (float(s), int(e)) for name in names.split("; ")})
    return scores


SCORES = _table()


def score(category: str, text: str | None) -> tuple[float, int]:
    """(s, e) of one announcement: its category's, replaced by the first match of the lexicon in its text."""
    name = key(category)
    for pattern, categories, found in LEXICON:
        if text is not None and name in categories and re.search(pattern, text, re.IGNORECASE):
            return found
    return SCORES.get(name, (0.0, 0))


def scored(announcements: pd.DataFrame) -> pd.DataFrame:
    """The announcements with columns s and e; one row is one item, nothing is merged."""
    pairs = [
        score(category, text if isinstance(text, str) else None)
        for category, text in zip(announcements["category"], announcements["snippet"], strict=True)
    ]
    return announcements.assign(s=[s for s, _ in pairs], e=[e for _, e in pairs])


def sentiment(items: pd.DataFrame) -> dict[str, float]:
    """The 3 values of one stock from its items (age in sessions, s, e), already cut at the run date."""
    recent = items[items["age"] < 20]
    weight = 0.5 ** (recent["age"] / 5)
    now = int((items["age"] < 5).sum())
    before = int(((items["age"] >= 5) & (items["age"] <= OLDEST_AGE)).sum())
    return {
        "news_sentiment_20": float((weight * recent["s"]).sum() / weight.sum()) if len(recent) else 0.0,
        "announcement_intensity_5": math.log1p(now) - math.log1p(before / 12),
        "net_event_score_20": float(recent["e"].sum()),
    }
