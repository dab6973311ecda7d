"""Replace and delete one group at a Pushgateway over HTTP."""

import base64
import time
from collections.abc import Callable
from typing import Literal

import aiohttp
from yarl import URL

from tenantry_common import contracts, credentials
from writer import access, exchange, outcome

_HEADERS = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}


def group_url(endpoint: contracts.Endpoint) -> URL:
    """Return the URL of the group; a job that holds a slash, or is odd, goes as base64."""
    base = endpoint.url.rstrip("/")
    job = endpoint.push_job
    if job.replace("-", "").replace("_", "").isalnum() and job.isascii():
        return URL(f"{base}/metrics/job/{job}")
    coded = base64.urlsafe_b64encode(job.encode()).decode().rstrip("=")
    return URL(f"{base}/metrics/job@base64/{coded}", encoded=True)


class PushEndpoint:
    """One group, named by the endpoint's `push_job`."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        tenant: str,
        endpoint: contracts.Endpoint,
        secrets: credentials.Source,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._endpoint = endpoint
        self._access = access.Access(http, tenant, endpoint, secrets)
        self._now = now

    async def put(self, text: bytes) -> outcome.Outcome:
        """Make `text` all that the group holds."""
        return await self._send("PUT", text)

    async def delete(self) -> outcome.Outcome:
        """Delete the group; it need not be there."""
        return await self._send("DELETE", b"")

    async def _send(self, method: Literal["PUT", "DELETE"], text: bytes) -> outcome.Outcome:
        """Send once; again when credentials that are not accepted are others by now."""
        result = await self._send_once(method, text)
        if isinstance(result, outcome.CredentialsFault) and await self._access.renew():
            return await self._send_once(method, text)
        return result

    async def _send_once(self, method: Literal["PUT", "DELETE"], text: bytes) -> outcome.Outcome:
        granted = await self._access.grant()
        if not isinstance(granted, access.Granted):
            return granted
        url = group_url(self._endpoint)
        answer = await exchange.send(self._http, method, url, text, granted, _HEADERS)
        return outcome.of(answer, self._now())
