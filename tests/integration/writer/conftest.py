"""A nats-server of the test's own with every stream in place, and settings for writers at it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tenantry_common import bus, testing
from tenantry_local.nats_server import NatsServer
from writer.config import Config


@pytest_asyncio.fixture
async def connection(fresh_nats_server: NatsServer) -> AsyncIterator[bus.Bus]:
    """A ready `Bus`."""
    async with testing.ready_bus(fresh_nats_server.url) as ready:
        yield ready


@pytest.fixture
def settings(fresh_nats_server: NatsServer) -> Config:
    """An impatient writer."""
    return Config(
        nats=testing.settings(fresh_nats_server.url),
        instance="w",
        ack_wait_seconds=2.0,
        request_timeout_seconds=1.5,
        retry_limit_seconds=0.1,
        fault_retry_seconds=0.1,
    )
