"""Sources that somebody else has authenticated: a proxy in front of us, or a CA; pure."""

import hmac
import ipaddress
from collections.abc import Sequence

from receiver import refusal
from receiver.identity.presented import Presented
from receiver.identity.settings import Certificate, Network
from receiver.identity.source import Source, cluster_id
from tenantry_common.subjects import JobRef


def by_header(
    presented: Presented, networks: Sequence[Network], secret: str | None
) -> Source | None:
    """Return whom a peer in `networks` vouches for; None for any other peer, and without header.

    `secret`: what it must send too; None: nothing. Raises `refusal.Refused`.
    """
    if not presented.source or not _within(presented.peer, networks):
        return None
    if secret is not None and not _equal(presented.secret, secret):
        return None
    parts = presented.source[0].split("/", 2)
    if len(presented.source) != 1 or len(parts) != 3 or not all(parts):
        raise refusal.malformed("X-Tenantry-Source is <tenant>/<job>/<cluster>, once")
    tenant, job, cluster = parts
    return Source(job=JobRef(tenant, job), cluster=cluster_id(cluster), mode="header")


def by_certificate(presented: Presented, known: Sequence[Certificate], now: float) -> Source | None:
    """Return whose verified certificate it is, None for one that nothing is configured for."""
    certificate = presented.certificate
    if certificate is None or certificate.not_after <= now:
        return None
    for one in known:
        if one.name in certificate.names:
            return Source(job=JobRef(one.tenant, one.job), cluster=one.cluster, mode="certificate")
    return None


def _within(peer: str | None, networks: Sequence[Network]) -> bool:
    try:
        address = ipaddress.ip_address(peer or "")
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def _equal(sent: Sequence[str], secret: str) -> bool:
    return (
        len(sent) == 1
        and bool(secret)
        and hmac.compare_digest(sent[0].encode("utf-8", "surrogateescape"), secret.encode())
    )
