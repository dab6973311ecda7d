"""What tenants are sent: the Prometheus envelopes, their headers and content type."""

import math

import msgspec
from aiohttp import web

from query_gateway.failures import Failure

JSON = "application/json"
"""The one content type of everything that tenants are answered."""

HEADERS = {
    # Whoever asks decides the answer, and a cache in between cannot see who asks.
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Server": "tenantry",  # instead of aiohttp's, which names versions
}


def error_body(failure: Failure) -> bytes:
    """Return the envelope of `failure`."""
    return msgspec.json.encode(
        {"status": "error", "errorType": failure.error_type, "error": failure.text}
    )


def error(failure: Failure) -> web.Response:
    """Return the response for `failure`."""
    headers = dict(HEADERS)
    if failure.kind == "unauthenticated":
        headers["WWW-Authenticate"] = 'Bearer realm="tenantry"'  # RFC 9110: a 401 names a scheme
    if failure.retry_after:
        headers["Retry-After"] = str(math.ceil(failure.retry_after))
    return web.Response(
        status=failure.status, body=error_body(failure), content_type=JSON, headers=headers
    )


def success(body: bytes, content_type: str = JSON) -> web.Response:
    """Return the response for an answer that is here as a whole."""
    return web.Response(body=body, headers={**HEADERS, "Content-Type": content_type})
