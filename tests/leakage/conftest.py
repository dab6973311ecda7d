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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many attacks were tried and how many found something."""
    if estate.TALLY.cases:
        tally = estate.TALLY
        terminalreporter.write_line(f"leakage: cases={tally.cases} leaks={len(tally.leaks)}")
