"""The configured modes of identification, in their order, and what keeps them up to date."""

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, assert_never

import aiohttp

from query_gateway.failures import Failure
from query_gateway.identity.apikey import ApiKeys
from query_gateway.identity.jwt import IssuerTokens, Jwt
from query_gateway.identity.key_source import KeySource, fetch_of
from query_gateway.identity.kubernetes import Kubernetes
from query_gateway.identity.mtls import Mtls
from query_gateway.identity.presented import Presented
from query_gateway.identity.principal import Mode, ModeName, Principal
from query_gateway.identity.settings import Auth, Issuer
from query_gateway.identity.trusted_header import TrustedHeader
from query_gateway.metrics import Metrics
from tenantry_common import errors

type Task = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Modes:
    """The modes, and the tasks that run for ever while they are used."""

    modes: Sequence[Mode] = ()
    background: dict[str, Task] = field(default_factory=dict)
    """By name, for logs."""

    async def identify(self, presented: Presented) -> Principal:
        """Return who is asking: what the first mode that applies says. Raises `Failure`."""
        for mode in self.modes:
            principal = await mode.identify(presented)
            if principal is not None:
                return principal
        raise Failure("unauthenticated", "nothing that this gateway accepts says who is asking")


@contextlib.asynccontextmanager
async def configured(settings: Auth, metrics: Metrics) -> AsyncIterator[Modes]:
    """Yield the modes of `settings`; the connections that they use last as long as the context.

    Raises `errors.ConfigError` for a file that cannot be used.
    """
    async with contextlib.AsyncExitStack() as stack:
        modes = Modes([])
        for name in settings.modes:
            modes = await _with(modes, name, settings, metrics, stack)
        yield modes


async def _with(
    modes: Modes,
    name: ModeName,
    settings: Auth,
    metrics: Metrics,
    stack: contextlib.AsyncExitStack,
) -> Modes:
    """Return `modes` and one more."""
    background: dict[str, Task] = {}
    mode: Mode
    match name:
        case "trusted-header":
            header = settings.trusted_header
            mode = TrustedHeader(header.parsed(), header.certificates)
        case "mtls":
            mode = Mtls(settings.mtls.grants)
        case "jwt":
            sources = [(one, await _keys(one, metrics, stack)) for one in settings.jwt.issuers]
            background = {f"keys of {one.issuer}": source.run for one, source in sources}
            mode = Jwt([IssuerTokens(one, source) for one, source in sources])
        case "apikey":
            mode = ApiKeys(Path(settings.apikey.file), metrics)
            background = {"api keys": mode.run}
        case "kubernetes":
            # Only here: the package costs a second of start and some 50 MB.
            from query_gateway.identity import reviews

            server = await stack.enter_async_context(
                reviews.connected(settings.kubernetes, metrics)
            )
            mode = Kubernetes(server, settings.kubernetes.cache_seconds)
        case _:
            assert_never(name)
    return Modes([*modes.modes, mode], {**modes.background, **background})


async def _keys(issuer: Issuer, metrics: Metrics, stack: contextlib.AsyncExitStack) -> KeySource:
    session = await stack.enter_async_context(
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=_trust(issuer)),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=True,  # an identity provider may be behind the site's proxy
        )
    )
    return KeySource(issuer, fetch_of(issuer, session), metrics)


def _trust(issuer: Issuer) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=issuer.ca_file or None)
    except OSError as error:
        raise errors.ConfigError(
            f"$.auth.jwt.issuers: ca_file {issuer.ca_file}: {error}"
        ) from error
