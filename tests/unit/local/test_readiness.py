"""Probes say yes only to what they were asked for, and never raise."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tenantry_local import readiness
from tenantry_local.ports import LOOPBACK, free_port


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        pytest.param(200, True, id="ok is ready"),
        pytest.param(503, False, id="unavailable is not ready"),
        pytest.param(404, False, id="not found is not ready"),
    ],
)
async def test_http_readiness_is_status_200(status: int, ready: bool) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/healthz", answer)
    async with TestServer(app) as server:
        assert await readiness.http_ok(str(server.make_url("/healthz")))() is ready


async def test_an_open_port_is_ready_for_tcp() -> None:
    async with TestServer(web.Application()) as server:
        assert server.port is not None
        assert await readiness.tcp_open(LOOPBACK, server.port)()


async def test_a_closed_port_is_not_ready() -> None:
    port = free_port()

    assert not await readiness.tcp_open(LOOPBACK, port)()
    assert not await readiness.http_ok(f"http://{LOOPBACK}:{port}/")()
