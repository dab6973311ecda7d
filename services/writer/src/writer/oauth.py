"""Get a token by OAuth 2.0 client credentials (RFC 6749, 4.4)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

import aiohttp
import msgspec

from tenantry_common import contracts
from writer import outcome

_MOST_BYTES = 64 << 10
_MARGIN_SECONDS = 10.0
_UNSAID_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Token:
    """An access token."""

    text: str = field(repr=False)
    secret: str = field(repr=False)
    """The client's secret that it was got with."""
    until: float
    """On the clock that was passed to `fetch`."""


class _Answer(msgspec.Struct):
    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the name of a kind
    expires_in: float | None = None


_decode = msgspec.json.Decoder(_Answer, strict=False).decode


async def fetch(
    http: aiohttp.ClientSession, wanted: contracts.OAuth2, secret: str, now: Callable[[], float]
) -> Token | outcome.CredentialsFault | outcome.Retry:
    """Ask the token endpoint once. The secret goes in the Authorization header, never in the body."""
    form = {**wanted.endpoint_params, "grant_type": "client_credentials"}
    if wanted.scopes:
        form["scope"] = " ".join(wanted.scopes)
    authorization = aiohttp.encode_basic_auth(
        quote(wanted.client_id, safe=""), quote(secret, safe="")
    )
    try:
        async with http.post(
            wanted.token_url,
            data=form,
            headers={"Authorization": authorization, "Accept": "application/json"},
            allow_redirects=False,
        ) as response:
            body = await response.content.read(_MOST_BYTES)
            status = response.status
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return outcome.Retry(f"no answer from the token endpoint: {type(error).__name__}")
    if status >= 500 or status in (408, 429):
        return outcome.Retry(f"the token endpoint answers {status}")
    if status != 200:
        return outcome.CredentialsFault(f"the token endpoint answers {status}")
    return _token(body, secret, now())


def _token(body: bytes, secret: str, now: float) -> Token | outcome.CredentialsFault:
    try:
        answer = _decode(body)
    except msgspec.DecodeError:
        return outcome.CredentialsFault("the token endpoint's answer holds no token")
    text = answer.access_token
    if answer.token_type.lower() != "bearer" or not text or not text.isprintable():
        return outcome.CredentialsFault("the token endpoint's answer holds no bearer token")
    lives = _UNSAID_SECONDS if answer.expires_in is None else answer.expires_in
    return Token(text=text, secret=secret, until=now + max(0.0, lives - _MARGIN_SECONDS))
