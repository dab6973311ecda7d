"""Which requests for backfill concern a lane."""

from collections.abc import Mapping

from tenantry_common.contracts import Backfill, Endpoint
from tenantry_common.subjects import JobRef, ShardRef
from writer.assign import Lane
from writer.backfills import Backfills


def lane(shard: str, endpoint: str) -> Lane:
    return Lane(
        shard=ShardRef(JobRef("t", "j"), shard),
        endpoint=Endpoint(id=endpoint, kind="prometheus", url="http://p"),
    )


def asked(shard: str, start: int, end: int, delivered: int = 0) -> Backfill:
    return Backfill(
        tenant="t",
        job="j",
        shard=shard,
        endpoint="0",
        start_ms=start,
        end_ms=end,
        delivered_ms=delivered,
    )


def test_a_lane_sees_its_own_notes_and_requests_oldest_first() -> None:
    notes = {
        "b": asked("s", 3, 9),
        "a": asked("s", 1, 2),
        "open": asked("s", 9, 0),
        "done": asked("s", 0, 1, delivered=5),
        "other": asked("t", 1, 2),
    }
    backfills = Backfills(lambda: notes)

    assert list(backfills.of(lane("s", "0"))) == ["open", "done", "a", "b"]
    assert list(backfills.requests(lane("s", "0"))) == ["a", "b"]
    assert backfills.spans(lane("s", "0")) == ((1, 2), (3, 9))
    assert backfills.of(lane("s", "1")) == {}


def test_a_changed_bucket_is_seen() -> None:
    snapshot: Mapping[str, Backfill] = {}
    backfills = Backfills(lambda: snapshot)
    before = backfills.spans(lane("s", "0"))
    snapshot = {"a": asked("s", 1, 2)}

    assert (before, backfills.spans(lane("s", "0"))) == ((), ((1, 2),))
