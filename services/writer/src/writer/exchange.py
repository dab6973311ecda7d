"""One HTTP request to an endpoint and its answer, as values."""

import os
from collections.abc import AsyncIterable, Mapping
from typing import Literal

import aiohttp
from aiohttp.abc import AbstractResolver

from writer import access, outcome

_READ_BYTES = 1024
_CONNECT_SECONDS = 5.0
_KEEP_ALIVE_SECONDS = 120.0  # longer than most intervals, so that a window finds its connection
_WRITTEN = ("Samples", "Histograms")
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, ValueError)


def session(
    request_timeout: float, resolver: AbstractResolver | None = None
) -> aiohttp.ClientSession:
    """Return the client that all lanes of a writer share; to be closed by the caller.

    Each lane has one request under way, so connections need no limit of their own. Cookies are
    not kept, because endpoints of all tenants use this client.
    """
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=request_timeout, connect=_CONNECT_SECONDS),
        connector=aiohttp.TCPConnector(
            limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS, resolver=resolver
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )


async def send(
    http: aiohttp.ClientSession,
    method: Literal["POST", "PUT", "DELETE"],
    url: aiohttp.typedefs.StrOrURL,
    body: bytes | AsyncIterable[bytes],
    granted: access.Granted,
    headers: Mapping[str, str],
) -> outcome.Answer | outcome.NoAnswer:
    """Send one request, once; redirects are not followed. `headers` win over those granted.

    A body that is an iterable is sent in chunks, without a Content-Length.
    """
    every = granted.headers.copy()
    every.update(headers)
    try:
        async with http.request(
            method,
            url,
            data=body,
            headers=every,
            allow_redirects=False,
            ssl=granted.tls,
            server_hostname=granted.server_name,
        ) as response:
            text = await response.content.read(_READ_BYTES)
            return outcome.Answer(
                status=response.status,
                text=outcome.first_line(text or (response.reason or "").encode()),
                retry_after=response.headers.get("Retry-After", ""),
                written=_written(response.headers),
                page=response.content_type == "text/html",
            )
    except _NEVER_SENT as error:
        return outcome.NoAnswer(reason=_why(error), sent=False)
    except (aiohttp.ClientError, OSError) as error:  # time-outs are OSErrors
        return outcome.NoAnswer(reason=_why(error), sent=True)


def _written(headers: Mapping[str, str]) -> int | None:
    """Return what a receiver of remote write 2.0 says it has stored, None when it says nothing."""
    said = [headers.get(f"X-Prometheus-Remote-Write-{kind}-Written", "") for kind in _WRITTEN]
    numbers = [int(text) for text in said if text.isascii() and text.isdigit()]
    return sum(numbers) if numbers else None


def _why(error: Exception) -> str:
    """Return a reason that names the kind of failure; never the request's headers."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not accepted"
        case aiohttp.ClientConnectorError():
            return f"cannot connect: {_words(error.os_error)}"
        case aiohttp.ConnectionTimeoutError():
            return "cannot connect in time"
        case TimeoutError():
            return "no answer in time"
        case _:
            return f"connection failed: {type(error).__name__}"


def _words(error: OSError) -> str:
    """Return the system's words for `error`, without the address that asyncio adds."""
    if error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or type(error).__name__
