"""
Figures in another unit than their neighbours, by name.

A filing in lakhs or crores among filings in rupees is stored as filed and struck out where results are read (ADR 7).
Whoever loads it is told there and then which figure of which quarter nobody will see, for he can ask the company.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import sqlalchemy as sa

from upper_circuit.market.events import NEVER
from upper_circuit.market.reading import read_results


def suspicious(connection: sa.Connection, codes: Collection[str]) -> tuple[str, ...]:
    """Stock, quarter and figure of what is on file of some stocks and struck out, in that order."""
    stocks = tuple(sorted(codes))
    filed = read_results(connection, stocks)
    believed = filed.known_at(NEVER)
    found = []
    for name in ("revenue", "net_profit", "eps"):
        struck = np.isnan(getattr(believed, name)) & ~np.isnan(getattr(filed, name))
        for stock, quarter in np.argwhere(struck).tolist():
            year, of_year = divmod(filed.first_quarter + quarter, 4)
            found.append(f"{stocks[stock]} {year} Q{of_year + 1} {name}")
    return tuple(found)
