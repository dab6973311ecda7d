"""What is kept in REJECTS."""

from tenantry_common import batches, bus, snappy_block
from tenantry_common.contracts import Endpoint
from tenantry_common.subjects import JobRef, ShardRef
from writer import rejects
from writer.assign import Lane
from writer.isolate import Refused, Verdict
from writer.testing import series

LANE = Lane(
    shard=ShardRef(JobRef("t", "my.job"), "s"),
    endpoint=Endpoint(id="0", kind="prometheus", url="http://p"),
)
ONE = [series({"__name__": f"m{n}"}, (1, n)) for n in range(4)]


def refused(number: int, reason: str, verdict: Verdict = "rejected") -> Refused:
    return Refused(request=ONE[number], reason=reason, cause="time", verdict=verdict)


async def test_one_message_per_reason_holds_the_rejected_series(connection: bus.Bus) -> None:
    await rejects.keep(
        connection,
        LANE,
        {"Tenantry-Window": "1-2", "traceparent": "x"},
        [refused(0, "a"), refused(1, "b"), refused(2, "a"), refused(3, "a", "already stored")],
    )

    first = await batches.following(connection, "REJECTS", "rejects.t.my=2Ejob", 0)
    assert first is not None
    second = await batches.following(connection, "REJECTS", "rejects.t.my=2Ejob", first.sequence)
    assert second is not None
    assert await batches.last(connection, "REJECTS", "rejects.t.my=2Ejob") == second
    assert [
        (
            message.headers["Tenantry-Reason"],
            message.headers["Tenantry-Series"],
            message.headers["Tenantry-Window"],
            message.headers["Tenantry-Endpoint"],
            snappy_block.decompress(message.data, limit=1000),
        )
        for message in (first, second)
    ] == [("a", "2", "1-2", "0", ONE[0] + ONE[2]), ("b", "1", "1-2", "0", ONE[1])]


async def test_words_that_are_not_ascii_are_escaped(connection: bus.Bus) -> None:
    await rejects.keep(connection, LANE, {}, [refused(0, "400 Größe: „zu groß“")])

    kept = await batches.last(connection, "REJECTS", "rejects.t.my=2Ejob")
    assert kept is not None
    assert kept.headers["Tenantry-Reason"] == r"400 Gr\xf6\xdfe: \u201ezu gro\xdf\u201c"
    assert "Tenantry-Window" not in kept.headers
