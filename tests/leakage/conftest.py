"""One estate for all attacks, and the sum of them at the end."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.leakage import estate
from tests.leakage.estate import Estate

from tenantry_local.server import Launch


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def attacked(
    tmp_path_factory: pytest.TempPathFactory, launch_server: Launch
) -> AsyncIterator[Estate]:
    """The gateway in front of a Prometheus that holds a victim's series."""
    async with estate.running(tmp_path_factory.mktemp("leakage"), launch_server) as running:
        yield running


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say how many attacks were tried and how many found something, behind all that pytest says."""
    if estate.TALLY.cases:
        tally = estate.TALLY
        line = f"leakage: cases={tally.cases} leaks={len(tally.leaks)}"
        config.get_terminal_writer().line(line)
