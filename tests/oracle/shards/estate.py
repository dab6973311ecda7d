"""One Prometheus with everything, and shards, each of some replicas, that hold the same series between them."""

import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from tests.oracle.promql import gateway, servers, wire
from tests.oracle.promql.client import Client
from tests.oracle.promql.estate import Estate, estate
from tests.oracle.promql.through import Through
from tests.oracle.shards.library import Sharded

from tenantry_common.contracts import Backend

type Way = Literal["library", "gateway"]
"""How the shards are asked: by what plans and puts together alone, or by a running gateway."""


@dataclass(frozen=True)
class Shards:
    """What runs."""

    whole: Estate
    through: Through


def part(one: wire.Series, count: int) -> int:
    """Return the number of the shard that holds a series."""
    return zlib.crc32(repr(sorted(one.labels.items())).encode()) % count


@asynccontextmanager
async def sharded(
    directory: Path,
    count: int,
    features: Sequence[str] = (),
    *,
    way: Way = "gateway",
    replicas: int = 2,
) -> AsyncIterator[Shards]:
    """Run `count` shards of so many `replicas` while the context lasts; the library needs no second."""
    async with AsyncExitStack() as stack:
        whole = await stack.enter_async_context(estate(directory, features))
        backends = []
        for number in range(count):
            stored = [one for one in whole.stored if part(one, count) == number]
            for replica in range(replicas if way == "gateway" else 1):
                name = f"shard-{number}-{replica}"
                server = await stack.enter_async_context(
                    servers.running(whole.kind, directory / name, whole.http, stored)
                )
                told = await servers.backend(server, whole.http)
                backends.append(msgspec.structs.replace(told, ha_set=f"shard-{number}"))
        through: Through = _library(whole, backends)
        if way == "gateway":
            running = gateway.gateway(whole, through, backends)
            through = await stack.enter_async_context(running)
        yield Shards(whole, through)


def _library(whole: Estate, backends: Sequence[Backend]) -> Sharded:
    """Ask one replica of each shard."""
    urls = {one.ha_set: one.url for one in backends}
    clients = {name: Client(whole.http, url, {}) for name, url in urls.items()}
    return Sharded(clients, servers.upstream(backends[0]))
