"""
Whose request it is, behind proxies or not.

Anybody can write an X-Forwarded-For, so it is read from the right, and only as far as the networks that are trusted
reach: the first address that is not ours is the client.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
UNKNOWN = "unknown"
_FORWARDED_FOR = b"x-forwarded-for"


class Clients:
    """Addresses of clients, given the networks of proxies that are trusted."""

    def __init__(self, proxies: Sequence[Network]) -> None:
        self._proxies = tuple(proxies)
        self._is_ours = lru_cache(maxsize=4096)(self._belongs)

    def address(self, peer: str | None, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The client's address, as text, given that of the socket's other end and all the request's header lines.

        Each proxy may have added a line of its own; together they are one list (RFC 9110, 5.3).
        """
        if peer is None:
            return UNKNOWN
        if not self._proxies or not self._is_ours(peer):
            return peer
        lines = [value.decode("latin-1") for name, value in headers if name == _FORWARDED_FOR]
        if not lines:
            return peer
        for hop in reversed(",".join(lines).split(",")):
            found = _address(hop)
            if found is None:
                return peer  # the trusted proxy was told nonsense: then the proxy is all that is known
            if not self._is_ours(str(found)):
                return str(found)
        return peer

    def _belongs(self, address: str) -> bool:
        found = _address(address)
        return found is not None and any(found in network for network in self._proxies)


_WITH_PORT = re.compile(r"\[(.+)\](?::\d+)?|([\d.]+):\d+")
"""Some proxies write the port too: 203.0.113.7:5123, [2001:db8::7]:5123."""


def _address(text: str) -> IPv4Address | IPv6Address | None:
    text = text.strip()
    with_port = _WITH_PORT.fullmatch(text)
    try:
        found = ip_address((with_port[1] or with_port[2]) if with_port else text)
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped or found
