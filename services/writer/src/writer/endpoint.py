"""Post batches to one endpoint by remote write; what came of it is an `Outcome`."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace

import aiohttp

from tenantry_common import contracts, credentials, errors, remote_write_v2
from writer import access, conversions, exchange, outcome, protocol

_log = logging.getLogger(__name__)

_HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
_HEADERS_V2 = {
    **_HEADERS,
    "Content-Type": remote_write_v2.CONTENT_TYPE,
    "X-Prometheus-Remote-Write-Version": remote_write_v2.VERSION,
}


class HttpEndpoint:
    """One endpoint of one job. What it speaks is found out once, and kept as long as this is."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        tenant: str,
        endpoint: contracts.Endpoint,
        secrets: credentials.Source,
        *,
        speak: protocol.Protocol = "1.0",
        converted: conversions.Conversions | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._tenant = tenant
        self._endpoint = endpoint
        self._access = access.Access(http, tenant, endpoint, secrets)
        self._speak = speak
        self._converted = converted or conversions.Conversions()
        self._now = now

    async def post(self, block: bytes) -> outcome.Outcome:
        """Send a snappy block of a remote-write 1.0 request, in the version that is spoken.

        Once; a second time as 1.0 when it turns out that the endpoint does not speak 2.0, or when it
        does not accept credentials that are others by now.
        """
        result = await self._post(block)
        if isinstance(result, outcome.CredentialsFault) and await self._access.renew():
            return await self._post(block)
        return result

    async def _post(self, block: bytes) -> outcome.Outcome:
        granted = await self._access.grant()
        if not isinstance(granted, access.Granted):
            return granted
        if self._speak == "1.0":
            answer = await self._send(block, granted, _HEADERS)
            return outcome.of(answer, self._now())
        try:
            converted = self._converted.of(block)
        except errors.Undecodable as error:
            return outcome.Split(f"unreadable batch: {error}", "invalid")
        answer = await self._send(converted.block, granted, _HEADERS_V2)
        if protocol.speaks_v2(answer, converted.samples):
            return protocol.of_v2(answer, converted.samples, self._now())
        said = f"{answer.status} {answer.text}" if isinstance(answer, outcome.Answer) else ""
        if self._speak == "2.0":
            return outcome.ConfigFault(f"remote write 2.0 is not spoken there, use auto: {said}")
        self._speak = "1.0"
        _log.info(
            "endpoint does not speak remote write 2.0, going on with 1.0",
            extra={"tenant": self._tenant, "endpoint": self._endpoint.id, "reason": said},
        )
        result = await self._post(block)
        # Should it have stored the first request and only not said so, then all it says is that.
        return replace(result, written=1) if isinstance(result, outcome.Split) else result

    async def _send(
        self, body: bytes, granted: access.Granted, headers: dict[str, str]
    ) -> outcome.Answer | outcome.NoAnswer:
        url = self._endpoint.url
        return await exchange.send(self._http, "POST", url, body, granted, headers)
