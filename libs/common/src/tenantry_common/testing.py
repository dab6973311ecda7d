"""What tests of several members share: a ready bus, and mirrors to wait on.

There are no fakes of NATS here: a real nats-server starts in a tenth of a second, so every test
that needs one runs one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping

from tenantry_common import bus, config, kv, streams


def settings(url: str) -> config.Nats:
    """Return the NATS configuration for one server on this machine."""
    return config.Nats(servers=(url,))


@contextlib.asynccontextmanager
async def ready_bus(url: str, name: str = "test") -> AsyncIterator[bus.Bus]:
    """Yield a connection to a server that has every stream and bucket of the contract."""
    async with bus.connect(settings(url), name) as connection:
        await streams.ensure(connection, settings(url))
        yield connection


@contextlib.asynccontextmanager
async def mirror[T](
    connection: bus.Bus, bucket: str, decode: Callable[[bytes], T]
) -> AsyncIterator[kv.KvView[T]]:
    """Yield a view of `bucket` that has read it once and goes on following it."""
    view = kv.KvView(connection, bucket, decode)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(view.run())
        try:
            await asyncio.wait_for(view.newer(0), 5)
            yield view
        finally:
            task.cancel()


async def until[T](
    view: kv.KvView[T], condition: Callable[[Mapping[str, T]], bool], seconds: float = 10
) -> Mapping[str, T]:
    """Wait until the snapshot of `view` meets `condition`, and return it."""
    async with asyncio.timeout(seconds):
        while not condition(view.snapshot):
            await view.newer(view.version)
    return view.snapshot
