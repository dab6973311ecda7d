"""The tenant-controller on an API server and a real nats-server, steered as with kubectl."""

import asyncio
import base64
import functools
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
import yaml
from tests.kubernetes.cluster import METRIC_ACCESSES, ROOT, Cluster

from tenantry_common import contracts, kv, subjects
from tenantry_common.contracts import DeliveryJob, Progress, Report, TenantPolicy
from tenantry_common.kubernetes import Failed, Resource
from tenantry_common.testing import mirror, ready_bus, until
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.process import Process
from tenantry_local.service import service
from tenantry_local.testing import logged

pytestmark = pytest.mark.timeout(240)

WITHIN = 30.0  # it takes a second or two; machines that run tests have other work
MANIFESTS = ROOT.parent / "shared" / "compat-manifests"
DELIVERED = {
    "enabled": True,
    "target": {"type": "prometheus"},
    "prometheus": {"serviceName": "prometheus", "servicePort": 9090},
}


class Controller:
    """One instance and its ops port."""

    def __init__(
        self, kube: Cluster, directory: Path, nats_url: str, name: str, settings: Mapping[str, Any]
    ) -> None:
        self._port = free_port()
        of_cluster = {"api": kube.settings("tenant-controller"), **settings.get("kubernetes", {})}
        self.process = service(
            "tenant_controller",
            {**settings, "kubernetes": of_cluster},
            name=name,
            nats_url=nats_url,
            ops_port=self._port,
            config=directory / f"{name}.yaml",
            log=directory / f"{name}.log",
        )

    async def get(self, path: str) -> tuple[int, str]:
        """Return status and text of a page of the ops port."""
        url = f"http://{LOOPBACK}:{self._port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, await response.text()

    async def ready_when(self, condition: Callable[[int, str], bool], seconds: float = 60) -> None:
        """Wait until `/readyz` meets `condition`."""
        async with asyncio.timeout(seconds):
            while not condition(*await self.get("/readyz")):  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.05)

    async def leading(self) -> bool:
        """Whether this instance publishes and writes."""
        _, text = await self.get("/metrics")
        return "tenantry_tenant_controller_leader 1.0" in text


type Describe = Callable[..., Controller]


@pytest.fixture
def describe(
    kube: Cluster,
    tmp_path: Path,
    fresh_nats_server: NatsServer,
    killed_at_end: Callable[[Process], None],
) -> Describe:
    """Describe instances that work on the same cluster."""

    def instance_of(name: str = "c-0", **settings: Any) -> Controller:
        instance = Controller(kube, tmp_path, fresh_nats_server.url, name, settings)
        killed_at_end(instance.process)
        return instance

    return instance_of


@pytest.fixture
async def policies(fresh_nats_server: NatsServer) -> AsyncIterator[kv.KvView[TenantPolicy]]:
    """KV `policies`."""
    async with (
        ready_bus(fresh_nats_server.url) as connection,
        mirror(connection, subjects.POLICIES, contracts.decode_policy) as view,
    ):
        yield view


@pytest.fixture
async def jobs(fresh_nats_server: NatsServer) -> AsyncIterator[kv.KvView[DeliveryJob]]:
    """KV `jobs`."""
    async with (
        ready_bus(fresh_nats_server.url) as connection,
        mirror(connection, subjects.JOBS, contracts.decode_job) as view,
    ):
        yield view


def names(snapshot: Mapping[str, TenantPolicy]) -> dict[str, set[str]]:
    """Tenant → metric names that it is granted, for manifests of plain names."""
    return {
        tenant: {
            name
            for rule in policy.rules
            for m in rule
            if m.label == "__name__"
            for name in m.value.split("|")
        }
        for tenant, policy in snapshot.items()
    }


async def granted(
    view: kv.KvView[TenantPolicy], expected: dict[str, set[str]], within: float = WITHIN
) -> None:
    await until(view, lambda snapshot: names(snapshot) == expected, within)


async def test_objects_take_effect_and_are_withdrawn(
    kube: Cluster,
    describe: Describe,
    policies: kv.KvView[TenantPolicy],
    jobs: kv.KvView[DeliveryJob],
) -> None:
    await kube.access("team-a", "a", "up")
    await describe().process.start()
    await granted(policies, {"team-a": {"up"}})

    await kube.access("team-a", "a", "up", "down", remoteWrite=DELIVERED)
    await granted(policies, {"team-a": {"up", "down"}})
    await until(jobs, lambda found: list(found) == ["team-a.a"], WITHIN)
    url = "http://prometheus.team-a.svc.cluster.local:9090/api/v1/write"
    assert [e.url for e in jobs.snapshot["team-a.a"].endpoints] == [url]

    await kube.access("team-b", "b", "right")
    await granted(policies, {"team-a": {"up", "down"}, "team-b": {"right"}})
    await kube.delete(METRIC_ACCESSES, "team-a", "a")
    await granted(policies, {"team-b": {"right"}})
    await until(jobs, lambda found: not found, WITHIN)


async def test_what_changed_while_nobody_ran_takes_effect_at_the_start(
    kube: Cluster, describe: Describe, policies: kv.KvView[TenantPolicy]
) -> None:
    await kube.access("team-a", "stays", "up")
    await kube.access("team-a", "goes", "gone")
    await kube.access("team-b", "goes", "gone")
    controller = describe()
    await controller.process.start()
    await granted(policies, {"team-a": {"up", "gone"}, "team-b": {"gone"}})
    await controller.process.terminate()

    await kube.delete(METRIC_ACCESSES, "team-a", "goes")
    await kube.delete(METRIC_ACCESSES, "team-b", "goes")
    await kube.access("team-c", "comes", "new")
    await controller.process.start()

    await granted(policies, {"team-a": {"up"}, "team-c": {"new"}})


async def test_an_invalid_object_says_why_grants_nothing_and_disturbs_nobody(
    kube: Cluster, describe: Describe, policies: kv.KvView[TenantPolicy]
) -> None:
    await kube.access("team-a", "good", "up")
    await kube.access("team-a", "bad", "down")
    await describe(kubernetes={"status_seconds": 0.5}).process.start()
    await granted(policies, {"team-a": {"up", "down"}})
    await kube.status_when("team-a", "bad", lambda s: valid(s) == "True")

    made = await kube.access("team-a", "bad", "down", "left{", "{}", labelSelectors={"1x": "y"})
    await granted(policies, {"team-a": {"up"}})

    status = await kube.status_when("team-a", "bad", lambda s: valid(s) == "False")
    condition = status["conditions"]["Valid"]
    assert condition["reason"] == "Invalid"
    for path in ("$.spec.metrics[1]", "$.spec.metrics[2]", "$.spec.labelSelectors.1x"):
        assert path in condition["message"]
    assert condition["observedGeneration"] == made["metadata"]["generation"]
    assert status["observedGeneration"] == made["metadata"]["generation"]
    assert (status["rules"], status["validatedMetrics"]) == (0, [])
    assert status["conditions"]["Ready"]["status"] == "False"
    good = await kube.status_when("team-a", "good", lambda s: bool(s["conditions"]))
    assert good["conditions"]["Ready"]["status"] == "True"
    told = [e for e in await kube.events("team-a") if e["regarding"]["name"] == "bad"]
    assert ("Warning", "Invalid") in [(e["type"], e["reason"]) for e in told]
    assert "$.spec.metrics[1]" in next(e["note"] for e in told if e["reason"] == "Invalid")

    await kube.access("team-a", "bad", "down")
    await granted(policies, {"team-a": {"up", "down"}})
    await kube.status_when("team-a", "bad", lambda s: valid(s) == "True")


def valid(status: Mapping[str, Any]) -> str:
    found: str = status["conditions"].get("Valid", {}).get("status", "")
    return found


async def test_a_boundary_follows_the_labels_of_a_namespace(
    kube: Cluster, describe: Describe, policies: kv.KvView[TenantPolicy]
) -> None:
    await kube.namespace("team-a", tier="prod")
    await kube.namespace("team-b", tier="dev")
    for namespace in ("team-a", "team-b"):
        await kube.access(namespace, "x", "up", "down")
    boundary = {"namespace_selector": "tier notin (prod)", "selectors": ["up"]}
    await describe(boundaries=[boundary], kubernetes={"status_seconds": 0.5}).process.start()
    await granted(policies, {"team-a": {"up", "down"}, "team-b": {"up"}})
    status = await kube.status_when("team-b", "x", lambda s: bool(s["conditions"]))
    assert status["conditions"]["BoundaryApplied"]["reason"] == "Narrowed"
    assert "$.spec.metrics[1]" in status["conditions"]["BoundaryApplied"]["message"]

    await kube.namespace("team-a", tier="dev")
    await granted(policies, {"team-a": {"up"}, "team-b": {"up"}})
    await kube.status_when(
        "team-a", "x", lambda s: s["conditions"]["BoundaryApplied"]["reason"] == "Narrowed"
    )


async def test_only_the_namespaces_that_are_chosen_count(
    kube: Cluster, describe: Describe, policies: kv.KvView[TenantPolicy]
) -> None:
    for namespace in ("team-a", "team-b", "team-c"):
        await kube.access(namespace, "x", "up")
    await describe(kubernetes={"namespaces": ["team-a", "team-c"]}).process.start()

    await granted(policies, {"team-a": {"up"}, "team-c": {"up"}})


async def test_while_the_api_server_is_away_everything_stays(
    kube: Cluster, describe: Describe, policies: kv.KvView[TenantPolicy]
) -> None:
    await kube.access("team-a", "a", "up")
    controller = describe()
    await controller.process.start()
    await granted(policies, {"team-a": {"up"}})
    await kube.status_when("team-a", "a", lambda s: valid(s) == "True")

    await kube.leave()
    await controller.ready_when(lambda status, text: status == 503 and "degraded" in text)
    assert names(policies.snapshot) == {"team-a": {"up"}}

    await kube.come_back()
    await controller.ready_when(lambda status, _: status == 200)
    await kube.access("team-a", "a", "down")
    await granted(policies, {"team-a": {"down"}})


async def test_a_start_without_api_server_withdraws_nothing(
    kube: Cluster, describe: Describe, policies: kv.KvView[TenantPolicy]
) -> None:
    await kube.access("team-a", "a", "up")
    controller = describe()
    await controller.process.start()
    await granted(policies, {"team-a": {"up"}})
    await controller.process.terminate()

    await kube.leave()
    controller.process.spawn()
    await logged(controller.process, "kubernetes api server does not answer")
    async with asyncio.timeout(30):
        while not await controller.leading():  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0.05)
    assert names(policies.snapshot) == {"team-a": {"up"}}

    await kube.come_back()
    await controller.ready_when(lambda status, _: status == 200)
    assert names(policies.snapshot) == {"team-a": {"up"}}


async def test_status_tells_how_a_delivery_is_doing(
    kube: Cluster, describe: Describe, fresh_nats_server: NatsServer
) -> None:
    made = await kube.access("team-a", "a", "up", remoteWrite=DELIVERED)
    await describe(kubernetes={"status_seconds": 0.5, "progress_seconds": 0.5}).process.start()
    waiting = await kube.status_when("team-a", "a", lambda s: bool(s["conditions"]))
    assert {name: c["status"] for name, c in waiting["conditions"].items()} == {
        "Ready": "False",
        "Valid": "True",
        "Collecting": "Unknown",
        "Delivering": "Unknown",
        "BoundaryApplied": "False",
    }
    since = waiting["conditions"]["Valid"]["lastTransitionTime"]

    async with ready_bus(fresh_nats_server.url) as connection:
        await report(connection, "collector", Progress(shard="s", series=7, window_end_ms=WINDOW))
        delivered = Progress(shard="s", endpoint="prometheus", window_end_ms=WINDOW)
        await report(connection, "writer", delivered)
        status = await kube.status_when("team-a", "a", is_ready)
        assert status["remoteWrite"]["active"] is True
        assert status["remoteWrite"]["metricsCollected"] == 7
        assert status["remoteWrite"]["lastCollection"] == "2030-01-01T00:00:00Z"
        assert [r["endpoint"] for r in status["remoteWrite"]["replicas"]] == ["prometheus"]
        assert status["conditions"]["Valid"]["lastTransitionTime"] == since
        assert status["observedGeneration"] == made["metadata"]["generation"]

        failing = Progress(
            shard="s", endpoint="prometheus", pending=3, window_end_ms=WINDOW, last_error="401"
        )
        await report(connection, "writer", failing)
        status = await kube.status_when("team-a", "a", lambda s: not is_ready(s))
        assert status["conditions"]["Delivering"]["message"] == "prometheus: 401"
        assert status["remoteWrite"]["lastError"] == "401"
    reasons = {e["reason"] for e in await kube.events("team-a")}
    assert {"Accepted", "Collecting", "Delivering", "DeliveryFailed"} <= reasons
    # What we write is status: the object's generation is its author's.
    now = await kube.admin.get(METRIC_ACCESSES, "team-a", "a")
    assert now["metadata"]["generation"] == made["metadata"]["generation"]


WINDOW = 1_893_456_000_000  # 2030-01-01


async def report(connection: Any, component: Any, *progress: Progress) -> None:
    job = subjects.JobRef("team-a", "a")
    written = Report(
        tenant=job.tenant,
        job=job.name,
        component=component,
        instance="i",
        at_ms=2 * WINDOW,  # never old
        progress=progress,
    )
    key = subjects.report_key(job, component, "i")
    await kv.put(connection, subjects.REPORTS, key, contracts.encode(written))


def is_ready(status: Mapping[str, Any]) -> bool:
    return bool(status["conditions"]["Ready"]["status"] == "True")


async def test_status_is_not_written_again_when_nothing_changed(
    kube: Cluster, describe: Describe
) -> None:
    await kube.access("team-a", "a", "up")
    controller = describe(kubernetes={"status_seconds": 0.1})
    await controller.process.start()
    await kube.status_when("team-a", "a", is_ready_at_last)
    before = await kube.admin.get(METRIC_ACCESSES, "team-a", "a")
    await controller.process.terminate()
    await controller.process.start()

    # A second object is written after everything that could be written to the first.
    await kube.access("team-b", "b", "up")
    await kube.status_when("team-b", "b", is_ready_at_last)

    now = await kube.admin.get(METRIC_ACCESSES, "team-a", "a")
    assert now["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def is_ready_at_last(status: Mapping[str, Any]) -> bool:
    return bool(status["conditions"]) and is_ready(status)


async def test_the_standby_takes_over_from_one_that_was_killed(
    kube: Cluster, describe: Describe, policies: kv.KvView[TenantPolicy]
) -> None:
    await kube.access("team-a", "a", "up")
    first, second = describe("c-0"), describe("c-1")
    await first.process.start()
    await granted(policies, {"team-a": {"up"}})
    await second.process.start()
    assert [await c.leading() for c in (first, second)] == [True, False]

    await first.process.kill()
    await kube.access("team-a", "a", "down")

    await granted(policies, {"team-a": {"down"}}, within=60)
    assert await second.leading()
    await kube.status_when("team-a", "a", lambda s: s.get("validatedMetrics") == ["down"])


WEBHOOKS = Resource(
    "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", namespaced=False
)


async def test_the_webhook_refuses_bad_objects_when_they_are_applied(
    kube: Cluster, describe: Describe, tmp_path: Path
) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert(LOOPBACK)
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "tls.pem"))
    port = free_port()
    file = str(tmp_path / "tls.pem")
    tls = {"cert_file": file, "key_file": file}
    await describe(webhook={"tls": tls, "host": LOOPBACK, "port": port}).process.start()
    url = f"https://{LOOPBACK}:{port}/validate"
    if kube.emulator is not None:
        kube.emulator.admission = functools.partial(admitted, url, authority)
    else:
        await kube.apply(WEBHOOKS, webhook_configuration(url, authority))

    try:
        async with asyncio.timeout(30):
            while not await refused(kube):  # noqa: ASYNC110  # nothing tells that it is in force
                await asyncio.sleep(0.1)
        await kube.access("team-a", "good", "up")
    finally:
        if kube.emulator is None:
            await kube.delete(WEBHOOKS, "", "tests")


async def refused(kube: Cluster) -> bool:
    """Whether a bad object is refused, with every reason."""
    try:
        await kube.access("team-a", "bad", "up", "down{", "{}")
    except Failed as error:
        text = str(error)
        return "spec.metrics[1]" in text and "spec.metrics[2]: matches every series" in text
    return False


async def admitted(url: str, authority: trustme.CA, review: dict[str, Any]) -> dict[str, Any]:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=review, ssl=context) as answer,
    ):
        body: dict[str, Any] = await answer.json()
        return body


def webhook_configuration(url: str, authority: trustme.CA) -> dict[str, Any]:
    bundle = base64.b64encode(authority.cert_pem.bytes()).decode()
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "tests"},
        "webhooks": [
            {
                "name": "metricaccesses.observability.ethos.io",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 10,
                "clientConfig": {"url": url, "caBundle": bundle},
                "rules": [
                    {
                        "apiGroups": ["observability.ethos.io"],
                        "apiVersions": ["v1alpha1"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": ["metricaccesses"],
                    }
                ],
            }
        ],
    }


def documents() -> Iterator[dict[str, Any]]:
    for file in sorted(MANIFESTS.glob("*.yaml")) if MANIFESTS.is_dir() else ():
        for document in yaml.safe_load_all(file.read_text()):
            if document:
                yield document


async def test_manifests_of_adobes_proxy_apply_unchanged(
    kube: Cluster, describe: Describe, policies: kv.KvView[TenantPolicy]
) -> None:
    await describe().process.start()
    given = list(documents())
    newest = {(d["metadata"]["namespace"], d["metadata"]["name"]): d for d in given}
    for document in given:
        await kube.apply_manifest(document)

    for (namespace, name), document in newest.items():
        wanted = document["spec"]["metrics"]
        status = await kube.status_when(
            namespace, name, functools.partial(has_validated, wanted=wanted)
        )
        assert valid(status) == "True", status
    expected = {namespace for namespace, _ in newest}
    await until(policies, lambda found: set(found) == expected, 30)


def has_validated(status: Mapping[str, Any], *, wanted: list[str]) -> bool:
    return status.get("validatedMetrics") == wanted
