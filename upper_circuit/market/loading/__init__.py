"""
Loading: from what files say to what the database holds.

Every change is one transaction that keeps rows, packed rows, calendar, inferred actions, file registry and data
version together; a reader sees all of a file or nothing of it. `ingest` loads single files, `import_history` years at
once, `repack` makes the derived tables anew; whichever way the rows came in, the derived bytes are the same.
"""

from upper_circuit.market.loading.history import HistoryImport, import_history
from upper_circuit.market.loading.ingest import Ingested, ingest
from upper_circuit.market.loading.repack import Repacked, repack

__all__ = ["HistoryImport", "Ingested", "Repacked", "import_history", "ingest", "repack"]
