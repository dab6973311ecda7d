"""Mode `kubernetes`: tokens that the API server knows, for namespaces in which they may query."""

from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from query_gateway.identity.presented import Presented
from query_gateway.identity.principal import Principal
from tenantry_common import api_key
from tenantry_common.credential_memory import Memory

_SERVICE_ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True, kw_only=True)
class User:
    """The owner of a token, as the API server knows it."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = field(default=())


class Reviews(Protocol):
    """What the mode asks; a fake exists for its tests."""

    async def owner(self, token: str) -> User | None:
        """Return whose `token` it is, None where it is nobody's. Raises `Failure`."""
        ...

    async def may_query(self, user: User, namespace: str) -> bool:
        """Return whether `user` may query as the tenant of `namespace`. Raises `Failure`."""
        ...


@dataclass(frozen=True)
class _Owner:
    """Whose a token is; None: nobody's."""

    user: User | None


class Kubernetes:
    """Identify by TokenReview, and decide about each tenant by SubjectAccessReview."""

    def __init__(self, reviews: Reviews, cache_seconds: float) -> None:
        self._reviews = reviews
        self._seconds = cache_seconds
        self._owners: Memory[_Owner] = Memory()
        self._rights: Memory[bool] = Memory()

    async def identify(self, presented: Presented) -> Principal | None:
        """Return the token's owner, None without a token that the API server knows.

        It may be another mode's. Raises `Failure` when the API server cannot be asked.
        """
        token = presented.bearer
        if not token or token.startswith(api_key.PREFIX):  # never show others' secrets around
            return None

        async def review() -> tuple[_Owner, float]:
            return _Owner(await self._reviews.owner(token)), self._seconds

        owner = await self._owners.find(token, review)
        if owner.user is None:
            return None
        return Principal(
            mode="kubernetes", name=owner.user.name, tenants=_Namespaces(self, owner.user)
        )

    async def may_query(self, user: User, namespace: str) -> bool:
        """Return whether `user` may query as the tenant of `namespace`. Raises `Failure`."""

        async def review() -> tuple[bool, float]:
            return await self._reviews.may_query(user, namespace), self._seconds

        return await self._rights.find(_key(user, namespace), review)


@dataclass(frozen=True)
class _Namespaces:
    """The namespaces that a user may query as; a `Tenants`."""

    mode: Kubernetes
    user: User

    @property
    def default(self) -> str | None:
        """The namespace of a service account."""
        if not self.user.name.startswith(_SERVICE_ACCOUNT):
            return None
        namespace, colon, _ = self.user.name.removeprefix(_SERVICE_ACCOUNT).partition(":")
        return namespace if colon and namespace else None

    async def hold(self, tenant: str) -> bool:
        """Return what the API server says."""
        return await self.mode.may_query(self.user, tenant)


def _key(user: User, namespace: str) -> str:
    """Return a text that is another one for every other question."""
    return msgspec.json.encode([user.name, user.uid, user.groups, user.extra, namespace]).decode()
