"""
Whose request it is, behind proxies or not.

Anybody can write an X-Forwarded-For, so it is read from the right, and only as far as the networks that are trusted
reach: the first address that is not ours is the client.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
UNKNOWN = "unknown"


class Clients:
    """Addresses of clients, given the networks of proxies that are trusted."""

    def __init__(self, proxies: Sequence[Network]) -> None:
        self._proxies = tuple(proxies)
        self._is_ours = lru_cache(maxsize=4096)(self._belongs)

    def address(self, peer: str | None, forwarded_for: str | None) -> str:
        """The client's address, given that of the socket's other end and the header; as text."""
        if peer is None:
            return UNKNOWN
        if not self._proxies or forwarded_for is None or not self._is_ours(peer):
            return peer
        for hop in reversed(forwarded_for.split(",")):
            found = _address(hop)
            if found is None:
                return peer  # the trusted proxy was told nonsense: then the proxy is all that is known
            if not self._is_ours(str(found)):
                return str(found)
        return peer

    def _belongs(self, address: str) -> bool:
        found = _address(address)
        return found is not None and any(found in network for network in self._proxies)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.strip())
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped or found
