"""An estate of processes for the end-to-end tests, as `tenantry up` runs it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tenantry_cli import running
from tenantry_cli.demo import queries
from tenantry_cli.estate import Estate
from tenantry_cli.ports import Ports
from tenantry_local.supervisor import Supervisor

EXAMPLES = Path(__file__).parents[2] / "examples" / "metricaccess"


@dataclass(frozen=True)
class Running:
    """A started estate and the supervisor that owns its processes."""

    estate: Estate
    supervisor: Supervisor


@pytest_asyncio.fixture
async def up(tmp_path: Path) -> AsyncIterator[Running]:
    """Start a whole estate on free ports; it ends with the test."""
    estate = Estate(tmp_path / "run", Ports.free())
    estate.prepare(EXAMPLES)
    async with running.running(estate, lambda step: None) as supervisor:
        yield Running(estate, supervisor)


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy of the example manifests."""
    return Path(shutil.copytree(EXAMPLES, tmp_path / "examples"))


async def answered(session: aiohttp.ClientSession, estate: Estate) -> int:
    """Return how many series the platform's tenant gets, as soon as there are any."""
    async with asyncio.timeout(20):
        while True:
            seen = await queries.count(session, estate.gateway_url, "platform", "up")
            if seen:
                return seen
            await asyncio.sleep(0.2)
