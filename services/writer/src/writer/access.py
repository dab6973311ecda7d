"""What an endpoint wants to see of us: headers with credentials, a client certificate, a token.

Their source is asked for secrets with every request, and knows how long it may keep them: files are
read each time. What is made of them (a TLS context, an OAuth 2.0 token) is kept until a secret
changes, the token expires, or the endpoint does not accept it.
"""

import ssl
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
from multidict import CIMultiDict

from tenantry_common import contracts, credentials
from writer import authorised, oauth, outcome

_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "tenantry-writer/0.1"}


@dataclass(frozen=True, kw_only=True)
class Granted:
    """What a request is sent with."""

    headers: CIMultiDict[str]
    tls: ssl.SSLContext | bool = True
    server_name: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """What an endpoint that authorises clusters wants to see on every series."""


type Denied = outcome.CredentialsFault | outcome.Retry


class Access:
    """The way of one tenant's writer into one endpoint."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        tenant: str,
        endpoint: contracts.Endpoint,
        secrets: credentials.Source,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._tenant = tenant
        self._endpoint = endpoint
        self._secrets = secrets
        self._now = now
        self._pem: tuple[str, ...] = ()
        self._tls: ssl.SSLContext | None = None
        self._token: oauth.Token | None = None
        self._authorised: authorised.Token | None = None
        self._given: dict[contracts.SecretRef, str] = {}

    async def grant(self) -> Granted | Denied:
        """Return what to send the next request with, or why there is nothing to send it with."""
        try:
            headers = await self._headers()
            tls = await self._context()
            if self._endpoint.oauth2 is not None:
                token = await self._get_token(self._endpoint.oauth2)
                if not isinstance(token, oauth.Token):
                    return token
                headers["Authorization"] = f"Bearer {token.text}"
            name = self._endpoint.tls.server_name if self._endpoint.tls else ""
            granted = Granted(headers=headers, tls=tls or True, server_name=name or None)
            if self._endpoint.authorize is not None:
                return await self._authorise(self._endpoint.authorize, granted)
        except credentials.Unreadable as error:
            return outcome.CredentialsFault(str(error))
        return granted

    async def renew(self) -> bool:
        """Read again what the endpoint does not accept; return whether that is worth another try."""
        given = dict(self._given)
        had_token = self._token is not None or self._authorised is not None
        self._token = self._authorised = None
        for reference in given:
            self._secrets.doubt(self._tenant, reference)
        try:
            changed = [await self._read(one) != value for one, value in given.items()]
        except credentials.Unreadable:
            return False  # the next grant says so
        return had_token or any(changed)

    async def _headers(self) -> CIMultiDict[str]:
        endpoint = self._endpoint
        headers = CIMultiDict(endpoint.headers)
        for name, reference in endpoint.secret_headers.items():
            headers[name] = await self._line(reference)
        headers.update(_HEADERS)
        if (basic := endpoint.basic_auth) is not None:
            password = await self._read(basic.password)
            headers["Authorization"] = aiohttp.encode_basic_auth(basic.username, password)
        elif (other := endpoint.authorization) is not None:
            headers["Authorization"] = f"{other.type} {await self._line(other.credentials)}"
        return headers

    async def _read(self, reference: contracts.SecretRef) -> str:
        value = await self._secrets.read(self._tenant, reference)
        self._given[reference] = value
        return value

    async def _line(self, reference: contracts.SecretRef) -> str:
        """Return a secret as a header can hold it. Never tells what it is."""
        text = (await self._read(reference)).strip()
        if not text.isprintable() or not text.isascii():
            what = credentials.describe(self._tenant, reference)
            raise credentials.Unreadable(f"{what}: not one line of ASCII")
        return text

    async def _context(self) -> ssl.SSLContext | None:
        """Return the TLS context of the certificates as they are now."""
        wanted = self._endpoint.tls
        if wanted is None:
            return None
        references = (wanted.ca, wanted.cert, wanted.key)
        pem = tuple([await self._read(one) if one is not None else "" for one in references])
        if self._tls is None or pem != self._pem:
            self._tls, self._pem = _make_context(*pem), pem
        return self._tls

    async def _get_token(self, wanted: contracts.OAuth2) -> oauth.Token | Denied:
        secret = (await self._read(wanted.client_secret)).strip()
        kept = self._token
        if kept is None or kept.secret != secret or self._now() >= kept.until:
            found = await oauth.fetch(self._http, wanted, secret, self._now)
            if not isinstance(found, oauth.Token):
                return found
            kept = self._token = found
        return kept

    async def _authorise(self, wanted: contracts.Authorize, granted: Granted) -> Granted | Denied:
        """Return what is granted with the token that the endpoint gives to our cluster."""
        credential = await self._line(wanted.credentials)
        headers = granted.headers
        if not wanted.url:
            headers["Authorization"] = f"Bearer {authorised.together(credential, wanted.id)}"
            return granted
        kept = self._authorised
        if kept is None or kept.credential != credential or self._now() >= kept.until:
            found = await authorised.fetch(self._http, wanted, credential, granted, self._now)
            if not isinstance(found, authorised.Token):
                return found
            kept = self._authorised = found
        headers["Authorization"] = f"Bearer {kept.text}"
        return replace(granted, labels=kept.labels)


def _make_context(ca: str, cert: str, key: str) -> ssl.SSLContext:
    """Return a client's context. Raises `credentials.Unreadable` for what is not PEM."""
    try:
        context = ssl.create_default_context(cadata=ca or None)
        if cert:
            # The ssl module reads certificates of our own from files only.
            with tempfile.TemporaryDirectory() as folder:
                chain = Path(folder, "pem")
                chain.touch(mode=0o600)
                chain.write_text(f"{cert}\n{key}")
                context.load_cert_chain(chain, password=lambda: "")
    except (ssl.SSLError, ValueError, OSError) as error:
        raise credentials.Unreadable(f"certificates cannot be used: {error}") from error
    return context
