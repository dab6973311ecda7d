"""Discovery as a process, on a real nats-server and two real Prometheus servers."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.discovery.running import WITHIN, Discovery, backends, pair, ports, sets

from discovery import app, config, traits
from tenantry_common import errors, runtime, subjects
from tenantry_common.contracts import Backend
from tenantry_common.testing import ready_bus, until
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory, logged

type Describe = Callable[..., Discovery]


@pytest.fixture
def describe(tmp_path: Path, killed_at_end: Callable[[Process], None]) -> Describe:
    """Describe instances that work on the same folder."""

    def instance_of(nats_url: str, name: str = "d-0") -> Discovery:
        instance = Discovery(tmp_path, nats_url, name)
        killed_at_end(instance.process)
        return instance

    return instance_of


async def revisions(nats_url: str) -> int:
    async with ready_bus(nats_url) as connection:
        return (await connection.js.stream_info("KV_backends")).state.last_seq


async def test_an_ha_pair_is_found_probed_and_followed(
    describe: Describe,
    fresh_nats_server: NatsServer,
    prometheus_factory: Factory[Prometheus],
) -> None:
    a, b = await pair(prometheus_factory)
    discovery = describe(fresh_nats_server.url)
    discovery.list(a, b, team="sre")
    async with backends(fresh_nats_server.url) as view:
        await discovery.process.start()
        await until(view, lambda found: sets(found) == {"cluster-eu1": [True, True]}, WITHIN)

        found = view.snapshot[subjects.token(f"{LOOPBACK}:{a.port}")]
        assert found == Backend(
            id=f"{LOOPBACK}:{a.port}",
            url=a.url,
            ha_set="cluster-eu1",
            external_labels={"cluster": "eu1"},
            replica_labels={"replica": "a"},
            labels={"team": "sre"},
            version=found.version,
            traits=traits.of(found.version, ()),
            healthy=True,
            started=found.started,
            oldest_ms=found.oldest_ms,
        )
        assert found.version[:1] in {"2", "3"}
        # It holds nothing yet, or its first scrape of itself.
        assert found.started
        assert found.oldest_ms is not None
        assert found.oldest_ms > 1_700_000_000_000

        await b.kill()
        await until(view, lambda found: sets(found) == {"cluster-eu1": [False, True]}, WITHIN)
        await b.start()
        await until(view, lambda found: sets(found) == {"cluster-eu1": [True, True]}, WITHIN)
        discovery.list(a)
        await until(view, lambda found: ports(found) == {a.port}, WITHIN)
        (discovery.folder / "a.json").unlink()
        await until(view, lambda found: ports(found) == set(), WITHIN)


async def test_a_broken_file_changes_nothing_and_is_named(
    describe: Describe, fresh_nats_server: NatsServer, prometheus_factory: Factory[Prometheus]
) -> None:
    a, b = await pair(prometheus_factory)
    discovery = describe(fresh_nats_server.url)
    discovery.list(a)
    async with backends(fresh_nats_server.url) as view:
        await discovery.process.start()
        await until(view, lambda found: ports(found) == {a.port}, WITHIN)
        (discovery.folder / "a.json").write_text('[{"targets": ')
        discovery.list(b, file="b.json")
        await until(view, lambda found: ports(found) == {a.port, b.port}, WITHIN)

        file = str(discovery.folder / "a.json")
        shown = {entry["file"]: entry["problem"] for entry in (await discovery.page())["files"]}
        assert shown[file] == f"{file}:1:14: not JSON: Expecting value"
        assert file in discovery.process.log.read_text()

        # Also a process that never saw the file whole leaves what it does not know alone.
        await discovery.process.kill()
        (discovery.folder / "b.json").unlink()
        await discovery.process.start()
        assert [f["problem"] != "" for f in (await discovery.page())["files"]] == [True]
        assert ports(view.snapshot) == {a.port, b.port}
        discovery.list(b, file="a.json")
        await until(view, lambda found: ports(found) == {b.port}, WITHIN)


async def test_a_restart_writes_nothing_and_deletes_what_went_meanwhile(
    describe: Describe, fresh_nats_server: NatsServer, prometheus_factory: Factory[Prometheus]
) -> None:
    a, b = await pair(prometheus_factory)
    discovery = describe(fresh_nats_server.url)
    discovery.list(a, b)
    async with backends(fresh_nats_server.url) as view:
        await discovery.process.start()
        await until(view, lambda found: sets(found) == {"cluster-eu1": [True, True]}, WITHIN)
        written = await revisions(fresh_nats_server.url)

        await discovery.process.terminate()
        await b.kill()
        await discovery.process.start()
        # The replica that is down stays in its set, though nobody can ask it for its labels.
        await until(view, lambda found: sets(found) == {"cluster-eu1": [False, True]}, WITHIN)
        assert await revisions(fresh_nats_server.url) == written + 1

        await discovery.process.terminate()
        discovery.list(a)
        await discovery.process.start()
        await until(view, lambda found: ports(found) == {a.port}, WITHIN)
        assert await revisions(fresh_nats_server.url) == written + 2


async def test_the_standby_takes_over(
    describe: Describe, fresh_nats_server: NatsServer, prometheus_factory: Factory[Prometheus]
) -> None:
    a, b = await pair(prometheus_factory)
    first = describe(fresh_nats_server.url, "d-0")
    second = describe(fresh_nats_server.url, "d-1")
    first.list(a)
    async with backends(fresh_nats_server.url) as view:
        await first.process.start()
        await until(view, lambda found: ports(found) == {a.port}, WITHIN)
        await second.process.start()
        assert [(await d.page())["leading"] for d in (first, second)] == [True, False]

        await first.process.kill()
        first.list(a, b)
        await until(view, lambda found: ports(found) == {a.port, b.port}, 25)

        assert (await second.page())["leading"] is True


async def test_nats_may_come_late_and_go_away(
    describe: Describe,
    nats_server_factory: Factory[NatsServer],
    prometheus_factory: Factory[Prometheus],
) -> None:
    a, b = await pair(prometheus_factory)
    nats = await nats_server_factory()
    await nats.kill()
    discovery = describe(nats.url)
    discovery.list(a)
    discovery.process.spawn()
    await logged(discovery.process, "nats is not reachable, waiting for it")
    await nats.start()
    await discovery.process.wait_ready()
    async with backends(nats.url) as view:
        await until(view, lambda found: ports(found) == {a.port}, WITHIN)
        await nats.kill()
        discovery.list(a, b)
        await nats.start()
        await until(view, lambda found: ports(found) == {a.port, b.port}, 20)


async def test_a_stop_while_waiting_for_nats_is_quick(describe: Describe) -> None:
    discovery = describe(f"nats://{LOOPBACK}:{free_port()}")
    discovery.process.spawn()
    await logged(discovery.process, "nats is not reachable, waiting for it")

    assert await discovery.process.terminate(grace=5) == 0


async def test_a_configuration_without_sources_is_refused() -> None:
    with pytest.raises(errors.ConfigError, match=r"\$\.discovery: no source"):
        await app.main(config.Config(), runtime.Runtime("discovery", config.Config()))
