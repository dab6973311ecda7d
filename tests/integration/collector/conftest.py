"""A nats-server of the test's own with every stream in place, and a rig that collects into it."""

import time
from collections.abc import AsyncIterator

import aiohttp
import pytest_asyncio

from collector.testing import Clock, Rig
from tenantry_common import bus, testing
from tenantry_local.nats_server import NatsServer


@pytest_asyncio.fixture
async def connection(fresh_nats_server: NatsServer) -> AsyncIterator[bus.Bus]:
    """A ready `Bus`."""
    async with testing.ready_bus(fresh_nats_server.url) as ready:
        yield ready


@pytest_asyncio.fixture
async def rig(connection: bus.Bus) -> AsyncIterator[Rig]:
    """A rig whose clock stands at a multiple of ten seconds, a few minutes ago.

    Prometheus takes samples of about the present only, so the clock cannot stand anywhere.
    """
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        yield Rig(connection=connection, http=http, clock=Clock(recent_ms()))


def recent_ms() -> int:
    """Return a multiple of ten seconds about ten minutes ago."""
    return int(time.time()) // 10 * 10_000 - 600_000
