"""`tenantry status` reads everything from a real nats-server, whatever state it is in."""

from tenantry_cli import snapshot
from tenantry_cli.snapshot import Cursor
from tenantry_common import batches, contracts, kv, subjects
from tenantry_common.subjects import JobRef, ShardRef
from tenantry_common.testing import ready_bus
from tenantry_local.nats_server import NatsServer

SHARD = ShardRef(JobRef("team-web", "web"), "cluster-demo")
JOB = contracts.DeliveryJob(
    tenant="team-web",
    name="web",
    digest="d",
    rules=(),
    interval_ms=5000,
    lookback_ms=1,
    endpoints=(contracts.Endpoint(id="0", kind="prometheus", url="http://t0/api/v1/write"),),
)


async def test_an_estate_without_anything_is_empty(fresh_nats_server: NatsServer) -> None:
    async with ready_bus(fresh_nats_server.url) as connection:
        taken = await snapshot.take(connection)

    assert taken == snapshot.Snapshot(
        backends=(), policies=(), jobs=(), reports=(), cursors=(), unreadable=()
    )


async def test_what_waits_for_an_endpoint_is_counted(fresh_nats_server: NatsServer) -> None:
    async with ready_bus(fresh_nats_server.url) as connection:
        await kv.put(connection, subjects.JOBS, subjects.job_key(SHARD.job), contracts.encode(JOB))
        for part in (b"1", b"2"):
            await batches.append(connection, subjects.samples(SHARD), part, {})
        before = await snapshot.take(connection)
        await batches.OrderedPull.open(
            connection,
            name=subjects.writer_consumer(SHARD, "0"),
            subject=subjects.samples(SHARD),
            ack_wait=30,
            idle=60,
        )
        after = await snapshot.take(connection)

    assert [before.cursors, after.cursors] == [
        (Cursor(shard=SHARD, endpoint="0", waiting=-1),),
        (Cursor(shard=SHARD, endpoint="0", waiting=2),),
    ]
    assert after.jobs == (JOB,)


async def test_what_cannot_be_read_is_named(fresh_nats_server: NatsServer) -> None:
    async with ready_bus(fresh_nats_server.url) as connection:
        await kv.put(connection, subjects.BACKENDS, "odd", b"\xc1")
        await kv.put(connection, subjects.BACKENDS, "gone", b"")
        await kv.delete(connection, subjects.BACKENDS, "gone")
        taken = await snapshot.take(connection)

    assert [text.split(":")[0] for text in taken.unreadable] == ["backends/odd"]
