"""The estate that these tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.integration.query_gateway.estate import Estate

from tenantry_common import testing
from tenantry_local.nats_server import NatsServer


@pytest_asyncio.fixture
async def estate(tmp_path: Path, fresh_nats_server: NatsServer) -> AsyncIterator[Estate]:
    """An estate whose gateway is not started yet."""
    async with testing.ready_bus(fresh_nats_server.url) as connection:
        yield Estate(tmp_path, fresh_nats_server, connection)
