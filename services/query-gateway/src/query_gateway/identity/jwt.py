"""Mode `jwt`: bearer tokens that an identity provider signed (OpenID Connect, RFC 9068)."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from query_gateway.identity import bearer_token
from query_gateway.identity.bearer_token import Expected, Unverified
from query_gateway.identity.grants import Grants
from query_gateway.identity.key_source import KeySource
from query_gateway.identity.presented import Presented
from query_gateway.identity.principal import Every, Held, Principal
from query_gateway.identity.settings import Issuer
from tenantry_common.credential_memory import Memory

_REMEMBERED_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Verified:
    """Whose a token is, and how long that holds."""

    principal: Principal
    issuer: "IssuerTokens"
    version: int
    """Of the keys that verified it."""
    expires_at: float
    """In seconds since the epoch."""


class IssuerTokens:
    """The tokens of one issuer."""

    def __init__(
        self, settings: Issuer, keys: KeySource, *, now: Callable[[], float] = time.time
    ) -> None:
        self.issuer = settings.issuer
        self._settings = settings
        self._keys = keys
        self._now = now
        self._grants = Grants(settings.grants) if settings.grants else None
        self._expected = Expected(
            issuer=settings.issuer,
            audiences=settings.audiences,
            algorithms=settings.algorithms,
            leeway_seconds=settings.leeway_seconds,
        )

    def still(self, verified: Verified) -> bool:
        """Return whether what was verified before holds now: neither token nor keys have ended."""
        return verified.version == self._keys.version and self._now() < verified.expires_at

    async def verify(self, token: str, claimed: Unverified) -> Verified:
        """Return whose `token` it is. Raises `Failure`."""
        key = await self._keys.find(claimed.key_id, claimed.algorithm)
        claims = bearer_token.verify(token, key, self._expected)
        return Verified(
            principal=self._principal(claims),
            issuer=self,
            version=self._keys.version,
            expires_at=bearer_token.expiry(claims) + self._settings.leeway_seconds,
        )

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        user = next(iter(bearer_token.names(claims, self._settings.name_claim)), "nobody")
        return Principal(mode="jwt", name=f"{user} of {self.issuer}", tenants=self._tenants(claims))

    def _tenants(self, claims: Mapping[str, Any]) -> Held | Every:
        names = bearer_token.names(claims, self._settings.tenants_claim)
        if self._grants is None:
            return Held(frozenset(name for name in names if name))
        return self._grants.tenants(names)


class Jwt:
    """Identify by a signed token of a configured issuer."""

    def __init__(self, issuers: Sequence[IssuerTokens]) -> None:
        self._issuers = {one.issuer: one for one in issuers}
        self._memory: Memory[Verified] = Memory()

    async def identify(self, presented: Presented) -> Principal | None:
        """Return whose token it is, None without a token that names one of the issuers.

        Another issuer's may be for another mode. Raises `Failure` for one that is not valid.
        """
        token = presented.bearer
        if not token:
            return None
        known = self._memory.get(token)
        if known is not None and known.issuer.still(known):
            return known.principal
        claimed = bearer_token.peek(token)
        issuer = self._issuers.get(claimed.issuer) if claimed else None
        if claimed is None or issuer is None:
            return None
        verified = await issuer.verify(token, claimed)
        self._memory.put(token, verified, _REMEMBERED_SECONDS)
        return verified.principal
