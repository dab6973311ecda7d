"""Slow, broken and hostile connections over raw sockets, and what they leave behind."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import snappy
from tests.integration.receiver.conftest import Site

from receiver import testing
from receiver.testing import frames
from tenantry_local.process import Process

HEAD = (
    "POST /upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    f"Content-Type: {testing.PROTOBUF}\r\nContent-Encoding: {{encoding}}\r\n"
)


class Raw:
    """One connection, spoken by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, data: bytes) -> bool:
        """Send; return whether the other side still takes anything."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            return False
        return not self.reader.at_eof()

    async def status(self) -> int:
        """Return the status of the answer, 0 when the connection ends without one."""
        with contextlib.suppress(ConnectionError):
            line = await asyncio.wait_for(self.reader.readline(), 20)
            return int(line.split()[1]) if line else 0
        return 0


@contextlib.asynccontextmanager
async def connected(site: Site) -> AsyncIterator[Raw]:
    port = int(site.urls[0].rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def head(site: Site, framing: str, encoding: str = "identity") -> bytes:
    text = HEAD.format(token=site.issuer.token("cluster-a"), encoding=encoding)
    return f"{text}{framing}\r\n\r\n".encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def peak_mb(process: Process) -> float:
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    raise AssertionError("Linux tells the peak of a process")


async def still_serves(site: Site) -> bool:
    body = testing.family("up", [({}, 1.0, testing.now_ms())])
    return (await site.upload(body)).status == 200


@pytest.fixture
def impatient() -> dict[str, dict[str, float]]:
    return {"listen": {"idle_seconds": 1.0, "connections": 20}, "limits": {"body_seconds": 1.0}}


async def test_a_large_body_is_refused_long_before_it_is_read(
    site: Site, impatient: dict[str, dict[str, float]]
) -> None:
    await site.start(**impatient)
    await site.publish(testing.job())
    assert await still_serves(site)
    before = peak_mb(site.receivers[0])

    async with connected(site) as raw:
        await raw.say(head(site, "Transfer-Encoding: chunked"))
        sent = 0
        piece = chunk(bytes(1 << 16))
        while sent < 200 << 20 and await raw.say(piece):
            sent += 1 << 16
        status = await raw.status()
    async with connected(site) as raw:
        await raw.say(head(site, f"Content-Length: {200 << 20}"))
        declared = await raw.status()

    assert status in (413, 0), "0: the connection was reset while we sent on"
    assert sent < 20 << 20
    assert declared == 413
    assert peak_mb(site.receivers[0]) - before < 20
    assert await still_serves(site)


async def test_bombs_take_no_memory(site: Site, impatient: dict[str, dict[str, float]]) -> None:
    await site.start(**impatient)
    await site.publish(testing.job())
    assert await still_serves(site)
    before = peak_mb(site.receivers[0])
    bomb = frames(bytes(400 << 20))[:500_000]
    nested = b"\xff\x06\x00\x00sNaPpY" + b"\x00\x0f\x00\x00crc!\xff\xff\xff\xff\x0f" + b"ab"

    statuses = []
    for data in (bomb, nested):
        async with connected(site) as raw:
            await raw.say(head(site, f"Content-Length: {len(data)}", "snappy") + data)
            statuses.append(await raw.status())
    block = snappy.compress(bytes(200 << 20))
    headers = {
        "Authorization": f"Bearer {site.issuer.token('cluster-a')}",
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
    }
    async with site.session.post(
        f"{site.urls[0]}/api/v1/write", data=block[: 1 << 20], headers=headers
    ) as answer:
        statuses.append(answer.status)

    assert statuses == [413, 400, 413]
    assert peak_mb(site.receivers[0]) - before < 20
    assert await still_serves(site)


async def test_whoever_is_slow_is_given_up(
    site: Site, impatient: dict[str, dict[str, float]]
) -> None:
    await site.start(**impatient)
    await site.publish(testing.job())

    async with (
        connected(site) as slow_head,
        connected(site) as slow_body,
        connected(site) as mute,
        asyncio.TaskGroup() as group,
    ):
        # Read while they go on sending: a connection that is reset takes its answer with it.
        ended = [group.create_task(raw.status()) for raw in (slow_head, slow_body, mute)]
        await slow_body.say(head(site, "Content-Length: 100"))
        await slow_head.say(b"POST /upload HTTP/1.1\r\n")
        for _ in range(60):
            await slow_head.say(b"X-A: b\r\n")
            await slow_body.say(b"x")
            await asyncio.sleep(0.05)

    head_status, *others = [task.result() for task in ended]
    assert head_status in (0, 400)
    assert others == [408, 0]
    assert await still_serves(site)


async def test_broken_requests_leave_nothing_behind(
    site: Site, impatient: dict[str, dict[str, float]]
) -> None:
    await site.start(**impatient)
    await site.publish(testing.job())
    for data in (
        b"\x00\x01\x02\r\n\r\n",
        b"POST /upload HTTP/9.9\r\n\r\n",
        head(site, "Transfer-Encoding: chunked") + b"zz\r\n",
        head(site, "Transfer-Encoding: chunked") + b"5\r\nab",
        head(site, "Content-Length: 5\r\nTransfer-Encoding: chunked") + b"0\r\n\r\n",
        head(site, "Content-Length: -1"),
        head(site, "Content-Length: 100") + b"ab",
        b"POST /upload HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ):
        async with connected(site) as raw:
            await raw.say(data)

    assert await still_serves(site)

    async def quiet() -> bool:
        async with site.session.get(f"{site.ops_urls[0]}/metrics") as answer:
            return "tenantry_receiver_pushes 0.0" in await answer.text()

    await site.until(quiet)
    async with site.session.get(f"{site.ops_urls[0]}/metrics") as answer:
        assert "tenantry_receiver_errors_total 0.0" in await answer.text()


async def test_connections_are_limited_and_free_again(site: Site) -> None:
    await site.start(listen={"connections": 20})
    await site.publish(testing.job())

    async with contextlib.AsyncExitStack() as stack:
        many = [await stack.enter_async_context(connected(site)) for _ in range(60)]

        async def most_are_closed() -> bool:
            return (
                sum(raw.reader.at_eof() or raw.reader.exception() is not None for raw in many) >= 40
            )

        await site.until(most_are_closed)
    assert await still_serves(site)


async def test_a_push_that_is_under_way_is_finished_before_the_end(site: Site) -> None:
    await site.start(listen={"drain_delay_seconds": 0.3})
    await site.publish(testing.job())
    body = testing.family("up", [({}, 1.0, testing.now_ms())])

    async with connected(site) as raw:
        await raw.say(head(site, f"Content-Length: {len(body)}") + body[:10])
        await asyncio.sleep(0.2)
        async with asyncio.TaskGroup() as group:
            ending = group.create_task(site.receivers[0].terminate())
            await asyncio.sleep(0.6)
            await raw.say(body[10:])
            status = await raw.status()

    assert (status, ending.result()) == (200, 0)
