"""The ways in which a push says whose it is, in their order, and what keeps them up to date."""

import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from receiver import refusal
from receiver.identity import keyring, telemeter, tokens, trusted, upstream
from receiver.identity.credentials import Credentials
from receiver.identity.keyring import Keyring, NotAKeyring
from receiver.identity.presented import Presented
from receiver.identity.settings import Auth
from receiver.identity.source import Source, cluster_id
from receiver.identity.upstream import Upstream
from receiver.metrics import Metrics
from tenantry_common import api_key, files, tasks
from tenantry_common.credential_memory import Memory
from tenantry_common.files import Contents

_log = logging.getLogger(__name__)

_REREAD_SECONDS = 10.0
_VERIFIED_SECONDS = 300.0

type Revoked = Callable[[Source], bool]
"""Whether a source is not believed any more. Raises `refusal.Refused` while that is not known."""


class Identity:
    """Says who pushes. Every method raises `refusal.Refused`."""

    def __init__(
        self,
        settings: Auth,
        session: aiohttp.ClientSession,
        metrics: Metrics,
        revoked: Revoked,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.lifetime_seconds = settings.tokens.lifetime_seconds
        self._settings = settings
        self._metrics = metrics
        self._revoked = revoked
        self._now = now
        self._networks = settings.trusted_header.parsed()
        self._secret: str | None = "" if settings.trusted_header.secret_file else None
        self._keyring: Keyring | None = None
        self._verified: Memory[tuple[Source, float]] = Memory(20_000)
        self._credentials = Credentials(metrics, now=now)
        self._upstream: Upstream | None = None
        if settings.upstream.url:
            asked = upstream.posting(settings.upstream, session)
            self._upstream = Upstream(settings.upstream, asked, metrics)

    @property
    def background(self) -> Mapping[str, Callable[[], Coroutine[Any, Any, None]]]:
        """What has to run beside the requests, by name."""
        settings = self._settings
        followed = {
            settings.tokens.keys_file: self.take_keys,
            settings.credentials.file: self._credentials.take,
            settings.trusted_header.secret_file: self.take_secret,
        }
        return {
            f"follow {path}": _following(Path(path), take)
            for path, take in followed.items()
            if path
        }

    def take_keys(self, contents: Contents) -> None:
        """Go over to the keys in `contents`; keep the last ones where they cannot be read."""
        ((path, found),) = contents.items()
        try:
            if not isinstance(found, bytes):
                raise NotAKeyring(found.reason)
            self._keyring = keyring.parse(found)
        except NotAKeyring as error:
            self._metrics.identity_reads.labels("keys", "failed").inc()
            _log.error("keys not read", extra={"file": str(path), "error": str(error)})
            return
        self._verified.clear()
        self._metrics.identity_reads.labels("keys", "read").inc()
        _log.info("keys read", extra={"file": str(path), "keys": len(self._keyring)})

    def take_secret(self, contents: Contents) -> None:
        """Go over to the peers' secret in `contents`; without one, no peer is believed."""
        (found,) = contents.values()
        self._secret = found.decode(errors="replace").strip() if isinstance(found, bytes) else ""

    async def identify(self, presented: Presented) -> Source:
        """Return who pushes."""
        return self._believed(await self._identified(presented))

    async def enrol(self, presented: Presented, cluster: str) -> Source:
        """Return who asks for a token as `cluster`."""
        if presented.bearer is not None:
            if tokens.is_ours(presented.bearer):  # nor shown to anybody else
                raise refusal.unauthenticated("a token is not a credential")
            return self._believed(await self._by_credential(presented.bearer, cluster))
        source = self._vouched(presented)
        if source is None:
            raise refusal.unauthenticated("give a credential as bearer token")
        if source.cluster != cluster:
            raise refusal.foreign("that is another cluster")
        return self._believed(source)

    def token(self, source: Source) -> str:
        """Return a new token for `source`."""
        key = self._keyring.signing(self._now()) if self._keyring else None
        if key is None:
            raise refusal.unavailable("there is no key to sign tokens with")
        return tokens.issue(key, source, self._now(), self.lifetime_seconds)

    async def _identified(self, presented: Presented) -> Source:
        bearer = presented.bearer
        if bearer is None:
            source = self._vouched(presented)
            if source is None:
                raise refusal.unauthenticated("give a bearer token")
            return source
        known = self._verified.get(bearer)
        if known is not None and known[1] > self._now():
            return known[0]
        if tokens.is_ours(bearer):
            return self._by_token(bearer)
        if (written := telemeter.read(bearer)) is not None:
            return await self._by_credential(written.token, cluster_id(written.cluster))
        if api_key.read(bearer) is not None:
            return await self._credentials.identify(bearer, None)
        raise refusal.unauthenticated("the bearer token is none that is known here")

    def _by_token(self, token: str) -> Source:
        if self._keyring is None:
            if not self._settings.tokens.keys_file:
                raise refusal.unauthenticated("tokens are not taken here")
            raise refusal.unavailable("the keys that verify tokens cannot be read now")
        found = tokens.verify(self._keyring, token, self._now())
        self._verified.put(token, found, _VERIFIED_SECONDS)
        return found[0]

    async def _by_credential(self, token: str, cluster: str) -> Source:
        if self._settings.credentials.file and api_key.read(token) is not None:
            return await self._credentials.identify(token, cluster)
        if self._upstream is not None:
            return await self._upstream.identify(token, cluster)
        raise refusal.unauthenticated("the credential is not valid")

    def _vouched(self, presented: Presented) -> Source | None:
        header = trusted.by_header(presented, self._networks, self._secret)
        if header is not None:
            return header
        return trusted.by_certificate(presented, self._settings.certificates, self._now())

    def _believed(self, source: Source) -> Source:
        if self._revoked(source):
            raise refusal.unauthenticated("it was revoked")
        return source


def _following(
    path: Path, take: Callable[[Contents], None]
) -> Callable[[], Coroutine[Any, Any, None]]:
    async def follow() -> None:
        # Whatever stands in a file must not end the service.
        await tasks.forever(f"follow {path}", lambda: files.follow([path], _REREAD_SECONDS, take))

    return follow
