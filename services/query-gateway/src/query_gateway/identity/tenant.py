"""Which tenant a request is for: named by path, header or parameter, or the principal's only one; pure."""

from collections.abc import Sequence

import msgspec

from query_gateway.failures import Failure
from query_gateway.identity.presented import TENANT_HEADER
from query_gateway.identity.principal import Principal

_LONGEST = 253  # a name in Kubernetes, the longest kind


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """The places in which a request may name its tenant."""

    path: str | None = None
    """The segment after `/tenants/`."""
    headers: Sequence[str] = ()
    """Every value of `X-Tenant-Namespace`."""
    parameter: str | None = None
    """The parameter `namespace`."""


def named(places: Named) -> str | None:
    """Return the tenant that the request names, None where it names none.

    A header that is there and empty counts: a proxy that found no tenant for a user must not
    thereby let the user choose one. Raises `Failure` where two places differ, or for what is no
    name.
    """
    if len(places.headers) > 1:
        raise Failure("malformed", f"header {TENANT_HEADER} occurs more than once")
    header = places.headers[0] if places.headers else None
    found = {one for one in (places.path, header, places.parameter) if one is not None}
    if len(found) > 1:
        raise Failure("malformed", "path, header and parameter name different tenants")
    tenant = found.pop() if found else None
    if tenant and not (tenant.isprintable() and len(tenant) <= _LONGEST):
        # Bytes that are not UTF-8 arrive as surrogates, which are not printable.
        raise Failure("malformed", "the name of the tenant cannot be read")
    return tenant


async def chosen(principal: Principal, tenant: str | None) -> str:
    """Return the tenant for which `principal` asks, which is one that it holds.

    `tenant` is what the request names. Raises `Failure`.
    """
    if tenant is None and principal.mode != "trusted-header":
        tenant = principal.tenants.default
        if tenant is None:
            raise Failure("malformed", f"name one of your tenants in the header {TENANT_HEADER}")
    if not tenant:
        # Nobody was vouched for: as if the proxy had not said anything.
        raise Failure("unauthenticated", f"no tenant is named: set the header {TENANT_HEADER}")
    if not await principal.tenants.hold(tenant):
        raise Failure("forbidden", f'you may not ask for the tenant "{tenant}"')
    return tenant
