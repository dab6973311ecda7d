"""Mirrors of buckets follow a real nats-server through changes and restarts."""

import asyncio

import pytest

from tenantry_common import bus, contracts, errors, kv, streams
from tenantry_common.testing import mirror, ready_bus, settings, until
from tenantry_local.nats_server import NatsServer


async def test_a_view_follows_puts_and_deletes(connection: bus.Bus) -> None:
    await kv.put(connection, "jobs", "a", b"1")
    async with mirror(connection, "jobs", bytes) as view:
        await until(view, lambda found: found == {"a": b"1"})
        await kv.put(connection, "jobs", "b", b"2")
        await until(view, lambda found: found == {"a": b"1", "b": b"2"})
        await kv.delete(connection, "jobs", "a")
        await until(view, lambda found: found == {"b": b"2"})


async def test_a_view_learns_what_changed_while_nats_was_away(
    fresh_nats_server: NatsServer,
) -> None:
    server = fresh_nats_server
    async with ready_bus(server.url) as connection, mirror(connection, "jobs", bytes) as view:
        await kv.put(connection, "jobs", "a", b"1")
        await until(view, lambda found: found == {"a": b"1"})

        await server.kill()
        await server.start()
        async with bus.connect(settings(server.url), "other") as other:
            await kv.delete(other, "jobs", "a")
            await kv.put(other, "jobs", "b", b"2")

        await until(view, lambda found: found == {"b": b"2"})
        assert connection.epoch == 1


async def test_a_view_says_for_how_long_nothing_has_vouched_for_it(
    fresh_nats_server: NatsServer,
) -> None:
    server = fresh_nats_server
    lost = asyncio.Event()
    async with bus.connect(
        settings(server.url), "test", lambda up, reason: None if up else lost.set()
    ) as connection:
        lost.clear()  # it counts as lost until it is first made
        await streams.ensure(connection, settings(server.url))
        unread = kv.KvView(connection, "jobs", bytes).seconds_unconfirmed()
        async with mirror(connection, "jobs", bytes) as view:
            fresh = view.seconds_unconfirmed()
            await server.kill()
            await asyncio.wait_for(lost.wait(), 5)
            connection.last_contact -= 100
            away = view.seconds_unconfirmed()
            await server.start()

    assert (unread, round(fresh), round(away)) == (float("inf"), 0, 100)


async def test_a_value_that_cannot_be_read_is_left_out_and_named(
    connection: bus.Bus,
) -> None:
    await kv.put(connection, "policies", "good", contracts.encode(policy("good")))
    await kv.put(connection, "policies", "bad", b"\xc1")

    async with mirror(connection, "policies", contracts.decode_policy) as view:
        assert dict(view.snapshot) == {"good": policy("good")}
        assert list(view.refused) == ["bad"]


def policy(tenant: str) -> contracts.TenantPolicy:
    return contracts.TenantPolicy(tenant=tenant, digest="d", rules=())


async def test_compare_and_set_refuses_an_old_revision(connection: bus.Bus) -> None:
    revision = await kv.compare_and_set(connection, "leases", "k", b"1", revision=0, ttl=60)

    with pytest.raises(errors.Fenced):
        await kv.compare_and_set(connection, "leases", "k", b"2", revision=0, ttl=60)
    assert await kv.entry(connection, "leases", "k") == kv.Entry(revision, b"1")
    assert await kv.entry(connection, "leases", "other") == kv.Entry(0, None)
