"""The tenant-controller as a process, on a real nats-server."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tenant_controller import app, config
from tenantry_common import contracts, errors, kv, runtime, subjects
from tenantry_common.contracts import DeliveryJob, TenantPolicy
from tenantry_common.testing import mirror, ready_bus, until
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.process import Process
from tenantry_local.service import service
from tenantry_local.testing import Factory, logged

WITHIN = 5.0
EXAMPLES = Path(__file__).parents[3] / "examples" / "metricaccess"
TENANT_URLS = ["http://127.0.0.1:19091", "http://127.0.0.1:19092"]


class Controller:
    """One instance, its folder of manifests and its ops port."""

    def __init__(self, directory: Path, nats_url: str, name: str) -> None:
        self.folder = directory / "manifests"
        self.folder.mkdir(exist_ok=True)
        self._port = free_port()
        self.process = service(
            "tenant_controller",
            {
                "folder": {"path": str(self.folder), "reread_seconds": 0.5},
                "service_overrides": {"team-web/prometheus:9090": TENANT_URLS},
            },
            name=name,
            nats_url=nats_url,
            ops_port=self._port,
            config=directory / f"{name}.yaml",
            log=directory / f"{name}.log",
        )

    def write(self, name: str, *metrics: str, namespace: str = "team-a") -> Path:
        """Write a manifest that grants these metrics, as `<name>.yaml`."""
        path = self.folder / f"{name}.yaml"
        path.write_text(
            "apiVersion: observability.ethos.io/v1alpha1\n"
            "kind: MetricAccess\n"
            f"metadata: {{name: {name}, namespace: {namespace}}}\n"
            f"spec: {{source: s, metrics: {list(metrics)}}}\n"
        )
        return path

    async def get(self, path: str) -> str:
        """Return a page of the ops port."""
        url = f"http://{LOOPBACK}:{self._port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return await response.text()

    async def leading(self) -> bool:
        """Whether this instance publishes."""
        return "tenantry_tenant_controller_leader 1.0" in await self.get("/metrics")


type Describe = Callable[..., Controller]


@pytest.fixture
def describe(tmp_path: Path, killed_at_end: Callable[[Process], None]) -> Describe:
    """Describe instances that work on the same folder."""

    def instance_of(nats_url: str, name: str = "c-0") -> Controller:
        instance = Controller(tmp_path, nats_url, name)
        killed_at_end(instance.process)
        return instance

    return instance_of


@contextlib.asynccontextmanager
async def policies(nats_url: str) -> AsyncIterator[kv.KvView[TenantPolicy]]:
    async with (
        ready_bus(nats_url) as connection,
        mirror(connection, subjects.POLICIES, contracts.decode_policy) as view,
    ):
        yield view


@contextlib.asynccontextmanager
async def jobs(nats_url: str) -> AsyncIterator[kv.KvView[DeliveryJob]]:
    async with (
        ready_bus(nats_url) as connection,
        mirror(connection, subjects.JOBS, contracts.decode_job) as view,
    ):
        yield view


def names(snapshot: Mapping[str, TenantPolicy]) -> dict[str, set[str]]:
    """Tenant → metric names that it is granted, for manifests of plain names."""
    return {
        tenant: {name for rule in policy.rules for m in rule for name in m.value.split("|")}
        for tenant, policy in snapshot.items()
    }


async def granted(
    view: kv.KvView[TenantPolicy], expected: dict[str, set[str]], within: float = WITHIN
) -> None:
    await until(view, lambda snapshot: names(snapshot) == expected, within)


async def revisions(nats_url: str) -> int:
    async with ready_bus(nats_url) as connection:
        found = [await connection.js.stream_info(f"KV_{b}") for b in ("policies", "jobs")]
        return sum(info.state.last_seq for info in found)


async def test_edits_take_effect_within_seconds(
    describe: Describe, fresh_nats_server: NatsServer
) -> None:
    controller = describe(fresh_nats_server.url)
    controller.write("a", "up")
    async with policies(fresh_nats_server.url) as view:
        await controller.process.start()
        await granted(view, {"team-a": {"up"}})
        controller.write("a", "up", "down")
        await granted(view, {"team-a": {"up", "down"}})
        controller.write("b", "left")
        await granted(view, {"team-a": {"up", "down", "left"}})
        second = controller.write("c", "right", namespace="team-b")
        await granted(view, {"team-a": {"up", "down", "left"}, "team-b": {"right"}})
        second.rename(controller.folder / "c.yaml.off")
        await granted(view, {"team-a": {"up", "down", "left"}})
        for path in controller.folder.glob("*.yaml"):
            path.unlink()
        await granted(view, {})


async def test_the_examples_become_policies_and_a_job(
    describe: Describe, fresh_nats_server: NatsServer
) -> None:
    controller = describe(fresh_nats_server.url)
    for example in EXAMPLES.glob("*.yaml"):
        (controller.folder / example.name).write_text(example.read_text())
    async with policies(fresh_nats_server.url) as view, jobs(fresh_nats_server.url) as deliveries:
        await controller.process.start()
        await until(view, lambda found: len(found) == 3, WITHIN)
        await until(deliveries, lambda found: len(found) == 1, WITHIN)

        assert {t: (p.objects, p.problems) for t, p in view.snapshot.items()} == {
            "platform": (("everything",), ()),
            "team-batch": (("batch",), ()),
            "team-web": (("shared", "web"), ()),
        }
        job = deliveries.snapshot["team-web.web"]
        assert [(e.id, e.url) for e in job.endpoints] == [
            (f"prometheus-{n}", f"{url}/api/v1/write") for n, url in enumerate(TENANT_URLS)
        ]
        (controller.folder / "team-web.yaml").unlink()
        await until(deliveries, lambda found: not found, WITHIN)


async def test_a_broken_manifest_grants_nothing_and_is_named(
    describe: Describe, fresh_nats_server: NatsServer
) -> None:
    controller = describe(fresh_nats_server.url)
    controller.write("good", "up")
    controller.write("edited", "down", namespace="team-b")
    async with policies(fresh_nats_server.url) as view:
        await controller.process.start()
        await granted(view, {"team-a": {"up"}, "team-b": {"down"}})

        broken = controller.write("edited", "down", "left{", namespace="team-b")
        (controller.folder / "no.yaml").write_text("a: [\n")
        await granted(view, {"team-a": {"up"}, "team-b": set()})

        assert [p.path for p in view.snapshot["team-b"].problems] == ["$.spec.metrics[1]"]
        page = await controller.get("/debug/tenants")
        log = controller.process.log.read_text()
        for text in (str(broken), "$.spec.metrics[1]", str(controller.folder / "no.yaml")):
            assert text in page
            assert text in log
        controller.write("good", "up", "right")
        await granted(view, {"team-a": {"up", "right"}, "team-b": set()})
        assert controller.process.log.read_text().count("$.spec.metrics[1]") == 1


async def test_a_restart_writes_nothing_and_deletes_what_went_meanwhile(
    describe: Describe, fresh_nats_server: NatsServer
) -> None:
    controller = describe(fresh_nats_server.url)
    controller.write("a", "up")
    gone = controller.write("b", "down", namespace="team-b")
    async with policies(fresh_nats_server.url) as view:
        await controller.process.start()
        await granted(view, {"team-a": {"up"}, "team-b": {"down"}})
        written = await revisions(fresh_nats_server.url)

        await controller.process.kill()
        gone.unlink()
        await controller.process.start()
        await granted(view, {"team-a": {"up"}}, within=25)  # the lease of the killed one expires

        assert await revisions(fresh_nats_server.url) == written + 1


async def test_the_standby_takes_over(describe: Describe, fresh_nats_server: NatsServer) -> None:
    first = describe(fresh_nats_server.url, "c-0")
    second = describe(fresh_nats_server.url, "c-1")
    first.write("a", "up")
    async with policies(fresh_nats_server.url) as view:
        await first.process.start()
        await granted(view, {"team-a": {"up"}})
        await second.process.start()
        assert [await c.leading() for c in (first, second)] == [True, False]
        written = await revisions(fresh_nats_server.url)

        # An orderly stop gives the lease up at once; nobody has to wait for it to expire.
        await first.process.terminate()
        first.write("a", "down")
        await granted(view, {"team-a": {"down"}}, within=10)

        assert await second.leading()
        assert await revisions(fresh_nats_server.url) == written + 1


async def test_nats_may_come_late_and_go_away(
    describe: Describe, nats_server_factory: Factory[NatsServer]
) -> None:
    nats = await nats_server_factory()
    await nats.kill()
    controller = describe(nats.url)
    controller.write("a", "up")
    controller.process.spawn()
    await logged(controller.process, "nats is not reachable, waiting for it")
    assert "waiting for NATS" in await controller.get("/readyz")
    await nats.start()
    await controller.process.wait_ready()
    async with policies(nats.url) as view:
        await granted(view, {"team-a": {"up"}})
        await nats.kill()
        controller.write("a", "down")
        await nats.start()
        await granted(view, {"team-a": {"down"}}, within=20)


async def test_a_folder_that_vanishes_is_not_an_empty_one(
    describe: Describe, fresh_nats_server: NatsServer
) -> None:
    controller = describe(fresh_nats_server.url)
    controller.write("a", "up")
    async with policies(fresh_nats_server.url) as view:
        await controller.process.start()
        await granted(view, {"team-a": {"up"}})
        elsewhere = controller.folder.rename(controller.folder.with_name("elsewhere"))
        await logged(controller.process, "manifests cannot be listed, keeping the last")

        assert names(view.snapshot) == {"team-a": {"up"}}
        assert "No such file or directory" in await controller.get("/readyz")
        elsewhere.rename(controller.folder)
        controller.write("a", "down")
        await granted(view, {"team-a": {"down"}})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param(
            {"boundaries": (config.Boundary(namespaces=("*",), selectors=("{",)),)},
            r"^\$\.boundaries\[0\]\.selectors\[0\]: ",
            id="boundary",
        ),
        pytest.param(
            {"service_overrides": {"a/b:1": ("nowhere",)}},
            r"^\$\.service_overrides\.a/b:1\[0\]: ",
            id="service",
        ),
    ],
)
async def test_a_wrong_configuration_is_refused(settings: dict[str, Any], message: str) -> None:
    wrong = config.Config(folder=config.Folder(path="m"), **settings)

    with pytest.raises(errors.ConfigError, match=message):
        await app.main(wrong, runtime.Runtime("tenant-controller", wrong))
