"""
`python images/ready.py VARIABLE PORT PATH`: exit 0 when the server in this container answers 200 on a path.

VARIABLE names the environment variable of its port, PORT what holds where it is unset. The images have no curl, and
need none: what they run is Python.
"""

from __future__ import annotations

import http.client
import os
import sys

variable, port, path = sys.argv[1:]
server = http.client.HTTPConnection("127.0.0.1", int(os.environ.get(variable) or port), timeout=2.5)
try:
    server.request("GET", path)
    status = server.getresponse().status
except OSError as error:
    sys.exit(f"not ready: {error}")
if status != http.HTTPStatus.OK:
    sys.exit(f"not ready: {path} answers {status}")
