"""NATS as it is shipped: every service can do its work as its own user, and nobody another's."""

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import nats.errors
import nats.js.errors
import pytest
import pytest_asyncio
import yaml
from nats.js import api
from tests.deploy import shipped_nats
from tests.deploy.shipped_nats import NATS, ROOT, USERS, Running

from receiver.federate.mirror import Mirror
from tenantry_cli import backfill, snapshot
from tenantry_cli.demo import queries
from tenantry_cli.estate import DELIVERED_TENANT, Estate
from tenantry_cli.ports import Ports
from tenantry_common import (
    batches,
    bus,
    config,
    contracts,
    errors,
    kv,
    leases,
    streams,
    subjects,
    tasks,
    testing,
)
from tenantry_common.subjects import JobRef, ShardRef
from tenantry_local.process import Process
from tenantry_local.supervisor import Supervisor

SERVICES = tuple(user for user in USERS if user != "provision")  # and people
SHARD = ShardRef(JobRef("team-a", "web"), "eu1")
PUSHED = ShardRef(JobRef("team-a", "web"), subjects.push_shard("cluster"))
EMPTY = ShardRef(JobRef("team-a", "web"), "eu2")
JOB = SHARD.job


def provision_settings() -> dict[str, Any]:
    """Section `nats` of the shipped job that creates the streams."""
    path = ROOT / "deploy" / "kubernetes" / "base" / "provision" / "config.yaml"
    found: dict[str, Any] = yaml.safe_load(path.read_text())["nats"]
    return found


async def provision(servers: Running, folder: Path, **more: Any) -> None:
    """Run the shipped job, under its own user."""
    sizes = {k: v for k, v in provision_settings().items() if k.startswith(("samples_", "repl"))}
    path = folder / "provision.yaml"
    path.write_text(yaml.safe_dump({"nats": servers.settings("provision", **{**sizes, **more})}))
    process = Process(
        "provision",
        [sys.executable, "-m", "tenantry_common.provision", "--config", path],
        log=folder / "provision.log",
    )
    process.spawn()
    assert await asyncio.wait_for(process.wait(), 60) == 0, process.last_lines()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """One node, with every stream in place."""
    folder = tmp_path_factory.mktemp("node")
    async with shipped_nats.running(folder, 1) as servers:
        await provision(servers, folder, replicas=1)
        yield servers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_bare_node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """One node without any stream, for those who publish nonsense."""
    async with shipped_nats.running(tmp_path_factory.mktemp("bare"), 1) as servers:
        yield servers


@pytest.fixture
def one_node(shared_node: Running) -> Running:
    return shared_node.from_now()


@pytest.fixture
def bare_node(shared_bare_node: Running) -> Running:
    return shared_bare_node.from_now()


@dataclass(frozen=True)
class Confined(Estate):
    """The estate of `tenantry up`, each service a user of its own on servers that exist already."""

    servers: Running

    def _service(self, name: str, module: str, settings: Mapping[str, Any]) -> Process:
        user = module.replace("_", "-")
        return super()._service(name, module, {**settings, "nats": self.servers.settings(user)})


@pytest.mark.timeout(180)
async def test_all_services_do_their_work_under_their_own_users(tmp_path: Path) -> None:
    async with shipped_nats.running(tmp_path, 3) as servers:
        await provision(servers, tmp_path)
        estate = Confined(tmp_path / "run", Ports.free(), servers)
        estate.prepare(ROOT / "examples" / "metricaccess")
        async with (
            Supervisor(tmp_path / "run" / "log") as supervisor,
            aiohttp.ClientSession() as session,
        ):
            await supervisor.start(*estate.sources(), *estate.tenants())
            await supervisor.start(*estate.services())
            await _until(lambda: _permitted(session, estate))
            for url in estate.tenant_urls:
                await _until(lambda url=url: _delivered(session, url))  # type: ignore[misc]
            for manifest in estate.manifests.iterdir():
                manifest.unlink()
            await _until(lambda: _refused(session, estate))
        async with servers.connected("provision") as connection:
            found = [
                (await connection.js.stream_info(one.name or "")).config
                for one in streams.definitions(config.Nats())
            ]

        assert servers.violations() == []
        assert {stream.num_replicas for stream in found} == {3}


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.3)


async def _permitted(session: aiohttp.ClientSession, estate: Estate) -> bool:
    return bool(await queries.count(session, estate.gateway_url, DELIVERED_TENANT, "up"))


async def _refused(session: aiohttp.ClientSession, estate: Estate) -> bool:
    return not await queries.count(session, estate.gateway_url, DELIVERED_TENANT, "up")


async def _delivered(session: aiohttp.ClientSession, url: str) -> bool:
    query = {"query": 'count({namespace!=""})'}
    async with session.get(f"{url}/api/v1/query", params=query) as answer:
        return bool((await answer.json())["data"]["result"])


# What the services do on NATS beside what the estate above made them do.
async def _reject(connection: bus.Bus) -> None:
    await batches.append(connection, subjects.rejects(JOB), b"series", {})


async def _note_push(connection: bus.Bus) -> None:
    await kv.put(connection, subjects.PUSHES, subjects.push_key(JOB, "e"), b"")
    await kv.delete(connection, subjects.PUSHES, subjects.push_key(JOB, "e"))


async def _ask_for_backfill(connection: bus.Bus) -> None:
    await kv.entry(connection, subjects.BACKFILLS, subjects.backfill_key(SHARD, "e", 0))
    await kv.put(connection, subjects.BACKFILLS, subjects.backfill_key(SHARD, "e", 0), b"")
    await kv.delete(connection, subjects.BACKFILLS, subjects.backfill_key(SHARD, "e", 0))
    await batches.discard(connection, subjects.BACKFILL, subjects.backfill(SHARD, "e"), until=1)


async def _read_samples(connection: bus.Bus) -> None:
    await batches.last(connection, subjects.SAMPLES, subjects.samples(SHARD))
    await batches.following(connection, subjects.SAMPLES, subjects.samples(SHARD), 0)
    await batches.subjects_of(connection, subjects.SAMPLES, subjects.SAMPLES_SUBJECTS)


async def _answer_a_request(connection: bus.Bus) -> None:
    key, subject = subjects.backfill_key(SHARD, "e", 9), subjects.backfill(SHARD, "e")
    await kv.entry(connection, subjects.BACKFILLS, key)
    revision = await kv.compare_and_set(connection, subjects.BACKFILLS, key, b"", revision=0)
    await kv.compare_and_set(connection, subjects.BACKFILLS, key, b"", revision=revision)
    sequence = await batches.publish(connection, subject, b"1", {}, after=0)
    await batches.last(connection, subjects.BACKFILL, subject)
    await batches.following(connection, subjects.BACKFILL, subject, 0)
    await batches.settled(connection, subjects.BACKFILL, "c", subject)
    await batches.discard(connection, subjects.BACKFILL, subject, until=sequence)


async def _push(connection: bus.Bus) -> None:
    whole, delta = subjects.latest(JOB, "cluster"), subjects.latest(JOB, "cluster", "d-1")
    for stream in (subjects.SAMPLES, subjects.LATEST):
        await batches.led(connection, stream)
    await batches.append(connection, subjects.samples(PUSHED), b"1", {})
    sequence = await batches.publish(connection, whole, b"1", {}, after=0)
    await batches.append(connection, delta, b"1", {})
    newest = await batches.last(connection, subjects.LATEST, whole)
    assert newest is not None
    assert newest.sequence == sequence
    mirror = Mirror(connection)
    async with asyncio.TaskGroup() as group, asyncio.timeout(10):
        task = tasks.spawn(group, "mirror", mirror.run())
        while not mirror.is_complete:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.05)
        task.cancel()


async def _publish_samples(connection: bus.Bus) -> None:
    sequence = await batches.publish(connection, subjects.samples(SHARD), b"1", {}, after=0)
    await batches.publish(connection, subjects.samples(SHARD), b"2", {}, after=sequence)


def _pulls(stream: str, subject: str) -> Callable[[bus.Bus], Awaitable[None]]:
    async def pull_one(connection: bus.Bus) -> None:
        name = subjects.writer_consumer(EMPTY, "prometheus-0.prometheus")
        pull = await batches.OrderedPull.open(
            connection, name=name, subject=subject, ack_wait=5, idle=60, stream=stream
        )
        assert await pull.is_new()
        assert await pull.next(0.2) is None
        assert await pull.pending() == 0
        await pull.close()
        await batches.settled(connection, stream, name, subject)

    return pull_one


def _holds(*keys: str) -> Callable[[bus.Bus], Awaitable[None]]:
    async def take_and_release(connection: bus.Bus) -> None:
        for key in keys:
            lease = leases.Lease(connection, key, "i")
            assert await lease.renew()
            await lease.release()

    return take_and_release


def _watches(*buckets: str) -> Callable[[bus.Bus], Awaitable[None]]:
    async def read(connection: bus.Bus) -> None:
        for bucket in buckets:
            async with testing.mirror(connection, bucket, bytes):
                pass

    return read


async def _look_around(connection: bus.Bus) -> None:
    await snapshot.take(connection)
    await batches.settled(
        connection, subjects.SAMPLES, subjects.writer_consumer(SHARD, "e"), subjects.samples(SHARD)
    )


async def _revoke(connection: bus.Bus) -> None:
    key = subjects.revocation_key("cluster", "team-a/web/cluster")
    await kv.put(connection, subjects.REVOCATIONS, key, b"?")


async def _ask_by_hand(connection: bus.Bus) -> None:
    with contextlib.suppress(errors.TenantryError):  # there is no such job
        await backfill.ask(connection, JOB, None, 1000, 1000)
    await batches.last(connection, subjects.SAMPLES, subjects.samples(SHARD))
    request = contracts.Backfill(
        tenant=JOB.tenant, job=JOB.name, shard=SHARD.shard, endpoint="e", start_ms=0, end_ms=9
    )
    key = backfill.key_of(request)
    await kv.put(connection, subjects.BACKFILLS, key, contracts.encode(request))
    async for _ in backfill.follow(connection, (request,)):
        break


OPERATIONS: dict[str, tuple[Callable[[bus.Bus], Awaitable[None]], ...]] = {
    "discovery": (
        _holds(subjects.leader_lease("discovery")),
        _watches(subjects.BACKENDS),
    ),
    "tenant-controller": (
        _holds(subjects.leader_lease("tenant-controller")),
        _watches(subjects.POLICIES, subjects.JOBS, subjects.REPORTS),
    ),
    "query-gateway": (_watches(subjects.POLICIES, subjects.BACKENDS),),
    "collector": (
        _holds(subjects.member_lease("collector", "i"), subjects.collector_lease(SHARD)),
        _watches(subjects.JOBS, subjects.BACKENDS, subjects.LEASES, subjects.BACKFILLS),
        _publish_samples,
        _read_samples,
        _answer_a_request,
    ),
    "writer": (
        _holds(subjects.member_lease("writer", "i.j")),
        _watches(subjects.JOBS, subjects.LEASES, subjects.PUSHES, subjects.BACKFILLS),
        _read_samples,
        _pulls(subjects.SAMPLES, subjects.samples(EMPTY)),
        _pulls(subjects.BACKFILL, subjects.backfill(EMPTY, "e")),
        _reject,
        _note_push,
        _ask_for_backfill,
    ),
    "receiver": (
        _watches(subjects.JOBS, subjects.REVOCATIONS),
        _push,
        _reject,
    ),
    "operator": (_look_around, _revoke, _ask_by_hand),
}


@pytest.mark.parametrize("user", SERVICES)
async def test_a_service_may_do_what_it_does_seldom(one_node: Running, user: str) -> None:
    async with one_node.connected(user) as connection:
        await streams.ensure(connection, config.Nats())
        for operation in OPERATIONS[user]:
            await operation(connection)

    assert one_node.violations() == []


# Who publishes what. Everybody else is refused, everybody listed here is not.
PUBLISHERS = {
    "$KV.backends.b": {"discovery"},
    "$KV.policies.team-a": {"tenant-controller"},
    "$KV.jobs.team-a.web": {"tenant-controller"},
    "$KV.leases.leader.discovery": {"discovery"},
    "$KV.leases.leader.tenant-controller": {"tenant-controller"},
    "$KV.leases.member.collector.i": {"collector"},
    "$KV.leases.member.writer.i": {"writer"},
    "$KV.leases.collector.team-a.web.eu1": {"collector"},
    "$KV.reports.team-a.web.collector.i": {"collector"},
    "$KV.reports.team-a.web.writer.i": {"writer"},
    "$KV.pushes.team-a.web.e": {"writer"},
    "$KV.backfills.team-a.web.eu1.e.0": {"collector", "writer", "operator"},
    "samples.team-a.web.eu1": {"collector", "receiver"},
    "latest.team-a.web.0f": {"receiver"},
    "latest.team-a.web.0f.d-1": {"receiver"},
    "latest.team-a.web": set(),
    "$KV.revocations.token.0f": {"operator"},
    "backfill.team-a.web.eu1.e": {"collector"},
    "rejects.team-a.web": {"writer", "receiver"},
    "$JS.API.CONSUMER.CREATE.KV_policies": {"tenant-controller", "query-gateway", "operator"},
    "$JS.API.CONSUMER.CREATE.KV_policies.c": set(),
    "$JS.API.CONSUMER.CREATE.KV_jobs": {
        "tenant-controller",
        "collector",
        "writer",
        "receiver",
        "operator",
    },
    "$JS.API.CONSUMER.CREATE.KV_revocations": {"receiver"},
    "$JS.API.CONSUMER.CREATE.LATEST.c.latest.>": {"receiver"},
    "$JS.API.CONSUMER.CREATE.SAMPLES.c.samples.t.j.s": {"writer"},
    "$JS.API.CONSUMER.CREATE.SAMPLES": set(),
    "$JS.API.CONSUMER.CREATE.BACKFILL.c.backfill.t.j.s.e": {"writer"},
    "$JS.API.CONSUMER.DURABLE.CREATE.SAMPLES.c": set(),
    "$JS.API.CONSUMER.LIST.KV_policies": set(),
    "$JS.API.CONSUMER.NAMES.KV_policies": set(),
    "$JS.API.CONSUMER.DELETE.SAMPLES.c": set(),
    "$JS.API.CONSUMER.MSG.NEXT.SAMPLES.c": {"writer"},
    "$JS.ACK.SAMPLES.c.1.1.1.1.0": {"writer"},
    "$JS.API.STREAM.MSG.GET.SAMPLES": {"collector", "writer", "operator"},
    "$JS.API.STREAM.MSG.GET.BACKFILL": {"collector"},
    "$JS.API.STREAM.MSG.GET.LATEST": {"receiver"},
    "$JS.API.STREAM.PURGE.BACKFILL": {"collector", "writer"},
    "$JS.API.STREAM.PURGE.SAMPLES": set(),
    "$JS.API.STREAM.MSG.GET.KV_policies": set(),
    "$JS.API.DIRECT.GET.KV_policies": set(),
    "$JS.API.STREAM.MSG.DELETE.SAMPLES": set(),
    "$JS.API.STREAM.CREATE.X": {"provision"},
    "$JS.API.STREAM.UPDATE.KV_policies": {"provision"},
    "$JS.API.STREAM.DELETE.KV_policies": set(),
    "$JS.API.STREAM.PURGE.KV_policies": set(),
    "$JS.API.STREAM.RESTORE.KV_policies": set(),
    "$JS.API.STREAM.SNAPSHOT.KV_policies": set(),
    "$JS.API.STREAM.LIST": set(),
    "$JS.API.STREAM.NAMES": set(),
    "_INBOX_query-gateway.x": set(),
    "$SYS.REQ.SERVER.PING": set(),
    "anything": set(),
}


@pytest.mark.parametrize("user", USERS)
async def test_a_user_publishes_its_own_subjects_and_no_other(
    bare_node: Running, user: str
) -> None:
    refused = [f"{user} publishes {s}" for s, may in PUBLISHERS.items() if user not in may]

    async with bare_node.connected(user) as connection:
        for subject in PUBLISHERS:
            # With a reply, since JetStream's API leaves requests without one alone; nobody listens.
            await connection.client.publish(subject, b"?", reply="_INBOX_nobody.x")
        await connection.client.flush()

    assert [f"{user} publishes {s}" for s in _refusals(bare_node, "Publish")] == refused


@pytest.mark.parametrize("user", USERS)
async def test_a_user_hears_nothing_but_its_own_inbox(bare_node: Running, user: str) -> None:
    others = [subjects.inbox_prefix(other) + ".x" for other in USERS if other != user]
    others += ["_INBOX.>", ">", "samples.>", "$KV.policies.>", "$JS.ACK.>", "$SYS.>"]

    async with bare_node.connected(user) as connection:
        for subject in (*others, subjects.inbox_prefix(user) + ".x"):
            await connection.client.subscribe(subject)
        await connection.client.flush()

    assert _refusals(bare_node, "Subscription") == others


def _refusals(servers: Running, what: str) -> list[str]:
    lines = [line for line in servers.violations() if f"{what} Violation" in line]
    found = [re.search(r'Subject "([^"]*)"', line) for line in lines]
    return [match[1] for match in found if match]


async def test_a_writer_cannot_have_a_policy_published_for_it(one_node: Running) -> None:
    """JetStream delivers what a consumer reads wherever the consumer was told to."""
    forged = contracts.encode(contracts.TenantPolicy(tenant="victim", rules=(), digest="d"))
    target = subjects.bucket_subject(subjects.POLICIES, "victim")
    async with (
        one_node.connected("tenant-controller") as owner,
        one_node.connected("writer") as writer,
        testing.mirror(owner, subjects.POLICIES, bytes) as policies,
    ):
        key = subjects.backfill_key(SHARD, "e", 0)
        await kv.put(writer, subjects.BACKFILLS, key, forged)
        await writer.js.add_consumer(
            subjects.bucket_stream(subjects.BACKFILLS),
            config=api.ConsumerConfig(
                deliver_subject=target, ack_policy=api.AckPolicy.NONE, inactive_threshold=60
            ),
        )
        await kv.put(writer, subjects.BACKFILLS, key, forged)
        # What is published after all that comes after it.
        await kv.put(owner, subjects.POLICIES, "later", b"")
        async with asyncio.timeout(30):
            while "later" not in policies.raw:
                await policies.newer(policies.version)

        assert policies.raw.keys() == {"later"}


async def test_a_wrong_password_is_nobody(bare_node: Running, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("p0")
    settings = bare_node.settings("writer", password_file=str(wrong))
    with pytest.raises((nats.errors.Error, TimeoutError)):
        await nats.connect(
            settings["servers"],
            user="writer",
            password="p0",  # noqa: S106 - a wrong one
            tls=bus._tls(config.Nats(tls_ca_file=settings["tls_ca_file"])),
            allow_reconnect=False,
            max_reconnect_attempts=1,
            connect_timeout=5,
        )


async def test_a_service_without_tls_is_not_let_in(bare_node: Running) -> None:
    (port,) = bare_node.ports
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    info = json.loads((await reader.readline()).removeprefix(b"INFO "))
    writer.write(b'CONNECT {"verbose":false}\r\nPING\r\n')
    with contextlib.suppress(ConnectionError):
        rest = await asyncio.wait_for(reader.read(), 30)
        assert b"PONG" not in rest
    writer.close()

    assert info["tls_required"] is True


# The files fit together


def test_every_user_has_a_password_from_a_secret_of_its_own() -> None:
    users = re.findall(r"user: (\S+)\s+password: \$(\w+)", (NATS / "accounts.conf").read_text())
    script = re.search(r"USERS='([^']*)'", (NATS / "credentials.sh").read_text())
    references = shipped_nats.password_references()

    assert tuple(user for user, _ in users) == USERS
    assert script is not None
    assert tuple(script[1].split()) == USERS
    assert {variable: f"nats-{user}" for user, variable in users} == {
        variable: reference["name"] for variable, reference in references.items()
    }


def test_streams_fit_the_volume() -> None:
    wanted = streams.definitions(config.Nats(**{**provision_settings(), "servers": ()}))
    (limit,) = re.findall(r"max_file_store: (\d+)GB", (NATS / "nats.conf").read_text())
    (claim,) = shipped_nats.stateful_set()["spec"]["volumeClaimTemplates"]

    assert sum(max(stream.max_bytes or 0, 0) for stream in wanted) < int(limit) * 10**9 * 0.8
    assert claim["spec"]["resources"]["requests"]["storage"] == f"{int(limit) + 1}Gi"


async def test_people_look_with_the_command_under_a_user_of_their_own(one_node: Running) -> None:
    settings = one_node.settings("operator")
    known = {f"TENANTRY__NATS__{name.upper()}": text for name, text in settings.items()}
    del known["TENANTRY__NATS__SERVERS"]
    for environment, expected in ((known, 0), ({}, 2)):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tenantry_cli", "status", "--nats", settings["servers"][0]),
            env={**os.environ, **environment},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert await asyncio.wait_for(process.wait(), 60) == expected
