"""What a request presents about its sender, and the credentials in it; pure."""

import base64

import msgspec

from query_gateway.failures import Failure
from tenantry_common.peer_certificate import Certificate

TENANT_HEADER = "X-Tenant-Namespace"
KEY_HEADER = "X-API-Key"

_LONGEST = 16 * 1024  # what is longer is no credential, and would only be work


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a mode of identification may look at, before parameters are read."""

    peer: str | None
    """Address at the other end of the connection, from the transport. `X-Forwarded-For` and its
    like are what anybody can write, and are never looked at."""
    certificate: Certificate | None = None
    """The client certificate that our own TLS listener verified on this connection."""
    authorization: tuple[str, ...] = ()
    """Every value of `Authorization`."""
    keys: tuple[str, ...] = ()
    """Every value of `X-API-Key`."""

    @property
    def bearer(self) -> str | None:
        """The bearer token, if there is one. Raises `Failure`."""
        return _credentials(self.authorization, "bearer")

    @property
    def key(self) -> str | None:
        """What may be an API key: in its own header, as bearer token, or as password of HTTP basic.

        The user name of HTTP basic is ignored; Grafana wants one. Raises `Failure`.
        """
        if len(self.keys) > 1 or (self.keys and self.authorization):
            raise Failure("unauthenticated", "the request presents more than one credential")
        if self.keys:
            return self.keys[0]
        if (basic := _credentials(self.authorization, "basic")) is not None:
            return _password(basic)
        return self.bearer


def _credentials(values: tuple[str, ...], scheme: str) -> str | None:
    """Return what follows `scheme` in the one `Authorization` header."""
    if len(values) > 1:
        raise Failure("unauthenticated", "the request presents more than one credential")
    if not values or len(values[0]) > _LONGEST:
        return None
    found, _, rest = values[0].partition(" ")
    return rest.strip(" ") if found.lower() == scheme else None


def _password(encoded: str) -> str | None:
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except ValueError:  # neither base64 nor UTF-8
        return None
    _, colon, password = text.partition(":")
    return password if colon else None
