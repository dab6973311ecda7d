"""Whatever process is killed: the others go on, and every permitted sample arrives once."""

import time

import aiohttp
import pytest
from tests.e2e.conftest import Running, answered

from tenantry_cli.demo import delivery, proof, queries
from tenantry_cli.estate import REPLICA_LABEL, Estate

_INTERVAL_MS = 5_000


def now_ms() -> int:
    return int(time.time() * 1000)


async def assert_exact(session: aiohttp.ClientSession, estate: Estate, start_ms: int) -> None:
    """Assert that both replicas hold the source's permitted samples from `start_ms` to now."""
    end_ms = now_ms()
    assert await delivery.wait_until_stored(
        session, estate.tenant_urls, end_ms + 2 * _INTERVAL_MS, 60
    )
    lines = await delivery.prove(
        session,
        estate.infra_urls,
        estate.tenant_urls,
        start_ms=start_ms,
        end_ms=end_ms,
        permitted=proof.permitted,
        replica_label=REPLICA_LABEL,
        extra=proof.EXTRA_LABELS,
        when="after the kills",
    )
    assert [line for line in lines if not line.holds] == []


@pytest.mark.timeout(240)
async def test_killed_services_lose_nothing_and_double_nothing(up: Running) -> None:
    async with aiohttp.ClientSession() as session:
        start = await proof.first_window(up.estate)
        await delivery.wait_until_stored(session, up.estate.tenant_urls, start + 8_000, 40)

        for victim in ("collector", "writer-0", "writer-1", "nats"):
            await up.supervisor.kill(victim)
            await delivery.wait_until_stored(
                session, up.estate.tenant_urls[:1], now_ms() + 1_000, 4
            )
            await up.supervisor.restart(victim)
            await delivery.wait_until_stored(session, up.estate.tenant_urls, now_ms(), 40)

        await assert_exact(session, up.estate, start)


@pytest.mark.timeout(120)
async def test_killing_those_who_publish_state_stops_nobody(up: Running) -> None:
    async with aiohttp.ClientSession() as session:
        start = await proof.first_window(up.estate)
        await up.supervisor.kill("discovery")
        await up.supervisor.kill("tenant-controller")

        await delivery.wait_until_stored(session, up.estate.tenant_urls, start + 8_000, 40)
        seen = await queries.count(
            session, up.estate.gateway_url, "team-web", "http_requests_total"
        )
        assert seen > 0

        await up.supervisor.restart("discovery")
        await up.supervisor.restart("tenant-controller")
        await assert_exact(session, up.estate, start)


@pytest.mark.timeout(120)
async def test_a_gateway_without_nats_answers_with_what_it_last_knew(up: Running) -> None:
    async with aiohttp.ClientSession() as session:
        await answered(session, up.estate)
        await up.supervisor.kill("nats")

        assert await answered(session, up.estate) > 0
