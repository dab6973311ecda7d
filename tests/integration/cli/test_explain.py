"""`tenantry explain` goes by the policy that is in force on a real nats-server."""

from tenantry_cli import explain
from tenantry_common import contracts, kv, subjects
from tenantry_common.testing import ready_bus
from tenantry_local.nats_server import NatsServer


async def test_the_published_rules_and_the_backends_properties_count(
    fresh_nats_server: NatsServer,
) -> None:
    policy = contracts.TenantPolicy(
        tenant="team-a", digest="d", rules=((contracts.Matcher("job", "=", "a"),),)
    )
    backend = contracts.Backend(
        id="b", url="http://b", ha_set="b", traits=contracts.UpstreamTraits(major=3)
    )
    async with ready_bus(fresh_nats_server.url) as connection:
        await kv.put(connection, subjects.POLICIES, "team-a", contracts.encode(policy))
        await kv.put(connection, subjects.BACKENDS, "b", contracts.encode(backend))
        ground = await explain.in_force(connection, "team-a")

    assert (explain.explain(ground, "up").rewritten, ground.upstream.major) == (('up{job="a"}',), 3)
