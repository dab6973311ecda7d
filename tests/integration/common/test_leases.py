"""One holder per lease on a real nats-server, whatever happens to the others."""

from tenantry_common import bus, leases
from tenantry_common.leases import Term
from tenantry_common.testing import mirror, ready_bus, until
from tenantry_local.nats_server import NatsServer


async def test_one_instance_holds_a_lease_until_it_releases_it(
    connection: bus.Bus,
) -> None:
    a = leases.Lease(connection, "leader.x", "a")
    b = leases.Lease(connection, "leader.x", "b")

    assert [await a.renew(), await b.renew(), await a.renew()] == [True, False, True]
    await a.release()
    assert [a.held, await b.renew(), await a.renew()] == [False, True, False]


async def test_a_lease_that_is_not_renewed_goes_to_the_next(
    connection: bus.Bus,
) -> None:
    clock = 0.0
    term = Term(1, 0.3)
    a = leases.Lease(connection, "leader.x", "a", term=term, now=lambda: clock)
    b = leases.Lease(connection, "leader.x", "b", term=term)
    assert await a.renew()

    async with mirror(connection, "leases", bytes) as view:
        await until(view, lambda found: found == {})
    clock = 0.8

    assert (a.held, await b.renew(), await a.renew()) == (False, True, False)


async def test_a_lease_stays_held_while_nats_is_away_until_its_local_deadline(
    fresh_nats_server: NatsServer,
) -> None:
    server = fresh_nats_server
    clock = 0.0
    async with ready_bus(server.url) as connection:
        lease = leases.Lease(connection, "leader.x", "a", now=lambda: clock)
        assert await lease.renew()
        await server.kill()

        clock = 9.0
        held_before = lease.held
        clock = 10.0

        assert (held_before, lease.held) == (True, False)
        await server.start()
