"""Status is written by the leader, once, for the very object that it is about."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.kubernetes import api_server
from tests.kubernetes.api_server import ApiServer, Definition
from tests.unit.tenant_controller.compiling import item

from tenant_controller import config, platform_settings
from tenant_controller.cluster import Cluster
from tenant_controller.metrics import Metrics
from tenant_controller.reported import Reported
from tenant_controller.status_writer import StatusWriter
from tenantry_common import bus, kubernetes, leases
from tenantry_common.testing import ready_bus
from tenantry_local.nats_server import NatsServer

KIND = ("observability.ethos.io", "metricaccesses")
EVENTS = ("events.k8s.io", "events")
KEY = ("team-a", "a")
PLATFORM = platform_settings.parse(config.Config(kubernetes=config.Kubernetes()))


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    """A cluster that knows MetricAccess."""
    async with api_server.running() as running:
        running.kinds[KIND] = Definition("observability.ethos.io/v1alpha1", "MetricAccess")
        yield running


@pytest.fixture
async def connection(fresh_nats_server: NatsServer) -> AsyncIterator[bus.Bus]:
    """NATS with every bucket."""
    async with ready_bus(fresh_nats_server.url) as opened:
        yield opened


class Written:
    """A writer at work, and what it counted."""

    def __init__(self, writer: StatusWriter, lease: leases.Lease, registry: CollectorRegistry):
        self.writer = writer
        self.lease = lease
        self.registry = registry

    def count(self, result: str) -> float:
        """Return how many writes had this result."""
        name = "tenantry_tenant_controller_status_writes_total"
        return self.registry.get_sample_value(name, {"result": result}) or 0


@contextlib.asynccontextmanager
async def writing(
    server: ApiServer, connection: bus.Bus, *, leading: bool = True, **settings: Any
) -> AsyncIterator[Written]:
    chosen = config.Kubernetes(**{"status_seconds": 0.05, "progress_seconds": 0.05, **settings})
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    lease = leases.Lease(connection, "leader.x", "i", term=leases.Term(600, 1))
    if leading:
        assert await lease.renew()
    changed = asyncio.Event()
    async with (
        kubernetes.connect(kubernetes.Settings(url=str(server.url))) as api,
        asyncio.TaskGroup() as group,
    ):
        cluster = Cluster(api, chosen, changed.set, need_labels=False)
        writer = StatusWriter(
            api,
            chosen,
            metrics,
            objects=lambda: cluster.objects,
            reported=Reported(connection, lambda jobs: None),
            published=lambda compiled: True,
            lease=lease,
            instance="i",
        )
        cluster.on_touched = writer.touch

        async def compile_forever() -> None:
            while True:
                await changed.wait()
                changed.clear()
                if compile_all := cluster.look():
                    writer.offer(compile_all(PLATFORM))

        running = [
            group.create_task(work) for work in (cluster.run(), compile_forever(), writer.run())
        ]
        yield Written(writer, lease, registry)
        for task in running:
            task.cancel()


async def status_of(server: ApiServer, generation: int, name: str = "a") -> dict[str, Any]:
    """Wait until the status of an object is about `generation`, and return it."""
    async with asyncio.timeout(30):
        while True:
            found = server.get_object(KIND, "team-a", name).get("status", {})
            if found.get("observedGeneration") == generation:
                return dict(found)
            await asyncio.sleep(0.02)


async def test_an_object_gets_its_status_and_its_event(
    server: ApiServer, connection: bus.Bus
) -> None:
    server.apply(KIND, item("up"))
    async with writing(server, connection):
        status = await status_of(server, 1)
        assert status["lastUpdated"]
        assert {c["type"]: c["status"] for c in status["conditions"]}["Ready"] == "True"

        server.apply(KIND, item("up") | {"spec": {"source": "s", "metrics": ["up{"]}})
        status = await status_of(server, 2)
        assert {c["type"]: c["status"] for c in status["conditions"]}["Valid"] == "False"
        assert len(list(server["patch"])) == 2
        async with asyncio.timeout(30):
            while len(server.objects.get(EVENTS, {})) < 2:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.02)
    told = [(e["type"], e["reason"]) for e in server.objects[EVENTS].values()]
    assert told == [("Normal", "Accepted"), ("Warning", "Invalid")]


async def test_what_is_true_is_not_written_again(server: ApiServer, connection: bus.Bus) -> None:
    server.apply(KIND, item("up"))
    async with writing(server, connection):
        await status_of(server, 1)
    before = len(list(server["patch"]))
    async with writing(server, connection):
        server.apply(KIND, item("up") | {"metadata": {"name": "b", "namespace": "team-a"}})
        await status_of(server, 1, "b")

        assert len(list(server["patch"])) == before + 1  # that of b


async def test_a_standby_writes_nothing_until_it_leads(
    server: ApiServer, connection: bus.Bus
) -> None:
    server.apply(KIND, item("up"))
    async with writing(server, connection, leading=False) as found:
        await server.until_watched(KIND)
        assert not list(server["patch"])

        await found.lease.renew()
        found.writer.touch_all()
        await status_of(server, 1)


async def test_an_object_that_changed_meanwhile_gets_the_status_of_what_it_is_now(
    server: ApiServer, connection: bus.Bus
) -> None:
    server.apply(KIND, item("up"))
    raced = asyncio.Event()

    def race(request: Any) -> None:
        if not raced.is_set():
            raced.set()
            server.apply(KIND, item("up") | {"spec": {"source": "s", "metrics": ["down"]}})

    server["patch"] << race  # answers nothing: the emulator goes on, with a newer object
    async with writing(server, connection) as found:
        status = await status_of(server, 2)

        assert status["validatedMetrics"] == ["down"]
        assert found.count("conflict") == 1


async def test_a_refused_write_is_tried_again(server: ApiServer, connection: bus.Bus) -> None:
    server.apply(KIND, item("up"))
    server["patch"][:1] << 500
    async with writing(server, connection) as found:
        await status_of(server, 1)

        assert (found.count("failed"), len(list(server["patch"]))) == (1, 2)


async def test_an_event_that_cannot_be_written_harms_nothing(
    server: ApiServer, connection: bus.Bus
) -> None:
    server.apply(KIND, item("up"))
    server["post /apis/events.k8s.io/v1/namespaces/team-a/events"] << 403
    async with writing(server, connection):
        await status_of(server, 1)
        server.apply(KIND, item("up") | {"spec": {"source": "s", "metrics": ["down"]}})
        await status_of(server, 2)


async def test_no_object_is_written_more_often_than_it_may_be(
    server: ApiServer, connection: bus.Bus
) -> None:
    server.apply(KIND, item("up"))
    async with writing(server, connection, status_seconds=3600.0):
        await status_of(server, 1)
        server.apply(KIND, item("up") | {"spec": {"source": "s", "metrics": ["down"]}})
        server.apply(KIND, item("up") | {"metadata": {"name": "b", "namespace": "team-a"}})
        await status_of(server, 1, "b")

        assert server.get_object(KIND, *KEY)["status"]["observedGeneration"] == 1
        assert len(list(server["patch"])) == 2
