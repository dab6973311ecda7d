"""The ops port tells whether the service turns, what it waits for, and what it counted."""

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry, Counter

from tenantry_common import errors, ops


async def test_ready_only_when_every_condition_is_met() -> None:
    readiness = ops.Readiness()
    pages = ops.Pages(CollectorRegistry(), readiness)
    readiness.set("nats", False, "waiting for NATS")
    readiness.set("policies", False)

    async with TestClient(TestServer(pages.app)) as client:
        before = await client.get("/readyz")
        texts = [(before.status, await before.text())]
        readiness.set("nats", True)
        readiness.set("policies", True)
        after = await client.get("/readyz")
        texts.append((after.status, await after.text()))

    assert texts == [
        (503, "nats: waiting for NATS\npolicies: not yet\n"),
        (200, "ready\n"),
    ]


async def test_metrics_health_and_debug_pages_are_served() -> None:
    registry = CollectorRegistry()
    Counter("seen", "Things seen.", registry=registry).inc()
    pages = ops.Pages(registry, ops.Readiness())

    async with TestClient(TestServer(pages.app)) as client:
        pages.add_json("/debug/things", lambda: [{"name": "a"}])  # a service starts after its port
        metrics = await (await client.get("/metrics")).text()
        health = await (await client.get("/healthz")).text()
        things = await (await client.get("/debug/things")).json()
        unknown = await client.get("/debug/thing")

    assert ("seen_total 1.0" in metrics, health, things) == (True, "ok\n", [{"name": "a"}])
    assert unknown.status == 404


async def test_a_taken_port_is_named_with_its_setting() -> None:
    pages = ops.Pages(CollectorRegistry(), ops.Readiness())
    runner, port = await ops.listen(pages.app, "127.0.0.1", 0, setting="$.ops.port")
    try:
        async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/healthz") as r:
            assert r.status == 200
        other = ops.Pages(CollectorRegistry(), ops.Readiness())
        with pytest.raises(
            errors.ConfigError, match=rf"\$\.ops\.port: 127\.0\.0\.1:{port} is taken"
        ):
            await ops.listen(other.app, "127.0.0.1", port, setting="$.ops.port")
    finally:
        await runner.cleanup()


async def test_a_page_can_be_replaced() -> None:
    pages = ops.Pages(CollectorRegistry(), ops.Readiness())

    async def other(_: web.Request) -> web.Response:
        return web.Response(text="other")

    pages.add("/metrics", other)
    async with TestClient(TestServer(pages.app)) as client:
        assert await (await client.get("/metrics")).text() == "other"
        assert (await client.get("/nowhere")).status == 404
