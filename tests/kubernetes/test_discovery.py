"""Discovery on a cluster whose pods are real Prometheus servers of this machine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.integration.discovery.objects import create, delete, set_status
from tests.integration.discovery.running import WITHIN, Discovery, backends, pair, sets
from tests.kubernetes.cluster import Cluster
from tests.unit.discovery.kubernetes import manifests
from tests.unit.discovery.kubernetes.manifests import Manifest

from discovery.kubernetes.source import PODS, PROMETHEUSES
from tenantry_common.kubernetes import Resource
from tenantry_common.testing import until
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory

pytestmark = pytest.mark.timeout(240)  # up to five servers and a process or two are started

NAMESPACE = "monitoring"
ADOBES = {
    "namespaces": [NAMESPACE],
    "label_selectors": {"app": "prometheus"},
    "port": "web",
    "resource_types": ["Pod"],
}
OPERATORS_KIND = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "prometheuses.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "names": {
            "plural": "prometheuses",
            "singular": "prometheus",
            "kind": "Prometheus",
            "listKind": "PrometheusList",
        },
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}


@pytest_asyncio.fixture
async def estate(kube: Cluster) -> AsyncIterator[Cluster]:
    """The cluster with an empty namespace for infrastructure."""
    await kube.namespace(NAMESPACE)
    await _empty(kube, PODS)
    yield kube
    await _empty(kube, PODS)


async def _empty(kube: Cluster, resource: Resource) -> None:
    found = await kube.admin.call("GET", resource.path(NAMESPACE))
    for item in found["items"]:
        await delete(kube.admin, resource, item["metadata"]["name"])


async def add(kube: Cluster, name: str, prometheus: Prometheus, **more: Any) -> Manifest:
    """Create the pod in which `prometheus` runs."""
    pod = manifests.pod(name, ip=LOOPBACK, ports={"web": prometheus.port}, **more)
    await create(kube.admin, PODS, pod)
    return pod


async def set_ready(kube: Cluster, pod: Manifest, ready: bool) -> None:
    """Say whether the pod is ready."""
    conditions = [{"type": "Ready", "status": str(ready)}]
    known = await kube.admin.get(PODS, NAMESPACE, pod["metadata"]["name"])
    status = {**known["status"], "conditions": conditions}
    await set_status(kube.admin, PODS, {**known, "status": status})


type Describe = Callable[..., Discovery]


@pytest.fixture
def describe(
    tmp_path: Path,
    estate: Cluster,
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
            kubernetes=estate.settings("discovery"),
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
    estate: Cluster,
    fresh_nats_server: NatsServer,
    prometheus_factory: Factory[Prometheus],
) -> None:
    a, b = await pair(prometheus_factory)
    pod = await add(estate, "prom-a", a)
    discovery = describe()
    async with backends(fresh_nats_server.url) as view:
        await discovery.process.start()
        await add(estate, "prom-b", b)
        await until(view, lambda found: sets(found) == {"cluster-eu1": [True, True]}, WITHIN)
        assert {backend.id: backend.url for backend in view.snapshot.values()} == {
            f"monitoring/prom-a:{a.port}": a.url,
            f"monitoring/prom-b:{b.port}": b.url,
        }

        # One that stops answering is unhealthy, whoever notices it first, and keeps its set.
        await set_ready(estate, pod, False)
        await until(view, lambda found: sets(found) == {"cluster-eu1": [False, True]}, WITHIN)
        await b.kill()
        await until(view, lambda found: sets(found) == {"cluster-eu1": [False, False]}, WITHIN)
        await set_ready(estate, pod, True)
        await until(view, lambda found: sets(found) == {"cluster-eu1": [False, True]}, WITHIN)
        await delete(estate.admin, PODS, "prom-b")
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
    estate: Cluster,
    fresh_nats_server: NatsServer,
    prometheus_factory: Factory[Prometheus],
) -> None:
    a, b = await pair(prometheus_factory)
    await add(estate, "prom-a", a)
    discovery = describe()
    async with backends(fresh_nats_server.url) as view:
        await discovery.process.start()
        await until(view, lambda found: sets(found) == {"cluster-eu1": [True]}, WITHIN)
        await estate.leave()
        await until_ready(discovery, "namespaces/monitoring/pods: ")
        assert "degraded" in (await discovery.get("/health"))[1]
        # It goes on asking the backends that it knows.
        await a.kill()
        await until(view, lambda found: sets(found) == {"cluster-eu1": [False]}, WITHIN)

        # One that is started now knows nothing, and withdraws nothing.
        await discovery.process.terminate()
        discovery.process.spawn()
        await until_ready(discovery, "namespaces/monitoring/pods: ")
        assert sets(view.snapshot) == {"cluster-eu1": [False]}
        assert (await discovery.page())["targets"] == []

        await estate.come_back()
        await until_ready(discovery, "ready\n")
        await add(estate, "prom-b", b)
        await until(view, lambda found: sets(found) == {"cluster-eu1": [False, True]}, WITHIN)


async def test_shards_of_the_operator_are_shards_and_its_objects_tell_them(
    describe: Describe,
    estate: Cluster,
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
            await add(estate, name, server, labels=operated)
    await estate.install([OPERATORS_KIND])
    described = manifests.prometheus(shards=2, replicas=2)
    described["metadata"]["labels"]["kind"] = "object"
    await estate.apply(PROMETHEUSES, described)
    # None of the rule's resource types finds the pods: they lack the label that the object has.
    discovery = describe({**ADOBES, "label_selectors": {"app": "prometheus", "kind": "object"}})
    async with backends(fresh_nats_server.url) as view:
        await discovery.process.start()
        await until(view, lambda found: sorted(sets(found).values()) == [[True, True]] * 2, WITHIN)

        assert {target["source"] for target in (await discovery.page())["targets"]} == {
            "Prometheus monitoring/k8s"
        }
    await delete(estate.admin, PROMETHEUSES, "k8s")


async def test_a_rule_that_cannot_be_meant_ends_the_process(describe: Describe) -> None:
    discovery = describe({**ADOBES, "access": "infra"})
    discovery.process.spawn()

    assert await discovery.process.wait() == 2
