"""Whether a caller has shown the admin token: asked by both programs, and a rule of security stands once."""

from __future__ import annotations

import hmac


def has_shown(token: str, authorization: str | None) -> bool:
    """Whether a request's Authorization header is `Bearer` with this token; the scheme in any case (RFC 9110, 11.1).

    Takes as long for a wrong token as for the right one. `authorization` is latin-1, as servers decode headers.
    """
    scheme, _, given = (authorization or "").partition(" ")
    is_right = hmac.compare_digest(given.encode("latin-1"), token.encode())
    return is_right and scheme.lower() == "bearer"
