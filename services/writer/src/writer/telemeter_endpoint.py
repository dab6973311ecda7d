"""Upload to one telemeter server over HTTP, or to a receiver that speaks as one does."""

import time
from collections.abc import AsyncIterator, Callable

import aiohttp
import cramjam

from tenantry_common import contracts, credentials
from writer import access, exchange, families, outcome

_HEADERS = {"Content-Encoding": "snappy", "Content-Type": families.CONTENT_TYPE}
_CHUNK_BYTES = 64 << 10


class TelemeterEndpoint:
    """One server, and the cluster that we are to it."""

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
        self._url = endpoint.url
        self._access = access.Access(http, tenant, endpoint, secrets)
        self._now = now

    async def grant(self) -> access.Granted | access.Denied:
        """Return what to upload with, and the labels that every series must carry."""
        return await self._access.grant()

    async def renew(self) -> bool:
        """Drop the token; return whether another try is worth it."""
        return await self._access.renew()

    async def upload(self, body: bytes, granted: access.Granted) -> outcome.Outcome:
        """Send delimited metric families once."""
        framed = bytes(cramjam.snappy.compress(body))
        answer = await exchange.send(
            self._http, "POST", self._url, _chunks(framed), granted, _HEADERS
        )
        return of(answer, self._now())


def of(answer: outcome.Answer | outcome.NoAnswer, now: float) -> outcome.Outcome:
    """Return what an answer means; pure. Exactly 200 is success, as for telemeter's own client.

    What is not about credentials or about the data is tried again: an address that does not answer
    as it should today may do so tomorrow.
    """
    if isinstance(answer, outcome.NoAnswer):
        return outcome.Retry(answer.reason, maybe_stored=answer.sent)
    reason = f"{answer.status} {answer.text}".strip()
    match answer.status:
        case 200:
            return outcome.of(answer, now)  # but for a page for people
        case 401 | 403:
            return outcome.CredentialsFault(reason)
        case 413:
            return outcome.Split(reason, "size")
        case 400 | 409 | 422:
            return outcome.Split(reason, "unknown")
        case status:
            after = outcome.retry_after(answer.retry_after, now)
            return outcome.Retry(
                reason,
                after,
                maybe_stored=status < 300 or status >= 500,
                about_data=status == 500,
            )


async def _chunks(framed: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(framed), _CHUNK_BYTES):
        yield framed[start : start + _CHUNK_BYTES]
