"""Shards of two replicas each, every replica behind something that can get in its way."""

import asyncio
import contextlib
import struct
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import aiohttp
import msgspec
from tests.integration.query_gateway.estate import Estate

from tenantry_common import contracts, kv, protowire, remote_write, snappy_block, subjects
from tenantry_local.ports import LOOPBACK
from tenantry_local.prometheus import REMOTE_WRITE_HEADERS, Prometheus
from tenantry_local.testing import Factory
from tenantry_local.victoria_metrics import VictoriaMetrics

STEP = 15
SAMPLES = 40

type Labels = Mapping[str, str]
type Mode = Literal["passes", "hangs", "says garbage", "breaks off"]

_GARBAGE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
GARBAGE = (
    b"SSH-2.0-OpenSSH_9.6\r\n",
    _GARBAGE % (4, b"\x00\xff{}"),
    _GARBAGE % (20, b'{"status":"success"}'),
    _GARBAGE % (55, b'{"status":"success","data":{"resultType":"x","result":1}}'[:55]),
)


class Between:
    """A TCP proxy in front of one server, which passes everything on until it is told otherwise."""

    def __init__(self, server: Prometheus) -> None:
        self.server = server
        self.mode: Mode = "passes"
        self.garbage = GARBAGE[0]
        self.asked = asyncio.Event()
        """Set whenever something was asked."""
        self.requests = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self._port}"

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Between"]:
        """Listen while the context lasts."""
        async with asyncio.TaskGroup() as group:
            serving: set[asyncio.Task[None]] = set()

            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                serving.add(group.create_task(self._serve(reader, writer)))

            listener = await asyncio.start_server(accept, LOOPBACK, 0)
            self._port = listener.sockets[0].getsockname()[1]
            try:
                yield self
            finally:
                listener.close()
                for task in serving:
                    task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            try:
                ahead_reader, ahead = await asyncio.open_connection(LOOPBACK, self.server.port)
            except OSError:
                return
            with contextlib.closing(ahead):
                async with asyncio.TaskGroup() as both:
                    back = both.create_task(self._answers(ahead_reader, writer))
                    with contextlib.suppress(OSError):
                        await self._requests(reader, ahead, writer)
                    back.cancel()

    async def _requests(
        self,
        reader: asyncio.StreamReader,
        ahead: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
    ) -> None:
        while data := await reader.read(65536):
            self.requests += 1
            self.asked.set()
            if self.mode == "hangs":
                await asyncio.Event().wait()
            if self.mode == "says garbage":
                writer.write(self.garbage)
                await writer.drain()
                return
            ahead.write(data)
            await ahead.drain()

    async def _answers(self, ahead: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await ahead.read(65536):
                if self.mode == "breaks off":
                    data = data[:-7]
                writer.write(data)
                await writer.drain()
                if self.mode == "breaks off":
                    break
        writer.close()


@dataclass
class Shard:
    """Replicas that hold the same."""

    name: str
    replicas: list[Between] = field(default_factory=list)


def backend(shard: str, replica: int, url: str, **more: object) -> contracts.Backend:
    """Describe a replica as discovery would."""
    described = contracts.Backend(
        id=f"{shard}-{replica}",
        url=url,
        ha_set=shard,
        version="2.42.0",
        traits=contracts.UpstreamTraits(major=2),
        healthy=True,
        external_labels={"shard": shard},
        replica_labels={"replica": str(replica)},
    )
    return msgspec.structs.replace(described, **more)


async def announce(estate: Estate, one: contracts.Backend) -> None:
    """Publish a backend as discovery would."""
    key = subjects.token(one.id)
    await kv.put(estate.connection, subjects.BACKENDS, key, contracts.encode(one))


async def store(server: Prometheus | VictoriaMetrics, series: Iterable[Labels], end: int) -> None:
    """Store series, whose values tell them apart, with samples up to `end` (seconds)."""
    request = b"".join(
        remote_write.time_series(remote_write.encode_labels(labels), _samples(labels, end))
        for labels in series
    )
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        body = snappy_block.compress(request)
        await session.post(server.remote_write_url, data=body, headers=REMOTE_WRITE_HEADERS)


def _samples(labels: Labels, end: int) -> bytes:
    encoded = b""
    weight = zlib.crc32(repr(sorted(labels.items())).encode()) % 1000
    for index in range(SAMPLES):
        stamp = (end - (SAMPLES - 1 - index) * STEP) * 1000
        sample = protowire.tag(1, 1) + struct.pack("<d", float(weight + index))
        sample += protowire.tag(2, protowire.VARINT) + protowire.varint(stamp)
        encoded += protowire.delimited(remote_write.SAMPLE, sample)
    return encoded


@contextlib.asynccontextmanager
async def sharded(
    estate: Estate,
    prometheus: Factory[Prometheus],
    parts: Sequence[Sequence[Labels]],
    end: int,
    *,
    external: bool = True,
) -> AsyncIterator[list[Shard]]:
    """Run a shard for each part of the series, announced to the gateway, while the context lasts.

    With `external` labels the servers have some that tell shards and replicas apart.
    """
    async with contextlib.AsyncExitStack() as stack:
        shards = []
        for number, series in enumerate(parts):
            shard = Shard(f"s{number}")
            for replica in range(2):
                told = backend(shard.name, replica, "")
                labels = {**told.external_labels, **told.replica_labels}
                server = await prometheus(external_labels=labels if external else {})
                await store(server, series, end)
                between = await stack.enter_async_context(Between(server).listening())
                shard.replicas.append(between)
                more: dict[str, object] = (
                    {} if external else {"external_labels": {}, "replica_labels": {}}
                )
                await announce(estate, backend(shard.name, replica, between.url, **more))
            shards.append(shard)
        yield shards
