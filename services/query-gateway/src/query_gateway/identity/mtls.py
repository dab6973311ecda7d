"""Mode `mtls`: the client certificate of the connection says who is asking."""

import time
from collections.abc import Callable, Sequence

from query_gateway.identity.grants import Grants
from query_gateway.identity.presented import Presented
from query_gateway.identity.principal import Held, Principal
from query_gateway.identity.settings import Grant


class Mtls:
    """Identify by a certificate that our TLS listener has verified."""

    def __init__(self, grants: Sequence[Grant], *, now: Callable[[], float] = time.time) -> None:
        self._grants = Grants(grants)
        self._now = now

    async def identify(self, presented: Presented) -> Principal | None:
        """Return the holder, None without a certificate that a grant applies to.

        Such a certificate may be a mesh's, and the request's own credential may follow.
        """
        certificate = presented.certificate
        if certificate is None or certificate.not_after <= self._now():
            return None
        tenants = self._grants.tenants(certificate.names)
        if isinstance(tenants, Held) and not tenants.names:
            return None
        return Principal(mode="mtls", name=certificate.name, tenants=tenants)
