"""What both peers know of the features: names, ranges, and the order in which the model wants them."""

from __future__ import annotations

import numpy as np

from upper_circuit.features.catalog import CATALOG, COLUMN, Group

TECHNICAL = tuple(feature.name for feature in CATALOG if feature.group is Group.TECHNICAL)
OTHERS = tuple(feature.name for feature in CATALOG if feature.group is not Group.TECHNICAL)
LOW = np.array([CATALOG[COLUMN[name]].low for name in TECHNICAL])
HIGH = np.array([CATALOG[COLUMN[name]].high for name in TECHNICAL])
ORDER = np.argsort([COLUMN[name] for name in (*TECHNICAL, *OTHERS)])
