"""Ask one thing again and again over kept-alive connections; a process of its own, told on stdin.

One JSON document in (`Order`), one out (`Done`). It does as little per answer as it can, so that two
cores are enough for it, the gateway and Prometheus: bytes that were made beforehand go out, an
answer is parsed by llhttp and thrown away.
"""

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import cast

import httptools
import msgspec
import uvloop

_SHOWN_BYTES = 500


class Order(msgspec.Struct):
    """What to ask, and for how long."""

    host: str
    port: int
    requests: list[bytes]
    """Complete HTTP requests, sent in turn."""
    connections: int
    seconds: float
    """For which requests are begun; those under way are waited for."""
    once: bool = False
    """Whether every request is sent once, rather than again and again."""


class Done(msgspec.Struct):
    """What came of it."""

    seconds: float
    answers: int
    failures: int
    """Answers of another status than 200."""
    failure: str
    """The beginning of the last of them."""
    size: int
    """Bytes of the last answer's body."""
    p50: float
    """Seconds within which half of the answers came, apart from the first of each connection: that
    waits until everybody's connections are there."""
    p99: float
    """Seconds within which 99 of 100 came."""

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds


class Round:
    """What all connections share."""

    def __init__(self, order: Order) -> None:
        self.requests: Iterator[bytes] = (iter if order.once else itertools.cycle)(order.requests)
        self.once = order.once
        self.until = time.perf_counter() + order.seconds
        self.latencies: list[float] = []
        self.answers = 0
        self.failures = 0
        self.failure = ""
        self.size = 0
        self.left = order.connections
        self.over = asyncio.get_running_loop().create_future()

    def leave(self) -> None:
        """One connection has nothing more to do."""
        self.left -= 1
        if not self.left and not self.over.done():
            self.over.set_result(None)


class Connection(asyncio.Protocol):
    """One request after the other."""

    def __init__(self, shared: Round) -> None:
        self._round = shared
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.WriteTransport | None = None
        self._began = 0.0
        self._counts = shared.once
        self._size = 0
        self._begin = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is no subclass
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self._began:
            self._round.over.set_exception(ConnectionError("the connection was closed"))

    def on_body(self, body: bytes) -> None:
        if not self._size:
            self._begin = body[:_SHOWN_BYTES]
        self._size += len(body)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self._round.answers += 1
        if self._counts or now >= self._round.until:
            self._round.latencies.append(now - self._began)
        self._counts = True
        if self._parser.get_status_code() != 200:
            self._round.failures += 1
            self._round.failure = self._begin.decode("utf-8", "replace")
        self._round.size = self._size
        if now < self._round.until:
            self._ask()
        else:
            self._end()

    def _ask(self) -> None:
        assert self._transport is not None
        request = next(self._round.requests, None)
        if request is None:
            self._end()
            return
        self._size = 0
        self._began = time.perf_counter()
        self._transport.write(request)

    def _end(self) -> None:
        self._began = 0.0
        self._round.leave()


async def run(order: Order) -> Done:
    """Do what `order` says."""
    shared = Round(order)
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    for _ in range(order.connections):
        await loop.create_connection(lambda: Connection(shared), order.host, order.port)
    await shared.over
    took = time.perf_counter() - began
    latencies = sorted(shared.latencies)
    return Done(
        seconds=took,
        answers=shared.answers,
        failures=shared.failures,
        failure=shared.failure,
        size=shared.size,
        p50=latencies[len(latencies) // 2],
        p99=latencies[len(latencies) * 99 // 100],
    )


async def in_a_process(order: Order) -> Done:
    """Do what `order` says in a process of its own; end this one where an answer is a failure."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.gateway.load",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    out, _ = await child.communicate(msgspec.json.encode(order))
    if child.returncode:
        raise SystemExit("the load failed")
    done = msgspec.json.decode(out, type=Done)
    if done.failures:
        raise SystemExit(f"{done.failures} of {done.answers} answers failed: {done.failure}")
    return done


if __name__ == "__main__":
    read = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(read))))
