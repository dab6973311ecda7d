"""What the objects of a cluster say is known, and stays known whatever the API server does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from tests.integration.discovery.objects import create, set_status
from tests.kubernetes import api_server
from tests.kubernetes.api_server import CRDS, ApiServer, Kind
from tests.unit.discovery.kubernetes import manifests
from tests.unit.discovery.kubernetes.manifests import endpoint

from discovery.kubernetes import source
from discovery.kubernetes.settings import Rule
from discovery.kubernetes.source import Cluster
from tenantry_common import kubernetes
from tenantry_common.kubernetes import Api
from tenantry_common.kubernetes_watch import Timing

PODS: Kind = ("", "pods")
SERVICES: Kind = ("", "services")
SLICES: Kind = ("discovery.k8s.io", "endpointslices")
PROMETHEUSES: Kind = ("monitoring.coreos.com", "prometheuses")
QUICK = Timing(watch=30, silence=40, first_delay=0.01, max_delay=0.05, absent=0.05)
OPERATOR = {
    "metadata": {"name": "prometheuses.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "names": {"plural": "prometheuses", "kind": "Prometheus"},
        "scope": "Namespaced",
        "versions": [{"name": "v1", "served": True, "storage": True}],
    },
}


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server.running() as running:
        yield running


class Followed:
    """A cluster's rules, and the wait for what they will say."""

    def __init__(self, api: Api, *rules: Rule) -> None:
        self.api = api
        self._changed = asyncio.Event()
        self.cluster = Cluster(api, rules, self._changed.set, timing=QUICK)

    @property
    def targets(self) -> dict[str, str]:
        """Id → why it is not ready."""
        return {target.id: target.unready for target in self.cluster.targets}

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` is met, looking again with every change."""
        async with asyncio.timeout(30):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@contextlib.asynccontextmanager
async def following(
    server: ApiServer, *rules: Rule, timeout: float = 10
) -> AsyncIterator[Followed]:
    settings = kubernetes.Settings(url=str(server.url), timeout_seconds=timeout)
    async with kubernetes.connect(settings) as api, asyncio.TaskGroup() as group:
        followed = Followed(api, *rules)
        task = group.create_task(followed.cluster.run())
        try:
            yield followed
        finally:
            task.cancel()


POD_RULE = Rule(resource_types=("Pod",), prometheus_operator=False)


async def test_a_pod_is_followed_from_its_creation_to_its_end(server: ApiServer) -> None:
    async with following(server, POD_RULE) as followed:
        await followed.until(lambda: followed.cluster.complete)
        assert followed.targets == {}
        await create(followed.api, source.PODS, manifests.pod("p-0", ready=False))
        await followed.until(lambda: followed.targets != {})
        assert followed.targets == {"monitoring/p-0:9090": "the pod is not ready"}
        await set_status(followed.api, source.PODS, manifests.pod("p-0"))
        await followed.until(lambda: followed.targets == {"monitoring/p-0:9090": ""})
        server.remove(PODS, "monitoring", "p-0")
        await followed.until(lambda: followed.targets == {})


async def test_only_what_is_selected_is_asked_for(server: ApiServer) -> None:
    rule = Rule(
        namespaces=("monitoring", "infra"),
        label_selectors={"app": "prometheus", "tier": "infra"},
        resource_types=("Pod",),
        prometheus_operator=False,
    )
    async with following(server, rule) as followed:
        await create(followed.api, source.PODS, manifests.pod("other"))
        await create(followed.api, source.PODS, manifests.pod("p-0", labels={"tier": "infra"}))
        elsewhere = manifests.pod("p-0", labels={"tier": "infra"})
        elsewhere["metadata"]["namespace"] = "elsewhere"
        await create(followed.api, source.PODS, elsewhere)
        await followed.until(lambda: followed.targets == {"monitoring/p-0:9090": ""})

        asked = {(r.namespace, r.params.get("labelSelector")) for r in server["list"]}
        assert asked == {(ns, "app=prometheus,tier=infra") for ns in ("monitoring", "infra")}


async def test_endpoints_come_and_go_behind_a_service(server: ApiServer) -> None:
    async with following(server, Rule(port="web", prometheus_operator=False)) as followed:
        server.apply(SERVICES, manifests.service())
        await followed.until(lambda: followed.cluster.notes != ())
        assert followed.cluster.notes == (
            "Service monitoring/prometheus: there is no endpoint behind it",
        )
        server.apply(SLICES, manifests.slice_("s", endpoint("10.0.0.1", pod="p-0")))
        await followed.until(lambda: followed.targets == {"monitoring/p-0:9090": ""})
        assert not followed.cluster.notes
        both = (endpoint("10.0.0.1", pod="p-0", ready=False), endpoint("10.0.0.2", pod="p-1"))
        server.apply(SLICES, manifests.slice_("s", *both))
        await followed.until(lambda: len(followed.targets) == 2)
        assert followed.targets == {
            "monitoring/p-0:9090": "the endpoint is not ready",
            "monitoring/p-1:9090": "",
        }
        server.remove(SERVICES, "monitoring", "prometheus")
        await followed.until(lambda: followed.targets == {})


async def test_endpoint_slices_are_found_by_their_own_labels(server: ApiServer) -> None:
    rule = Rule(resource_types=("Endpoints",), prometheus_operator=False)
    async with following(server, rule) as followed:
        server.apply(SLICES, manifests.slice_("s", endpoint("10.0.0.1")))
        other = manifests.slice_("t", endpoint("10.0.0.2"))
        other["metadata"]["labels"]["app"] = "other"
        server.apply(SLICES, other)

        await followed.until(lambda: followed.targets == {"10.0.0.1:9090": ""})


async def test_the_operators_kind_may_come_to_exist_later(server: ApiServer) -> None:
    async with following(server, Rule()) as followed:
        await followed.until(lambda: followed.cluster.complete)
        assert followed.cluster.problems == ()
        await create(
            followed.api, source.PODS, manifests.operated("prometheus-k8s-shard-1-0", shard=1)
        )
        server.apply(CRDS, OPERATOR)
        await server.until_watched(PROMETHEUSES)
        server.apply(PROMETHEUSES, manifests.prometheus(shards=2))
        await followed.until(lambda: followed.targets != {})

        (target,) = followed.cluster.targets
        assert (target.id, target.part) == ("monitoring/prometheus-k8s-shard-1-0:9090", "1")
        assert followed.cluster.notes == ("Prometheus monitoring/k8s: shard 0 has 0 of 1 pods",)


@pytest.mark.parametrize(
    "disturb",
    [
        pytest.param(ApiServer.cut, id="the watch is closed"),
        pytest.param(ApiServer.say_gone, id="410 inside the watch"),
        pytest.param(lambda server: (server.compact(), server.cut()), id="410 over HTTP"),
        pytest.param(
            lambda server: server.say_raw({"type": "ADDED", "object": {"kind": "Pod"}}),
            id="an event that is none",
        ),
    ],
)
async def test_whatever_happens_to_the_watch_nothing_is_lost(
    server: ApiServer, disturb: Callable[[ApiServer], object]
) -> None:
    async with following(server, POD_RULE) as followed:
        await create(followed.api, source.PODS, manifests.pod("p-0"))
        await followed.until(lambda: followed.targets == {"monitoring/p-0:9090": ""})
        await server.until_watched(PODS)
        disturb(server)
        await create(followed.api, source.PODS, manifests.pod("p-1"))
        await followed.until(lambda: "" in followed.targets.values() and len(followed.targets) == 2)
        await followed.until(lambda: set(followed.targets.values()) == {""})

        assert followed.cluster.complete


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(500, "500", id="it fails"),
        pytest.param(403, "403", id="it says no"),
        pytest.param({"kind": "Status", "metadata": {}}, "", id="it answers something else"),
        pytest.param(
            {"kind": "PodList", "metadata": {"resourceVersion": "9"}}, "list", id="half a list"
        ),
    ],
)
async def test_an_api_server_that_fails_takes_nothing_away(
    server: ApiServer, answer: int | dict[str, object], said: str
) -> None:
    async with following(server, POD_RULE) as followed:
        await create(followed.api, source.PODS, manifests.pod("p-0"))
        await followed.until(lambda: followed.targets == {"monitoring/p-0:9090": ""})
        await server.until_watched(PODS)
        server["list v1/pods"] << answer
        server.compact()
        server.cut()
        await followed.until(lambda: followed.cluster.problems != ())

        assert followed.targets == {"monitoring/p-0:9090": ""}
        assert said in followed.cluster.problems[0]
        assert followed.cluster.complete


async def test_an_api_server_that_never_answered_leaves_the_source_incomplete(
    server: ApiServer,
) -> None:
    server["list v1/pods"] << 500
    async with following(server, POD_RULE) as followed:
        await followed.until(lambda: followed.cluster.problems != ())

        assert (followed.cluster.complete, followed.targets) == (False, {})


async def test_a_slow_api_server_is_waited_for_no_longer_than_configured(
    server: ApiServer,
) -> None:
    server.delay_seconds = 60
    async with following(server, POD_RULE, timeout=0.2) as followed:
        await followed.until(lambda: followed.cluster.problems != ())

        assert "Timeout" in followed.cluster.problems[0]


async def test_an_object_that_cannot_be_read_disturbs_no_other(
    server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    odd = manifests.pod("odd")
    odd["spec"]["containers"] = "none"
    async with following(server, POD_RULE) as followed:
        server.apply(PODS, odd)
        await create(followed.api, source.PODS, manifests.pod("p-0"))
        await followed.until(lambda: followed.targets == {"monitoring/p-0:9090": ""})

        (note,) = followed.cluster.notes
        assert note.startswith("Pod monitoring/odd: Expected `array`")
        assert [vars(r)["reason"] for r in caplog.records if "not used" in r.getMessage()] == [note]
        server.apply(PODS, manifests.pod("odd"))
        await followed.until(lambda: followed.cluster.notes == ())


async def test_rules_are_followed_side_by_side(server: ApiServer) -> None:
    other = Rule(
        resource_types=("Pod",),
        label_selectors={"app": "thanos"},
        port=10902,
        prometheus_operator=False,
    )
    async with following(server, POD_RULE, other) as followed:
        await create(followed.api, source.PODS, manifests.pod("p-0"))
        thanos = manifests.pod("t-0")
        thanos["metadata"]["labels"] = {"app": "thanos"}
        await create(followed.api, source.PODS, thanos)

        await followed.until(
            lambda: followed.targets == {"monitoring/p-0:9090": "", "monitoring/t-0:10902": ""}
        )
