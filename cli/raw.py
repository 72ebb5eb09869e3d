"""What the API server answers, as it is: the kubernetes client's own classes refuse fields that they do not know."""

from __future__ import annotations

import json
from typing import Any

SECONDS = 30.0
"""How long an answer of the cluster is waited for."""


def read(call: Any, *arguments: Any, **named: Any) -> dict[str, Any]:
    """The JSON that a call of the kubernetes client is answered with; raises ApiException and urllib3's HTTPError."""
    response = call(*arguments, _preload_content=False, _request_timeout=SECONDS, **named)
    found: dict[str, Any] = json.loads(response.data)
    return found
