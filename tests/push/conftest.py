"""Sites to push to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.push.site import Site

from tenantry_common.testing import ready_bus
from tenantry_local.nats_server import NatsServer


@pytest_asyncio.fixture
async def site(tmp_path: Path, fresh_nats_server: NatsServer) -> AsyncIterator[Site]:
    """A site without any process but its nats-server."""
    async with ready_bus(fresh_nats_server.url) as connection:
        yield Site(tmp_path, fresh_nats_server, connection)
