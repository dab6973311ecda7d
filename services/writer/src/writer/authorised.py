"""Get a cluster's token of an endpoint that authorises clusters, as openshift/telemeter does."""

import base64
import json
import math
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import aiohttp
import msgspec
from yarl import URL

from tenantry_common import contracts
from writer import outcome

_MOST_BYTES = 16 << 10
_MARGIN = 0.1
_MOST_MARGIN_SECONDS = 60.0


class Way(Protocol):
    """How the endpoint's certificate is verified, and ours: `access.Granted`."""

    @property
    def tls(self) -> ssl.SSLContext | bool: ...
    @property
    def server_name(self) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token for one cluster."""

    text: str = field(repr=False)
    credential: str = field(repr=False)
    """That it was got with."""
    labels: Mapping[str, str]
    """What every series must carry."""
    until: float
    """On the clock that was passed to `fetch`; infinite where only a 401 tells its end."""


class _Answer(msgspec.Struct, rename="camel"):
    token: str
    version: int = 1
    expires_in_seconds: float = 0
    labels: dict[str, str] | None = None


_decode = msgspec.json.Decoder(_Answer).decode


def together(credential: str, cluster: str) -> str:
    """Return the bearer token that holds a credential and a cluster's id; pure.

    Telemeter takes it for remote writes, and asks its authoriser with every request.
    """
    parts = {"authorization_token": credential, "cluster_id": cluster}
    return base64.b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode()


async def fetch(
    http: aiohttp.ClientSession,
    wanted: contracts.Authorize,
    credential: str,
    way: Way,
    now: Callable[[], float],
) -> Token | outcome.CredentialsFault | outcome.Retry:
    """Ask once. The credential goes in a header, and nothing else of the endpoint's does."""
    try:
        async with http.post(
            URL(wanted.url).update_query(id=wanted.id),
            headers={"Authorization": f"Bearer {credential}", "Accept": "application/json"},
            allow_redirects=False,
            ssl=way.tls,
            server_hostname=way.server_name,
        ) as response:
            body = b""
            while len(body) <= _MOST_BYTES and (more := await response.content.readany()):
                body += more
            status = response.status
            after = response.headers.get("Retry-After", "")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return outcome.Retry(f"no answer to authorize: {type(error).__name__}")
    if status == 200:
        return read(body, credential, now())
    reason = f"authorize answers {status}"
    if status in (400, 401, 403, 404, 405):
        return outcome.CredentialsFault(reason)
    return outcome.Retry(reason, float(after) if after.isascii() and after.isdigit() else None)


def read(body: bytes, credential: str, now: float) -> Token | outcome.CredentialsFault:
    """Return the token that an answer holds; pure.

    A token is renewed a little before its end. One that is said to live no time at all is kept until
    it is not accepted, as telemeter's own client keeps what lives for less than a minute; a short
    life is believed here, for a token that is renewed too early costs one request.
    """
    try:
        answer = _decode(body) if len(body) <= _MOST_BYTES else None
    except msgspec.DecodeError:
        answer = None
    if answer is None or not answer.token or not answer.token.isprintable():
        return outcome.CredentialsFault("authorize does not answer with a token")
    if answer.version != 1:
        return outcome.CredentialsFault(f"authorize answers in version {answer.version}")
    lives = answer.expires_in_seconds
    margin = min(_MOST_MARGIN_SECONDS, lives * _MARGIN)
    return Token(
        text=answer.token,
        credential=credential,
        labels=answer.labels or {},
        until=now + lives - margin if lives > 0 else math.inf,
    )
