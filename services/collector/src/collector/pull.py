"""Ask a source, within bounds; whatever goes wrong comes back as a value.

By remote read, answer type SAMPLES: exact bits, stale markers and native histograms included, and
the cheapest for both sides. Where it is closed, by PromQL range selectors, which lose those.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Literal, NamedTuple
from urllib.parse import quote

import aiohttp
import msgspec

from collector import range_query, selection
from tenantry_common import (
    backend_access,
    contracts,
    errors,
    protowire,
    remote_read,
    snappy_block,
)
from tenantry_common.contracts import Backend

_log = logging.getLogger(__name__)

type Way = Literal["auto", "remote_read", "json"]

_HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    # The body is snappy in any case; gzip on top of it would only cost the source.
    "Accept-Encoding": "identity",
    "X-Prometheus-Remote-Read-Version": "0.1.0",
    "User-Agent": "tenantry-collector",
}
_JSON_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "tenantry-collector"}
_COMPLAINT_BYTES = 512
_LIMITS = ("exceeded sample limit", "too many samples")
_CLOSED = (403, 404, 405)
_CLOSED_SECONDS = 60.0
_URL_CHARACTERS = 6000


class Answer(NamedTuple):
    """The decompressed `ReadResponse`."""

    data: bytes
    lossy: bool = False
    """Whether it came as JSON: without stale markers and native histograms."""


class TooLarge(NamedTuple):
    """The answer is larger than it may be: ask for a shorter window or for fewer names."""

    reason: str
    size: int = 0
    """Bytes that it has after decompression, 0 when that is not known."""


class Closed(NamedTuple):
    """The source does not offer remote read."""

    reason: str


class Failed(NamedTuple):
    """The source did not answer, or not in time, or not what was asked."""

    reason: str


type Outcome = Answer | TooLarge | Failed


class _MetricNames(msgspec.Struct):
    data: list[str]


_names_decoder = msgspec.json.Decoder(_MetricNames)


class Puller:
    """Reads from sources, not more than so many requests at a time from each."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        timeout: float,
        max_bytes: int,
        per_source: int,
        way: Way = "auto",
        keyring: backend_access.Keyring | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`timeout` is in seconds, `max_bytes` bounds an answer after decompression.

        `keyring` has the credentials of sources that want some.

        `way` is how sources are asked; auto: by remote read, by JSON for a while where it is closed.
        """
        self.max_bytes = max_bytes
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._per_source = per_source
        self._way = way
        self._keyring = keyring or backend_access.Keyring({})
        self._now = now
        self._closed: dict[str, float] = {}
        self._turns: dict[str, asyncio.Semaphore] = {}

    async def read(self, backend: Backend, queries: Sequence[remote_read.Query]) -> Outcome:
        """Return what `backend` holds for the `queries`."""
        async with self._turn(backend):
            try:
                return await self._read(backend, queries)
            except TimeoutError:
                return Failed(f"no answer within {self._timeout.total:g} s")
            except (aiohttp.ClientError, OSError) as error:
                return Failed(f"{type(error).__name__}: {error}")
            except backend_access.Closed as error:
                return Failed(str(error))
            except errors.Undecodable as error:
                return Failed(f"broken answer: {error}")

    async def metric_names(
        self, backend: Backend, queries: Sequence[remote_read.Query]
    ) -> frozenset[str] | Failed:
        """Return the metric names that `backend` holds for the `queries`, perhaps more."""
        names: set[str] = set()
        # Without any selector all names are told.
        closed = [] if any(map(selection.is_open, queries)) else queries
        for group in _in_urls([range_query.selector_of(query.matchers) for query in closed]):
            parameters = [
                ("start", f"{queries[0].start_ms / 1000:.3f}"),
                ("end", f"{queries[0].end_ms / 1000:.3f}"),
                *(("match[]", selector) for selector in group),
            ]
            async with self._turn(backend):
                try:
                    async with self._ask(
                        "GET",
                        backend,
                        "/api/v1/label/__name__/values",
                        _JSON_HEADERS,
                        params=parameters,
                    ) as response:
                        if response.status != 200:
                            line = await _complaint(response)
                            return Failed(f"metric names: HTTP {response.status}: {line}")
                        body = await _bounded(response, self.max_bytes)
                    if body is None:
                        return Failed("the list of metric names is too large")
                    names.update(_names_decoder.decode(body).data)
                except (TimeoutError, aiohttp.ClientError, OSError) as error:
                    return Failed(f"metric names: {type(error).__name__}: {error}")
                except backend_access.Closed as error:
                    return Failed(f"metric names: {error}")
                except msgspec.DecodeError as error:
                    return Failed(f"broken list of metric names: {error}")
        return frozenset(names)

    def _ask(
        self,
        method: Literal["GET", "POST"],
        backend: Backend,
        path: str,
        headers: Mapping[str, str],
        *,
        data: bytes | Mapping[str, str] | None = None,
        params: Sequence[tuple[str, str]] = (),
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Send one request, with the source's credentials. Raises `backend_access.Closed`."""
        way = self._keyring.open(backend.url, backend.access)
        return self._session.request(
            method,
            backend.url + path,
            params=params,
            data=data,
            headers={**headers, **way.headers},
            ssl=way.tls,
            server_hostname=way.server_name,
            timeout=self._timeout,
            allow_redirects=False,
        )

    def _turn(self, backend: Backend) -> asyncio.Semaphore:
        return self._turns.setdefault(backend.id, asyncio.Semaphore(self._per_source))

    async def _read(self, backend: Backend, queries: Sequence[remote_read.Query]) -> Outcome:
        if self._way == "json" or self._closed.get(backend.id, 0) > self._now():
            return await self._range_queries(backend, queries)
        body = snappy_block.compress(remote_read.encode_request(queries))
        outcome = await self._remote_read(backend, body)
        if not isinstance(outcome, Closed):
            self._closed.pop(backend.id, None)
            return outcome
        if self._way == "remote_read":
            return Failed(outcome.reason)
        if backend.id not in self._closed:
            _log.warning(
                "remote read is closed, asking by JSON: stale markers and histograms are lost",
                extra={"backend": backend.id, "error": outcome.reason},
            )
        self._closed[backend.id] = self._now() + _CLOSED_SECONDS
        return await self._range_queries(backend, queries)

    async def _remote_read(self, backend: Backend, body: bytes) -> Outcome | Closed:
        async with self._ask("POST", backend, "/api/v1/read", _HEADERS, data=body) as response:
            if response.status != 200:
                line = await _complaint(response)
                if response.status in _CLOSED:
                    return Closed(f"HTTP {response.status}: {line}")
                return _failed(response.status, line)
            if response.headers.get("Content-Encoding") != "snappy":
                return Failed("the answer is not a snappy block: is this a Prometheus server?")
            # The block begins with its size: one that is too large need not be read to its end.
            begin = await response.content.readany()
            size = snappy_block.decoded_size(begin)
            fits = size <= self.max_bytes
            block = await _bounded(response, self.max_bytes, begin) if fits else None
        if block is None:
            return TooLarge(f"answer of more than {self.max_bytes} bytes", size)
        return Answer(snappy_block.decompress(block, limit=size))

    async def _range_queries(
        self, backend: Backend, queries: Sequence[remote_read.Query]
    ) -> Outcome:
        """Ask for each query by its range selector; answer as remote read would."""
        added = {**backend.external_labels, **backend.replica_labels}
        pieces: list[bytes] = []
        left = self.max_bytes
        for query in queries:
            body = await self._range_query(backend, range_query.parameters(_closed(query)), left)
            if not isinstance(body, bytes):
                return body
            left -= len(body)
            for piece in range_query.read_result(body, added):
                pieces.append(protowire.delimited(remote_read.RESULTS, piece))
                await asyncio.sleep(0)
        return Answer(b"".join(pieces), lossy=True)

    async def _range_query(
        self, backend: Backend, parameters: Mapping[str, str], limit: int
    ) -> bytes | TooLarge | Failed:
        async with self._ask(
            "POST", backend, "/api/v1/query", _JSON_HEADERS, data=parameters
        ) as response:
            if response.status != 200:
                return _failed(response.status, await _complaint(response))
            body = await _bounded(response, limit)
        return TooLarge(f"answer of more than {self.max_bytes} bytes") if body is None else body


def _closed(query: remote_read.Query) -> remote_read.Query:
    """Return the query as PromQL takes it: without the series that have no name, if it is open."""
    if not selection.is_open(query):
        return query
    named = contracts.Matcher("__name__", "!=", "")
    return replace(query, matchers=(*query.matchers, named))


def _in_urls(selectors: Sequence[str]) -> list[list[str]]:
    """Return the selectors in groups that fit a URL each."""
    groups: list[list[str]] = [[]]
    size = 0
    for selector in selectors:
        length = len(quote(selector)) + len("&match[]=")
        if groups[-1] and size + length > _URL_CHARACTERS:
            groups.append([])
            size = 0
        groups[-1].append(selector)
        size += length
    return groups


async def _bounded(
    response: aiohttp.ClientResponse, limit: int, begin: bytes = b""
) -> bytes | None:
    """Return the body, of which `begin` is read; None when it is longer than `limit` bytes."""
    chunks = [begin]
    size = len(begin)
    async for chunk in response.content.iter_any():
        size += len(chunk)
        chunks.append(chunk)
        if size > limit:
            break
    return b"".join(chunks) if size <= limit else None


async def _complaint(response: aiohttp.ClientResponse) -> str:
    text = (await response.content.read(_COMPLAINT_BYTES)).decode("utf-8", "replace")
    return text.strip().partition("\n")[0]


def _failed(status: int, line: str) -> TooLarge | Failed:
    if any(limit in line for limit in _LIMITS):
        return TooLarge(f"source: {line}")
    return Failed(f"HTTP {status}: {line}")
