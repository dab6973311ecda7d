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
