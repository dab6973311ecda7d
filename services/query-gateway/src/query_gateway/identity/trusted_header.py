"""Mode `trusted-header`: a proxy authenticates users, and names their tenant in a header."""

import ipaddress
import time
from collections.abc import Callable, Collection, Sequence

from query_gateway.identity.presented import Presented
from query_gateway.identity.principal import Every, Principal
from query_gateway.identity.settings import Network
from tenantry_common.peer_certificate import Certificate

_MOST_PEERS = 10_000


class TrustedHeader:
    """Believe the tenant that a request names, of peers in these networks or with these names."""

    def __init__(
        self,
        networks: Sequence[Network],
        certificates: Collection[str] = (),
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._networks = tuple(networks)
        self._certificates = frozenset(certificates)
        self._now = now
        self._peers: dict[str | None, Principal | None] = {}

    async def identify(self, presented: Presented) -> Principal | None:
        """Return the proxy that vouches for whom it names, None for any other peer."""
        if name := self._by_certificate(presented.certificate):
            return _proxy(name)
        peer = presented.peer
        if peer not in self._peers:
            if len(self._peers) >= _MOST_PEERS:
                self._peers.clear()
            name = self._by_address(peer)
            self._peers[peer] = _proxy(name) if name else None
        return self._peers[peer]

    def _by_certificate(self, certificate: Certificate | None) -> str:
        if certificate is None or certificate.not_after <= self._now():
            return ""
        return next((name for name in certificate.names if name in self._certificates), "")

    def _by_address(self, peer: str | None) -> str:
        found = address(peer)
        if found is None or not any(found in network for network in self._networks):
            return ""
        return str(found)


def _proxy(name: str) -> Principal:
    return Principal(mode="trusted-header", name=f"proxy {name}", tenants=Every())


def address(peer: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address of a peer, an IPv4 address also where a dual-stack socket maps it."""
    if peer is None:
        return None
    try:
        found = ipaddress.ip_address(peer)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found
