"""One Prometheus with everything, and shards that hold the same series between them."""

import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.oracle.promql import servers, wire
from tests.oracle.promql.client import Client
from tests.oracle.promql.estate import Estate, estate
from tests.oracle.shards.library import Sharded


@dataclass(frozen=True)
class Shards:
    """What runs."""

    whole: Estate
    through: Sharded


def part(one: wire.Series, count: int) -> int:
    """Return the number of the shard that holds a series."""
    return zlib.crc32(repr(sorted(one.labels.items())).encode()) % count


@asynccontextmanager
async def sharded(
    directory: Path, count: int, features: Sequence[str] = ()
) -> AsyncIterator[Shards]:
    """Run them while the context lasts."""
    async with AsyncExitStack() as stack:
        whole = await stack.enter_async_context(estate(directory, features))
        backend = await servers.backend(whole.everything, whole.http)
        clients = {}
        for number in range(count):
            stored = [one for one in whole.stored if part(one, count) == number]
            name = f"shard-{number}"
            server = await stack.enter_async_context(
                servers.running(whole.kind, directory / name, whole.http, stored)
            )
            clients[name] = Client(whole.http, server.url, {})
        yield Shards(whole, Sharded(clients, servers.upstream(backend)))
