"""What tenants are sent: the Prometheus envelopes, their headers and content type."""

import math
from collections.abc import Mapping

import msgspec

from query_gateway.failures import Failure

JSON = "application/json"
"""The one content type of everything that tenants are answered."""

HEADERS = {
    # Whoever asks decides the answer, and a cache in between cannot see who asks.
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Server": "tenantry",  # instead of aiohttp's, which names versions
}


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is here as a whole."""

    status: int = 200
    headers: Mapping[str, str]
    body: bytes


def error_body(failure: Failure) -> bytes:
    """Return the envelope of `failure`."""
    return msgspec.json.encode(
        {"status": "error", "errorType": failure.error_type, "error": failure.text}
    )


def error(failure: Failure) -> Reply:
    """Return the reply for `failure`."""
    headers = {**HEADERS, "Content-Type": JSON}
    if failure.kind == "unauthenticated":
        headers["WWW-Authenticate"] = 'Bearer realm="tenantry"'  # RFC 9110: a 401 names a scheme
    if failure.retry_after:
        headers["Retry-After"] = str(math.ceil(failure.retry_after))
    if failure.allow:
        headers["Allow"] = failure.allow
    return Reply(status=failure.status, headers=headers, body=error_body(failure))


def success(body: bytes, content_type: str = JSON) -> Reply:
    """Return the reply that answers a request."""
    return Reply(headers={**HEADERS, "Content-Type": content_type}, body=body)
