"""Where connections of tenants come in: each begins in a lane, and aiohttp's server is behind it."""

import asyncio
import functools
from collections.abc import Mapping
from typing import Any, cast

from aiohttp import web

from query_gateway import config
from query_gateway.endpoints import ENDPOINTS, Endpoint
from query_gateway.front import Front
from query_gateway.inbound import general
from query_gateway.inbound.lane import Answer, Lane, Shared
from tenantry_common import ops

_SWEEP_SECONDS = 15.0
_OF_TENANT = "/tenants/"


def places() -> Mapping[tuple[str, str], Endpoint]:
    """Return the endpoints whose requests may be plain, by method and path."""
    return {
        (method, endpoint.path): endpoint
        for endpoint in ENDPOINTS
        for method in endpoint.methods
        if "{" not in endpoint.path and not endpoint.takes_message
    }


_PLACES = places()


def find(method: str, path: str) -> tuple[Endpoint, str | None] | None:
    """Return the endpoint and the tenant in the path, None where aiohttp's router is to decide."""
    endpoint = _PLACES.get((method, path))
    if endpoint is not None:
        return endpoint, None
    if not path.startswith(_OF_TENANT):
        return None
    tenant, slash, rest = path.removeprefix(_OF_TENANT).partition("/")
    endpoint = _PLACES.get((method, slash + rest))
    # What is escaped has more than one spelling.
    return (endpoint, tenant) if endpoint is not None and tenant and "%" not in tenant else None


class Door:
    """Make the protocol of each connection, and end them."""

    def __init__(
        self,
        server: web.Server,
        *,
        front: Front,
        answer: Answer,
        most: int,
        idle_seconds: float,
    ) -> None:
        self._server = server
        self._idle_seconds = idle_seconds
        self._lanes: set[Lane] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._shared = Shared(
            find=find,
            front=front,
            answer=answer,
            aiohttp=server,
            most=most,
            enter=self._enter,
            leave=self._lanes.discard,
        )

    def __call__(self) -> Lane:
        """Return the protocol of a new connection."""
        return Lane(self._shared)

    def _enter(self, lane: Lane) -> None:
        self._lanes.add(lane)
        if self._sweep is None:
            self._sweep_later()

    @property
    def connections(self) -> list[Any]:
        """What can be told to `close` and to `shutdown`, as aiohttp's server has it."""
        return [*self._lanes, *self._server.connections]

    async def shutdown(self, timeout: float) -> None:
        """End every connection after its running request, at last after `timeout` seconds."""
        if self._sweep is not None:
            self._sweep.cancel()
        async with asyncio.TaskGroup() as group:
            for connection in self.connections:
                connection.close()
                group.create_task(connection.shutdown(timeout), name="end connection")

    def _sweep_later(self) -> None:
        self._sweep = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        before = asyncio.get_running_loop().time() - self._idle_seconds
        for lane in list(self._lanes):
            if lane.idle and lane.idle_since < before:
                lane.close()
        self._sweep = None
        if self._lanes:
            self._sweep_later()


class Runner(ops.Runner):
    """aiohttp's runner, of which every connection comes in through a `Door`."""

    def __init__(
        self,
        app: web.Application,
        hardening: ops.Hardening,
        *,
        front: Front,
        answer: Answer,
        limits: config.Limits,
    ) -> None:
        super().__init__(app, hardening)
        self._seconds = hardening.shutdown_timeout
        self._door: Door | None = None
        self._open = functools.partial(
            Door,
            front=front,
            answer=answer,
            most=limits.request_bytes,
            idle_seconds=hardening.keepalive_timeout,
        )

    async def setup(self) -> None:
        """Prepare to serve."""
        await super().setup()
        if (server := super().server) is not None:
            self._door = self._open(server)

    @property
    def server(self) -> web.Server | None:
        """What sites listen with: it does all that is asked of a server there."""
        return cast(web.Server, self._door) if self._door is not None else None

    async def shutdown(self) -> None:
        """End the connections, those of aiohttp at the same time."""
        if self._door is not None:
            await self._door.shutdown(self._seconds)
        await super().shutdown()


def serving(
    front: Front, answer: Answer, limits: config.Limits
) -> tuple[web.Application, ops.MakeRunner]:
    """Return the application, and what makes the runner that serves it."""
    app = general.application(front, answer, limits)
    return app, functools.partial(Runner, front=front, answer=answer, limits=limits)
