"""Discovery as a process: real Prometheus servers are pods of a cluster, and become backends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.integration.discovery.objects import create, delete, set_status
from tests.integration.discovery.running import WITHIN, Discovery, backends, pair, sets
from tests.kubernetes import api_server
from tests.kubernetes.api_server import ApiServer
from tests.unit.discovery.kubernetes import manifests
from tests.unit.discovery.kubernetes.manifests import Manifest

from discovery.kubernetes.source import PODS
from tenantry_common import kubernetes
from tenantry_common.kubernetes import Api
from tenantry_common.testing import until
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory

ADOBES = {
    "namespaces": ["monitoring"],
    "label_selectors": {"app": "prometheus"},
    "port": "web",
    "resource_types": ["Pod"],
}


class Cluster:
    """An API server whose pods are servers of this machine."""

    def __init__(self, server: ApiServer, api: Api) -> None:
        self.server = server
        self.api = api

    async def add(self, name: str, prometheus: Prometheus, **more: Any) -> Manifest:
        """Create the pod in which `prometheus` runs."""
        pod = manifests.pod(name, ip=LOOPBACK, ports={"web": prometheus.port}, **more)
        await create(self.api, PODS, pod)
        return pod

    async def set_ready(self, pod: Manifest, ready: bool) -> None:
        """Say whether the pod is ready."""
        conditions = [{"type": "Ready", "status": str(ready)}]
        status = {**pod["status"], "conditions": conditions}
        await set_status(self.api, PODS, {**pod, "status": status})


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with api_server.running() as server:
        settings = kubernetes.Settings(url=str(server.url))
        async with kubernetes.connect(settings) as api:
            yield Cluster(server, api)


type Describe = Callable[..., Discovery]


@pytest.fixture
def describe(
    tmp_path: Path,
    cluster: Cluster,
    fresh_nats_server: NatsServer,
    killed_at_end: Callable[[Process], None],
) -> Describe:
    """Describe an instance that follows the cluster."""

    def instance_of(rule: object = ADOBES) -> Discovery:
        instance = Discovery(
            tmp_path,
            fresh_nats_server.url,
            "d-0",
            discovery={"kubernetes": rule},
            kubernetes={"url": str(cluster.server.url)},
        )
        killed_at_end(instance.process)
        return instance

    return instance_of


async def until_ready(discovery: Discovery, expected: str) -> None:
    """Wait until /readyz says so."""
    async with asyncio.timeout(WITHIN):
        while True:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                if expected in (await discovery.get("/readyz"))[1]:
                    return
            await asyncio.sleep(0.05)


async def test_pods_are_an_ha_pair_and_are_followed(
    describe: Describe,
    cluster: Cluster,
    fresh_nats_server: NatsServer,
    prometheus_factory: Factory[Prometheus],
) -> None:
    a, b = await pair(prometheus_factory)
    pod = await cluster.add("prom-a", a)
    discovery = describe()
    async with backends(fresh_nats_server.url) as view:
        await discovery.process.start()
        await cluster.add("prom-b", b)
        await until(view, lambda found: sets(found) == {"cluster-eu1": [True, True]}, WITHIN)
        assert {backend.id: backend.url for backend in view.snapshot.values()} == {
            f"monitoring/prom-a:{a.port}": a.url,
            f"monitoring/prom-b:{b.port}": b.url,
        }

        # One that stops answering is unhealthy, whoever notices it first, and keeps its set.
        await cluster.set_ready(pod, False)
        await until(view, lambda found: sets(found) == {"cluster-eu1": [False, True]}, WITHIN)
        await b.kill()
        await until(view, lambda found: sets(found) == {"cluster-eu1": [False, False]}, WITHIN)
        await cluster.set_ready(pod, True)
        await until(view, lambda found: sets(found) == {"cluster-eu1": [False, True]}, WITHIN)
        await delete(cluster.api, PODS, "prom-b")
        await until(view, lambda found: sets(found) == {"cluster-eu1": [True]}, WITHIN)

        (target,) = (await discovery.page())["targets"]
        assert (target["url"], target["healthy"], target["source"]) == (
            a.url,
            True,
            "Pod monitoring/prom-a",
        )
        assert target["last_seen"].endswith("Z")


async def test_without_the_api_server_everything_stays_and_that_is_said(
    describe: Describe,
    cluster: Cluster,
    fresh_nats_server: NatsServer,
    prometheus_factory: Factory[Prometheus],
) -> None:
    a, b = await pair(prometheus_factory)
    await cluster.add("prom-a", a)
    discovery = describe()
    async with backends(fresh_nats_server.url) as view:
        await discovery.process.start()
        await until(view, lambda found: sets(found) == {"cluster-eu1": [True]}, WITHIN)
        cluster.server.away = True
        cluster.server.cut()
        await until_ready(discovery, "/pods: 503")
        assert "degraded" in (await discovery.get("/health"))[1]
        # It goes on asking the backends that it knows.
        await a.kill()
        await until(view, lambda found: sets(found) == {"cluster-eu1": [False]}, WITHIN)

        # One that is started now knows nothing, and withdraws nothing.
        await discovery.process.terminate()
        discovery.process.spawn()
        await until_ready(discovery, "/pods: 503")
        assert sets(view.snapshot) == {"cluster-eu1": [False]}
        assert (await discovery.page())["targets"] == []

        cluster.server.away = False
        await until_ready(discovery, "ready\n")
        await cluster.add("prom-b", b)
        await until(view, lambda found: sets(found) == {"cluster-eu1": [False, True]}, WITHIN)


async def test_operator_shards_of_equal_labels_are_shards(
    describe: Describe,
    cluster: Cluster,
    fresh_nats_server: NatsServer,
    prometheus_factory: Factory[Prometheus],
) -> None:
    labels = {"prometheus": "monitoring/k8s"}
    for shard in (0, 1):
        for replica in (0, 1):
            name = f"prometheus-k8s-{shard}-{replica}"
            server = await prometheus_factory(
                name=name, external_labels={**labels, "prometheus_replica": name}
            )
            operated = {
                "operator.prometheus.io/name": "k8s",
                "operator.prometheus.io/shard": str(shard),
            }
            await cluster.add(name, server, labels=operated)
    discovery = describe()
    async with backends(fresh_nats_server.url) as view:
        await discovery.process.start()
        found = await until(view, lambda found: len(found) == 4, WITHIN)

        assert sorted(map(len, sets(found).values())) == [2, 2]


async def test_a_rule_that_cannot_be_meant_ends_the_process(describe: Describe) -> None:
    discovery = describe({**ADOBES, "access": "infra"})
    discovery.process.spawn()

    assert await discovery.process.wait() == 2
