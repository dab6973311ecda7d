"""Read the secrets that jobs refer to from Kubernetes, each by its name, and keep them for a moment.

A service lists and watches nothing: it may `get` the Secrets that a Role in the tenant's namespace
names, and no others. So a change is noticed when what was read is too old, or as soon as an endpoint
does not accept it. While the API server does not answer, what was read last is used; when it says
no, nothing is.
"""

import asyncio
import base64
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tenantry_common import contracts, credentials, kubernetes, logs
from tenantry_common.credentials import Unreadable
from tenantry_common.kubernetes import Api, Failed, Forbidden, NotFound, Object, Resource

_log = logging.getLogger(__name__)

SECRETS = Resource("", "v1", "secrets")
_READ_SECONDS = 10.0
_READ_AGAIN_SECONDS = 2.0  # deliveries wait for it, and can go on with what was read before
_FAILED_SECONDS = 5.0  # for as long a failure is believed, so that lanes do not ask all at once
_FRESH_SECONDS = 1.0  # what is not older is not doubted: all lanes of a tenant doubt it at once
_FORGET_SECONDS = 600.0

type _Name = tuple[str, str]
"""Namespace and name."""


@dataclass
class _Known:
    """What is known of one Secret."""

    data: Mapping[str, str] | None = field(default=None, repr=False)
    """Its values as they were sent, in base64; None when it could not be read."""
    problem: str = ""
    """Why it could not be read the last time."""
    since: float = float("-inf")
    """When it was read, or should have been."""
    until: float = float("-inf")
    """When it is to be read again."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Cluster:
    """The Secrets of a cluster, as far as this service may read them."""

    def __init__(
        self,
        api: Api,
        keep_seconds: float,
        *,
        reader: str = "writer",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`reader` is the service that reads, for people who must permit it."""
        self._api = api
        self._reader = reader
        self._keep = keep_seconds
        self._now = now
        self._known: dict[_Name, _Known] = {}
        self._throttle = logs.Throttle(60)

    async def read(self, namespace: str, reference: contracts.SecretRef) -> str:
        """Return the value, without a newline at its end. Raises `Unreadable`."""
        what = credentials.describe(namespace, reference)
        known = self._known.setdefault((namespace, reference.name), _Known())
        async with known.turn:  # whoever waits for it finds it read
            if self._now() >= known.until:
                await self._refresh(namespace, reference.name, known)
        if known.data is None:
            raise Unreadable(f"{what}: {known.problem}")
        if reference.key not in known.data:
            raise Unreadable(f"{what}: the Secret has no such key")
        try:
            value = base64.b64decode(known.data[reference.key], validate=True).decode()
        except ValueError as error:  # not base64, or not UTF-8
            raise Unreadable(f"{what}: not UTF-8") from error
        return value.removesuffix("\n")

    def doubt(self, namespace: str, reference: contracts.SecretRef) -> None:
        """Read it again the next time: somebody does not accept it."""
        known = self._known.get((namespace, reference.name))
        if known is not None and self._now() >= known.since + _FRESH_SECONDS:
            known.until = self._now()

    async def _refresh(self, namespace: str, name: str, known: _Known) -> None:
        self._forget_old()
        try:
            async with asyncio.timeout(_READ_AGAIN_SECONDS if known.data else _READ_SECONDS):
                found = await self._api.get(SECRETS, namespace, name)
            known.data, known.problem = _data(found), ""
        except NotFound:
            known.data, known.problem = None, "there is no such Secret"
        except (Failed, TimeoutError) as error:
            if isinstance(error, Forbidden) and error.status != 401:
                known.data, known.problem = None, _not_allowed(self._reader, namespace, name)
            else:
                self._keep_last(namespace, name, known, str(error) or "no answer in time")
        known.since = self._now()
        known.until = known.since + (_FAILED_SECONDS if known.data is None else self._keep)

    def _keep_last(self, namespace: str, name: str, known: _Known, error: str) -> None:
        known.problem = f"the Kubernetes API server does not tell it: {error}"
        if self._throttle.allow(""):
            _log.warning(
                "secret not read, keeping what is known",
                extra={
                    "namespace": namespace,
                    "secret": name,
                    "error": error,
                    "known": known.data is not None,
                },
            )

    def _forget_old(self) -> None:
        """Do not hold secrets that nobody asks for any more."""
        limit = self._now() - self._keep - _FORGET_SECONDS
        for name in [name for name, known in self._known.items() if known.until < limit]:
            if not self._known[name].turn.locked():
                del self._known[name]


def _data(found: Object) -> Mapping[str, str]:
    data = found.get("data") or {}
    return {str(key): str(value) for key, value in data.items()} if isinstance(data, dict) else {}


def _not_allowed(reader: str, namespace: str, name: str) -> str:
    return (
        f"the {reader} may not read it; namespace {namespace} needs a RoleBinding of the {reader}'s "
        f"service account to a Role with get on Secret {name}"
    )


class Settings(Protocol):
    """What a service's configuration says of secrets; described in each `config`."""

    @property
    def secrets_from(self) -> Literal["files", "kubernetes"]: ...
    @property
    def secrets_dir(self) -> str: ...
    @property
    def secrets_keep_seconds(self) -> float: ...
    @property
    def kubernetes(self) -> kubernetes.Settings: ...


@contextlib.asynccontextmanager
async def configured(
    settings: Settings, reader: str = "writer"
) -> AsyncIterator[credentials.Source]:
    """Yield where the configuration says that secrets are. Raises `errors.ConfigError`."""
    if settings.secrets_from == "files":
        yield credentials.Folder(settings.secrets_dir)
        return
    async with kubernetes.connect(settings.kubernetes, f"tenantry-{reader}") as api:
        yield Cluster(api, settings.secrets_keep_seconds, reader=reader)
