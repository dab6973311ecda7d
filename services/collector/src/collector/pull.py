"""Ask a source by remote read, within bounds; whatever goes wrong comes back as a value.

The answer type SAMPLES is asked for: exact bits, stale markers and native histograms included, and
the cheapest for both sides.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple

import aiohttp

from tenantry_common import errors, remote_read, snappy_block
from tenantry_common.contracts import Backend

_log = logging.getLogger(__name__)

_HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    # The body is snappy in any case; gzip on top of it would only cost the source.
    "Accept-Encoding": "identity",
    "X-Prometheus-Remote-Read-Version": "0.1.0",
    "User-Agent": "tenantry-collector",
}
_COMPLAINT_BYTES = 512
_SAMPLE_LIMIT = "exceeded sample limit"


class Answer(NamedTuple):
    """The decompressed `ReadResponse`."""

    data: bytes


class TooLarge(NamedTuple):
    """The answer is larger than it may be: ask for a shorter window."""

    reason: str


class Failed(NamedTuple):
    """The source did not answer, or not in time, or not what was asked."""

    reason: str


type Outcome = Answer | TooLarge | Failed


class Puller:
    """Reads from sources, not more than so many requests at a time from each."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        timeout: float,
        max_bytes: int,
        per_source: int,
    ) -> None:
        """`timeout` is in seconds, `max_bytes` bounds an answer after decompression."""
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._max_bytes = max_bytes
        self._per_source = per_source
        self._turns: dict[str, asyncio.Semaphore] = {}

    async def read(self, backend: Backend, queries: Sequence[remote_read.Query]) -> Outcome:
        """Return what `backend` holds for the `queries`."""
        body = snappy_block.compress(remote_read.encode_request(queries))
        turn = self._turns.setdefault(backend.id, asyncio.Semaphore(self._per_source))
        async with turn:
            try:
                return await self._post(f"{backend.url}/api/v1/read", body)
            except TimeoutError:
                return Failed(f"no answer within {self._timeout.total:g} s")
            except (aiohttp.ClientError, OSError) as error:
                return Failed(f"{type(error).__name__}: {error}")
            except errors.Undecodable as error:
                return Failed(f"broken answer: {error}")

    async def _post(self, url: str, body: bytes) -> Outcome:
        async with self._session.post(
            url, data=body, headers=_HEADERS, timeout=self._timeout, allow_redirects=False
        ) as response:
            if response.status != 200:
                return await _complaint(response)
            if response.headers.get("Content-Encoding") != "snappy":
                return Failed("the answer is not a snappy block: is this a Prometheus server?")
            block = await _bounded(response, self._max_bytes)
        if block is None or (size := snappy_block.decoded_size(block)) > self._max_bytes:
            return TooLarge(f"answer of more than {self._max_bytes} bytes")
        return Answer(snappy_block.decompress(block, limit=size))


async def _bounded(response: aiohttp.ClientResponse, limit: int) -> bytes | None:
    """Return the body, None when it is longer than `limit` bytes."""
    chunks = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


async def _complaint(response: aiohttp.ClientResponse) -> Outcome:
    text = (await response.content.read(_COMPLAINT_BYTES)).decode("utf-8", "replace")
    line = text.strip().partition("\n")[0]
    if _SAMPLE_LIMIT in line:
        return TooLarge(f"source: {line}")
    return Failed(f"HTTP {response.status}: {line}")
