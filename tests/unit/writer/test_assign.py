"""Which lanes an instance asks for."""

import msgspec

from tenantry_common import contracts
from tenantry_common.subjects import JobRef, ShardRef
from writer import allow, protocol
from writer.assign import Assignment, Lane, Refusal, assign

JOB = JobRef("team-a", "all")
EU = ShardRef(JOB, "cluster-eu")
US = ShardRef(JOB, "cluster-us")
FIRST = contracts.Endpoint(id="0", kind="prometheus", url="http://p-0:9090/api/v1/write")
SECOND = contracts.Endpoint(id="1", kind="prometheus", url="http://p-1:9090/api/v1/write")


def job(
    *endpoints: contracts.Endpoint, ref: JobRef = JOB, speak: protocol.Protocol = "1.0"
) -> contracts.DeliveryJob:
    return contracts.DeliveryJob(
        tenant=ref.tenant,
        name=ref.name,
        digest="d",
        rules=(),
        interval_ms=10_000,
        lookback_ms=0,
        protocol=speak,
        endpoints=endpoints,
    )


def lanes(*pairs: tuple[ShardRef, contracts.Endpoint]) -> frozenset[Lane]:
    return frozenset(Lane(shard=shard, endpoint=endpoint) for shard, endpoint in pairs)


def test_every_shard_of_a_job_goes_to_every_endpoint() -> None:
    other = ShardRef(JobRef("team-b", "x"), "cluster-eu")

    found = assign([job(FIRST, SECOND)], [EU, US, other], [], "a", ())

    assert found == Assignment(
        lanes=lanes((EU, FIRST), (EU, SECOND), (US, FIRST), (US, SECOND)),
        endpoints={(JOB, "0"): FIRST, (JOB, "1"): SECOND},
    )


def test_two_of_many_writers_ask_for_a_lane() -> None:
    members = ["a", "b", "c", "d", "e"]
    wanted = lanes((EU, FIRST), (EU, SECOND), (US, FIRST), (US, SECOND))

    asking = {m: assign([job(FIRST, SECOND)], [EU, US], members, m, ()).lanes for m in members}

    assert {lane: sum(lane in of for of in asking.values()) for lane in wanted} == dict.fromkeys(
        wanted, 2
    )


def test_an_instance_counts_itself_before_others_see_it() -> None:
    assert assign([job(FIRST)], [EU], ["b"], "a", ()).lanes == lanes((EU, FIRST))


def test_what_may_not_be_delivered_to_is_refused_with_the_reason() -> None:
    outside = contracts.Endpoint(id="out", kind="remote_write", url="http://10.0.0.1/w")

    found = assign([job(outside, FIRST)], [EU], [], "a", ())

    assert (found.lanes, found.refusals) == (
        lanes((EU, FIRST)),
        (
            Refusal(
                job=JOB,
                endpoint="out",
                reason="the platform does not allow targets at 10.0.0.1 (remote_write_allow)",
            ),
        ),
    )


def test_all_shards_of_a_pushgateways_group_are_with_one_writer() -> None:
    push = contracts.Endpoint(id="push", kind="pushgateway", url="http://push:9091")
    members = ["a", "b", "c", "d"]

    asking = [assign([job(push)], [EU, US], members, m, ()).lanes for m in members]

    wanted = {Lane(shard=shard, endpoint=push, interval_ms=10_000) for shard in (EU, US)}
    assert sorted(asking, key=len) == [set(), set(), set(), wanted]


def test_all_shards_that_share_an_upload_are_with_one_writer() -> None:
    telemeter = contracts.Endpoint(id="up", kind="telemeter", url="http://10.0.0.1/upload")
    members, allowed = ["a", "b", "c", "d"], allow.parse(["10.0.0.1"])

    asking = [assign([job(telemeter)], [EU, US], members, m, allowed).lanes for m in members]

    assert sorted(asking, key=len) == [set(), set(), set(), lanes((EU, telemeter), (US, telemeter))]


def test_a_refusal_is_reported_by_one_instance() -> None:
    members = ["a", "b", "c"]
    outside = contracts.Endpoint(id="out", kind="remote_write", url="http://10.0.0.1/w")
    refused = [assign([job(outside)], [], members, m, ()).refusals for m in members]

    assert sorted(map(len, refused)) == [0, 0, 1]


def test_a_lane_speaks_what_its_job_asks_for() -> None:
    found = assign([job(FIRST, speak="auto")], [EU], [], "a", ())

    assert found.lanes == {Lane(shard=EU, endpoint=FIRST, protocol="auto")}


def test_a_lane_whose_endpoint_changed_or_went_is_not_permitted_any_more() -> None:
    moved = contracts.Endpoint(id="0", kind="prometheus", url="http://elsewhere:9090/api/v1/write")
    found = assign([job(FIRST)], [], ["b", "c"], "a", ())

    permitted = [
        found.permits(Lane(shard=EU, endpoint=endpoint)) for endpoint in (FIRST, moved, SECOND)
    ]
    assert permitted == [True, False, False]


def test_a_lane_knows_whether_clusters_push_what_it_delivers() -> None:
    push = contracts.PushPolicy(sources=("*",))
    pushed = msgspec.structs.replace(job(FIRST), push=push)

    assert [lane.pushed for lane in assign([pushed], [EU], [], "a", ()).lanes] == [True]
    assert [lane.pushed for lane in assign([job(FIRST)], [EU], [], "a", ()).lanes] == [False]
