"""Pass an answer on to the tenant as it comes; one that ends early is seen to end early."""

import asyncio
import logging
from collections.abc import AsyncIterator

import aiohttp

from query_gateway import responses
from query_gateway.answers import NotAnAnswer, Violation
from query_gateway.failures import Failure
from query_gateway.inbound.request import Request
from query_gateway.metrics import Metrics
from query_gateway.wire.errors import Broken

_log = logging.getLogger(__name__)


class _TooLong(Exception):
    """More has come than the tenant may be sent, after the answer had begun."""


_BROKEN = (Broken, aiohttp.ClientError, OSError, NotAnAnswer)
"""What a backend's answer raises that does not come whole. A TimeoutError is an OSError."""


class Streaming:
    """The way of streamed answers to the tenant."""

    def __init__(self, metrics: Metrics, stall_seconds: float) -> None:
        self._metrics = metrics
        self._stall_seconds = stall_seconds

    async def send(
        self,
        request: Request,
        endpoint: str,
        chunks: AsyncIterator[bytes],
        *,
        content_type: str,
        length: int | None = None,
        most: int,
    ) -> None:
        """Answer `request` with `chunks`, none of them empty; `length` bytes, if that is known.

        What the first chunk raises is raised here, as `Failure` where it is the backend's fault.
        Whatever later ones raise breaks the answer off, and so does an answer that only then turns
        out to be longer than `most` bytes (limit answer_bytes). `Violation` is raised again after
        that.
        """
        chunk = await _first(chunks)
        if max(length or 0, len(chunk)) > most:
            raise Failure("limit", f"the answer is longer than answer_bytes ({most})")
        try:
            await request.begin({**responses.HEADERS, "Content-Type": content_type}, length)
            sent = 0
            while chunk:
                sent += len(chunk)
                if sent > most:
                    raise _TooLong(f"longer than answer_bytes ({most})")
                async with asyncio.timeout(self._stall_seconds):
                    await request.write(chunk)
                chunk = await anext(chunks, b"")
            await request.end()
        except Exception as error:
            # Whatever it is: the status is sent, another answer would become part of this one,
            # and only a connection that ends early can say that this is not all.
            self._broken_off(request, endpoint, error)
            if isinstance(error, Violation):
                raise

    def _broken_off(self, request: Request, endpoint: str, error: Exception) -> None:
        self._metrics.broken_off.labels(endpoint).inc()
        expected = isinstance(error, (*_BROKEN, Violation, _TooLong))
        level = logging.INFO if expected else logging.ERROR
        _log.log(level, "answer broken off", extra={"endpoint": endpoint, "error": repr(error)})
        request.visit.broken_off = True
        request.abort()


async def _first(chunks: AsyncIterator[bytes]) -> bytes:
    """Return the first chunk, nothing where the answer is empty."""
    try:
        return await anext(chunks, b"")
    except _BROKEN as error:
        raise Failure("backends", "the backend's answer broke off") from error
