"""Somebody who was identified, and which tenants they hold; pure."""

from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from query_gateway.identity.presented import Presented

type ModeName = Literal["trusted-header", "jwt", "apikey", "mtls", "kubernetes"]


class Tenants(Protocol):
    """The tenants that a principal holds."""

    @property
    def default(self) -> str | None:
        """The tenant that is meant where the request names none."""
        ...

    async def hold(self, tenant: str) -> bool:
        """Return whether `tenant` is among them. Raises `Failure` when nobody can say."""
        ...


@dataclass(frozen=True)
class Held:
    """These tenants and no other."""

    names: frozenset[str]

    @property
    def default(self) -> str | None:
        """The one tenant, where there is only one."""
        return next(iter(self.names)) if len(self.names) == 1 else None

    async def hold(self, tenant: str) -> bool:
        """Return whether `tenant` is among them."""
        return tenant in self.names


@dataclass(frozen=True)
class Every:
    """Every tenant: an administrator, or a proxy that vouches for others."""

    @property
    def default(self) -> str | None:
        """None of them."""
        return None

    async def hold(self, tenant: str) -> bool:
        """Return True."""
        return True


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was identified."""

    mode: ModeName
    """How."""
    name: str
    """For logs; never a secret."""
    tenants: Tenants


class Mode(Protocol):
    """One way of identification."""

    async def identify(self, presented: Presented) -> Principal | None:
        """Return who is asking, None when this mode does not apply to the request.

        Raises `Failure` when it applies and what is presented is wrong.
        """
        ...
