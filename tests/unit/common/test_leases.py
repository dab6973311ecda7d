"""Members are read from the leases that announce them."""

from tenantry_common import leases
from tenantry_common.contracts import LeaseHolder


def test_members_are_the_live_instances_of_one_service() -> None:
    snapshot = {
        "member.writer.b": LeaseHolder(instance="b"),
        "member.writer.a=2E1": LeaseHolder(instance="a.1"),
        "member.collector.c": LeaseHolder(instance="c"),
        "leader.writer": LeaseHolder(instance="b"),
    }

    assert leases.members(snapshot, "writer") == ("a.1", "b")


def test_a_standby_takes_over_from_a_killed_leader_within_15_seconds() -> None:
    # Killed right after it renewed, while the standby has just looked; a second for the server.
    assert leases.LEADER.ttl + leases.LEADER.renew + 1 < 15


def test_a_holder_stops_before_another_may_start() -> None:
    for term in (leases.USUAL, leases.LEADER):
        assert term.renew < term.trust < term.ttl
