"""Ends when PostgreSQL's port takes connections; the Job's deadline ends the wait for one that never does."""

import socket
import sys
import time

while True:
    try:
        socket.create_connection((sys.argv[1], 5432), timeout=2).close()
        break
    except OSError:
        time.sleep(0.5)
