"""Remote read as bytes. `proto/test_remote_pb2.py` compares with protobuf's objects."""

from tenantry_common import protowire, remote_read, remote_write
from tenantry_common.contracts import Matcher
from tenantry_common.remote_read import Query


def test_request_holds_range_and_matchers() -> None:
    query = Query(
        matchers=(Matcher("a", "=~", "x"), Matcher("b", "!=", "")), start_ms=1, end_ms=300
    )

    assert remote_read.encode_request([query]) == (
        b"\x0a\x18"
        b"\x08\x01\x10\xac\x02"
        b"\x1a\x08\x08\x02\x12\x01a\x1a\x01x"
        b"\x1a\x07\x08\x01\x12\x01b\x1a\x00"
    )


def test_series_of_all_results_are_found_and_are_requests_by_themselves() -> None:
    entries = [
        remote_write.time_series(remote_write.encode_labels({"a": str(n)}), b"\x12\x02\x10\x05")
        for n in range(3)
    ]
    first = protowire.delimited(1, entries[0] + entries[1])
    response = first + protowire.delimited(1, b"") + protowire.delimited(1, entries[2])

    spans = list(remote_read.series(response))

    assert [response[span.entry : span.end] for span in spans] == entries
    assert len(list(remote_read.results(response))) == 3
