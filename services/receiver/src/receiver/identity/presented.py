"""What a request presents about who sends it; read once, before anything is believed."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from tenantry_common import peer_certificate
from tenantry_common.peer_certificate import Certificate

SOURCE_HEADER = "X-Tenantry-Source"
SECRET_HEADER = "X-Tenantry-Peer-Secret"  # noqa: S105 - the header's name


@dataclass(frozen=True, kw_only=True)
class Presented:
    """The parts of a request that may identify its sender."""

    bearer: str | None = None
    """What stands behind `Authorization: Bearer`; None: there is no such header, or two."""
    peer: str | None = None
    """Address at the other end of the connection."""
    certificate: Certificate | None = None
    """Client certificate that our listener has verified."""
    source: Sequence[str] = ()
    """Values of `X-Tenantry-Source`."""
    secret: Sequence[str] = ()
    """Values of `X-Tenantry-Peer-Secret`."""


def of(request: web.Request) -> Presented:
    """Return what `request` presents."""
    address = request.get_extra_info("peername")
    return Presented(
        bearer=bearer(request.headers.getall("Authorization", ())),
        peer=str(address[0]) if isinstance(address, tuple) else None,
        certificate=peer_certificate.read(request.get_extra_info("peercert")),
        source=tuple(request.headers.getall(SOURCE_HEADER, ())),
        secret=tuple(request.headers.getall(SECRET_HEADER, ())),
    )


def bearer(headers: Sequence[str]) -> str | None:
    """Return the bearer token of the only `Authorization` header (RFC 6750), else None."""
    if len(headers) != 1:
        return None
    scheme, _, token = headers[0].partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
