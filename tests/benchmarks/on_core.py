"""
Becomes another program on one core: `python -m tests.benchmarks.on_core CORE NICENESS program argument...`.

Before that program begins, so that no thread of it ever runs elsewhere, and libraries that count cores count one.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})
    os.setpriority(os.PRIO_PROCESS, 0, int(sys.argv[2]))
    os.execv(sys.argv[3], sys.argv[3:])  # noqa: S606  # nothing but what the benchmark names
