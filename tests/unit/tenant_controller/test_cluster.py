"""What is compiled is what the API server said last for certain."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest
from tests.kubernetes import api_server
from tests.kubernetes.api_server import ApiServer, Definition
from tests.unit.tenant_controller.compiling import item

from tenant_controller import config, platform_settings
from tenant_controller.cluster import Cluster
from tenant_controller.platform_settings import Platform
from tenantry_common import kubernetes
from tenantry_common.kubernetes_store import Key
from tenantry_common.kubernetes_watch import Timing

KIND = ("observability.ethos.io", "metricaccesses")
NAMESPACES = ("", "namespaces")


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    """A cluster that knows MetricAccess."""
    async with api_server.running() as running:
        running.kinds[KIND] = Definition("observability.ethos.io/v1alpha1", "MetricAccess")
        yield running


PLATFORM = platform_settings.parse(config.Config(kubernetes=config.Kubernetes()))


class Following:
    """A cluster that is followed, and what it told."""

    def __init__(self, cluster: Cluster, changed: asyncio.Event, touched: list[Key]) -> None:
        self.cluster = cluster
        self.changed = changed
        self.touched = touched

    def granted(self, platform: Platform | None = None) -> dict[str, list[str]] | None:
        """Return tenant → what it may see, None as long as nothing is known."""
        compile_all = self.cluster.look()
        if compile_all is None:
            return None
        policies = compile_all(platform or PLATFORM).policies
        return {t: [m.value for rule in p.rules for m in rule] for t, p in policies.items()}

    async def until(self, expected: object, **options: Any) -> None:
        """Wait until what is granted is `expected`."""
        async with asyncio.timeout(30):
            while self.granted(**options) != expected:
                self.changed.clear()
                await self.changed.wait()


@contextlib.asynccontextmanager
async def following(
    server: ApiServer, *, need_labels: bool = False, **settings: Any
) -> AsyncIterator[Following]:
    changed, touched = asyncio.Event(), list[Key]()

    def touch(keys: Collection[Key]) -> None:
        touched.extend(keys)

    async with (
        kubernetes.connect(kubernetes.Settings(url=str(server.url))) as api,
        asyncio.TaskGroup() as group,
    ):
        timing = Timing(first_delay=0.01, max_delay=0.05)
        chosen = config.Kubernetes(**settings)
        cluster = Cluster(api, chosen, changed.set, need_labels=need_labels, timing=timing)
        cluster.on_touched = touch
        task = group.create_task(cluster.run())
        yield Following(cluster, changed, touched)
        task.cancel()


async def test_nothing_is_known_before_the_first_list(server: ApiServer) -> None:
    server.away = True
    server.apply(KIND, item("up"))
    async with following(server) as found:
        async with asyncio.timeout(30):
            await found.changed.wait()
        assert found.granted() is None
        assert "degraded, keeping what is known: /apis/" in found.cluster.problem

        server.away = False
        await found.until({"team-a": ["up"]})
        assert found.cluster.problem == ""


async def test_a_new_status_is_told_but_means_nothing(server: ApiServer) -> None:
    server.apply(KIND, item("up"))
    async with following(server) as found:
        await found.until({"team-a": ["up"]})
        await server.until_watched(KIND)
        found.changed.clear()
        found.touched.clear()
        known = server.get_object(KIND, "team-a", "a")
        server._update(KIND, ("team-a", "a"), {**known, "status": {"rules": 1}}, status=True)
        server.apply(
            KIND, item("up", generation=1) | {"spec": {"source": "s", "metrics": ["down"]}}
        )
        await found.until({"team-a": ["down"]})

        assert found.touched == [("team-a", "a"), ("team-a", "a")]
        assert found.cluster.counts["event"] == 2


async def test_labels_of_namespaces_decide_which_boundary_covers_them(server: ApiServer) -> None:
    limit = config.Boundary(namespace_selector="tier=dev", selectors=("nothing",))
    platform = platform_settings.parse(
        config.Config(kubernetes=config.Kubernetes(), boundaries=(limit,))
    )
    server.apply(KIND, item("up"))
    async with following(server, need_labels=True) as found:
        # The namespace is not known yet: then every boundary that asks for labels covers it.
        await found.until({"team-a": []}, platform=platform)
        server.apply(NAMESPACES, {"metadata": {"name": "team-a", "labels": {"tier": "prod"}}})
        await found.until({"team-a": ["up"]}, platform=platform)
        server.apply(NAMESPACES, {"metadata": {"name": "team-a", "labels": {"tier": "dev"}}})
        await found.until({"team-a": []}, platform=platform)


async def test_namespaces_are_not_read_where_nothing_depends_on_them(server: ApiServer) -> None:
    server.apply(KIND, item("up"))
    async with following(server) as found:
        await found.until({"team-a": ["up"]})

        assert not list(server["/api/v1/namespaces"])


async def test_only_chosen_namespaces_count(server: ApiServer) -> None:
    for namespace in ("team-a", "team-b"):
        made = item("up")
        server.apply(KIND, made | {"metadata": {"name": "a", "namespace": namespace}})
    async with following(server, namespaces=("team-b",)) as found:
        await found.until({"team-b": ["up"]})
