"""A connection to a nats-server of the test's own, with every stream in place."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tenantry_common import bus, testing
from tenantry_local.nats_server import NatsServer


@pytest_asyncio.fixture
async def connection(fresh_nats_server: NatsServer) -> AsyncIterator[bus.Bus]:
    """A ready `Bus`."""
    async with testing.ready_bus(fresh_nats_server.url) as ready:
        yield ready
