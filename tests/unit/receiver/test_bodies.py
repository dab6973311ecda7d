"""A body is taken within its limits and refused before its rest is read."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from receiver import bodies
from receiver.bodies import Block, Bounds, Plain
from receiver.refusal import Refused
from tenantry_common import errors, snappy_block

BOUNDS = Bounds(size=1000, decoded=5000, seconds=0.3)


def fed(block: Block, data: bytes, size: int) -> bytes:
    for start in range(0, len(data), size):
        block.feed(data[start : start + size])
    return block.finish()


@pytest.mark.parametrize("size", [1, 7, 10, 1000])
def test_a_block_is_read_however_it_arrives(size: int) -> None:
    data = b"abc" * 100

    assert fed(Block(1000, 5000), snappy_block.compress(data), size) == data
    assert fed(Block(1000, 5000), b"", size) == b""


@pytest.mark.parametrize("size", [1, 7, 10, 1000])
def test_a_block_that_declares_too_much_is_refused_at_its_beginning(size: int) -> None:
    block = Block(1000, 5000)

    with pytest.raises(errors.TooLarge):
        fed(block, b"\xff\xff\xff\xff\x0f" + bytes(900), size)


def test_a_block_that_is_none_is_refused() -> None:
    with pytest.raises(errors.Undecodable):
        fed(Block(1000, 5000), b"\x05abc", 10)


def test_a_form_is_read_strictly() -> None:
    assert bodies.form(b"id=a%2Fb&id=c&x=") == {"id": ["a/b", "c"]}
    for broken in (b"\xff", b"id=%ff", b"&".join([b"a=b"] * 200)):
        with pytest.raises(Refused):
            bodies.form(broken)


class Sent:
    """A client that sends pieces, and a server that reads them."""

    def __init__(self) -> None:
        self.pieces_taken = 0
        self.outcome: bytes | Refused | None = None

    async def answer(self, request: web.Request) -> web.Response:
        try:
            self.outcome = await bodies.read(request, Plain(BOUNDS.decoded), BOUNDS)
        except Refused as refused:
            self.outcome = refused
            return web.Response(status=refused.status)
        return web.Response()

    async def pieces(self, count: int, size: int, pause: float) -> AsyncIterator[bytes]:
        for _ in range(count):
            self.pieces_taken += 1
            yield b"x" * size
            await asyncio.sleep(pause)

    async def post(self, count: int, size: int, pause: float = 0.0) -> int:
        app = web.Application()
        app.router.add_post("/", self.answer)
        async with TestClient(TestServer(app)) as client:
            answer = await client.post("/", data=self.pieces(count, size, pause))
            return answer.status


async def test_a_body_is_read() -> None:
    sent = Sent()

    assert await sent.post(3, 100) == 200
    assert sent.outcome == b"x" * 300


async def test_the_rest_of_a_body_that_is_too_large_is_not_read() -> None:
    sent = Sent()

    assert await sent.post(1000, 600, 0.005) == 413
    assert sent.pieces_taken < 100


async def test_a_slow_body_is_given_up() -> None:
    assert await Sent().post(100, 1, 0.05) == 408


async def test_a_length_that_is_too_large_is_refused_unread() -> None:
    app = web.Application()
    sent = Sent()
    app.router.add_post("/", sent.answer)
    async with TestClient(TestServer(app)) as client:
        answer = await client.post("/", data=b"x" * 1001)

    assert answer.status == 413
