"""Answer `GET /federate`: who asks, what for, in which format, compressed or not."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterator

from aiohttp import web
from isal import isal_zlib

from receiver.federate import formats, page
from receiver.federate.formats import Format, Wish
from receiver.federate.mirror import Mirror
from receiver.federate.protobuf import Protobuf
from receiver.federate.selection import BadSelection, Scope, Selection, Shard
from receiver.federate.text import OpenMetrics, Text

_MAKERS: dict[str, type[Text | OpenMetrics | Protobuf]] = {
    formats.TEXT: Text,
    formats.OPEN_METRICS: OpenMetrics,
    formats.PROTOBUF: Protobuf,
}
_GZIP_LEVEL = 1
_GZIP_WINDOW = 31  # the largest, with gzip's head and checksum
_AT_ONCE = 4
_MOST_SELECTORS = 64
_LONGEST_SELECTOR = 10_000

type Admit = Callable[[web.Request], Awaitable[Collection[str] | None]]
"""Returns the tenants that the caller may see, None for every tenant; raises an HTTP error."""


class Handler:
    """The page of all instances: each has everything, and is as good as any other."""

    def __init__(self, mirror: Mirror, admit: Admit) -> None:
        self._mirror = mirror
        self._admit = admit
        self._formats: dict[Wish, Format] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one scrape.

        400 names the parameter that is wrong; 406 that there is no common format; 503 that this
        instance has not read all there is yet.
        """
        scope = Scope(await self._admit(request))
        try:
            asked = _asked(request, scope)
        except BadSelection as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from error
        wish = formats.wish(request.headers.get("Accept", ""))
        if wish is None:
            raise web.HTTPNotAcceptable(
                text=f"{formats.TEXT}, {formats.OPEN_METRICS} or {formats.PROTOBUF}\n"
            )
        if not self._mirror.is_complete:
            raise web.HTTPServiceUnavailable(
                headers={"Retry-After": "5"}, text="still reading what clusters pushed\n"
            )
        async with self._turns:
            return await self._send(request, self._format(wish), asked)

    def _format(self, wish: Wish) -> Format:
        known = self._formats.get(wish)
        if known is None:
            known = self._formats[wish] = _MAKERS[wish.media](utf8=wish.utf8)
        return known

    async def _send(
        self, request: web.Request, format: Format, asked: page.Asked
    ) -> web.StreamResponse:
        self._mirror.newest.forget(time.time())
        pieces = await page.page(self._mirror.newest, format, asked, time.time())
        response = web.StreamResponse(
            headers={"Content-Type": format.content_type, "Vary": "Accept, Accept-Encoding"}
        )
        blocks = page.blocks(pieces)
        if _takes_gzip(request.headers.get("Accept-Encoding", "")):
            response.headers["Content-Encoding"] = "gzip"
            blocks = _compressed(blocks)
        await response.prepare(request)
        # In a thread: a block takes milliseconds, for which other requests would wait.
        while (block := await asyncio.to_thread(next, blocks, None)) is not None:
            await response.write(block)
        await response.write_eof()
        return response


def _asked(request: web.Request, scope: Scope) -> page.Asked:
    unknown = set(request.query) - {"match[]", "shard"}
    if unknown:
        raise BadSelection(f"{min(unknown)}: not a parameter; there are match[] and shard")
    selectors = request.query.getall("match[]", [])
    if len(selectors) > _MOST_SELECTORS or any(len(s) > _LONGEST_SELECTOR for s in selectors):
        raise BadSelection(
            f"match[]: at most {_MOST_SELECTORS} selectors of {_LONGEST_SELECTOR} characters"
        )
    shards = request.query.getall("shard", [""])
    if len(shards) > 1:
        raise BadSelection("shard: more than one")
    return page.Asked(Selection(selectors), Shard(shards[0]), scope)


def _takes_gzip(accepted: str) -> bool:
    for one in accepted.lower().split(","):
        coding, _, parameter = (part.strip() for part in one.partition(";"))
        if coding == "gzip":
            return parameter.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _compressed(blocks: Iterator[bytes]) -> Iterator[bytes]:
    compressor = isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, _GZIP_WINDOW)
    for block in blocks:
        if smaller := compressor.compress(block):
            yield smaller
    yield compressor.flush()
