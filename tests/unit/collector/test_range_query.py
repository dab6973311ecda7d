"""An answer in JSON becomes the bytes that remote read would have answered, as far as it can."""

import json
import math
import struct
from collections.abc import Mapping

import pytest

from collector import range_query
from tenantry_common import errors, remote_write
from tenantry_common.contracts import Matcher
from tenantry_common.remote_read import Query

AT = 1_700_000_000_000


def body(*series: Mapping[str, object], kind: str = "matrix", status: str = "success") -> bytes:
    return json.dumps(
        {"status": status, "data": {"resultType": kind, "result": list(series)}, "warnings": []}
    ).encode()


def decoded(data: bytes, **external: str) -> list[tuple[dict[str, str], list[tuple[int, bytes]]]]:
    request = b"".join(range_query.read_result(data, external))
    found = []
    for span in remote_write.series(request):
        begin = remote_write.labels_end(request, span.start, span.end)
        samples = [
            (time, bits(request[one.start : one.end]))
            for one, time in remote_write.timestamps(request, begin, span.end)
        ]
        found.append((remote_write.series_labels(request, span), samples))
    return found


def bits(sample: bytes) -> bytes:
    return sample[1:9] if sample[0] == 0x09 else bytes(8)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("1", 1.0, id="whole"),
        pytest.param("0.3333333333333333", 1 / 3, id="all digits"),
        pytest.param("1e-300", 1e-300, id="small"),
        pytest.param("+Inf", math.inf, id="infinity"),
        pytest.param("-Inf", -math.inf, id="minus infinity"),
        pytest.param("-0", -0.0, id="minus zero keeps its sign"),
        pytest.param("0", 0.0, id="zero"),
    ],
)
def test_values_keep_their_bits(text: str, value: float) -> None:
    data = body({"metric": {"__name__": "m"}, "values": [[1700000000.123, text]]})

    assert decoded(data) == [({"__name__": "m"}, [(AT + 123, struct.pack("<d", value))])]


def test_nan_is_the_one_that_prometheus_parses() -> None:
    data = body({"metric": {}, "values": [[1700000000, "NaN"]]})

    assert decoded(data) == [({}, [(AT, struct.pack("<Q", 0x7FF8000000000001))])]


def test_every_millisecond_is_read_back() -> None:
    times = [AT + k * 997 for k in range(2000)]
    values = [[time / 1000, "1"] for time in times]

    [(_, samples)] = decoded(body({"metric": {"a": "b"}, "values": values}))

    assert [time for time, _ in samples] == times


def test_external_labels_are_added_as_remote_read_adds_them() -> None:
    data = body(
        {"metric": {"a": "1"}, "values": [[1, "1"]]},
        {"metric": {"a": "1", "cluster": "own"}, "values": [[1, "1"]]},
    )

    assert [labels for labels, _ in decoded(data, cluster="eu1", replica="a")] == [
        {"a": "1", "cluster": "eu1", "replica": "a"},
        {"a": "1", "cluster": "own", "replica": "a"},
    ]


def test_histograms_are_left_out() -> None:
    histogram = {"metric": {"a": "1"}, "histograms": [[1, {"count": "1", "sum": "2"}]]}

    assert decoded(body(histogram)) == [({"a": "1"}, [])]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"<html>", id="no JSON"),
        pytest.param(b'{"status":"error","error":"no"}', id="an error"),
        pytest.param(body(kind="vector"), id="a vector"),
        pytest.param(body(status="error"), id="no success"),
        pytest.param(body({"metric": {}, "values": [[1, "x"]]}), id="a value that is no number"),
        pytest.param(body({"metric": {}, "values": [["1", "1"]]}), id="a time that is no number"),
        pytest.param(body({"metric": {"a": 1}, "values": []}), id="a label that is no text"),
        pytest.param(
            b'{"status":"success","data":{"resultType":"matrix","result":['
            b'{"metric":{},"values":[[1e400,"1"]]}]}}',
            id="a time without end",
        ),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(errors.Undecodable):
        decoded(data)


def test_parameters_ask_for_the_whole_window() -> None:
    query = Query(matchers=(Matcher("a", "=~", "b"),), start_ms=AT + 1, end_ms=AT + 30_000)

    # Left-open or closed: the sample at the window's first millisecond is part of the range.
    assert range_query.parameters(query) == {
        "query": '{a=~"b"}[30000ms]',
        "time": "1700000030.000",
    }


@pytest.mark.parametrize(
    ("matchers", "text"),
    [
        pytest.param([("a", "=", "b")], '{a="b"}', id="plain"),
        pytest.param([("a", "!~", 'x"\\d\n')], '{a!~"x\\"\\\\d\\n"}', id="quoted"),
        pytest.param([("a.b", "=", "1"), ("c", "!=", "")], '{"a.b"="1",c!=""}', id="UTF-8 name"),
        pytest.param([("1a", "=", "1")], '{"1a"="1"}', id="digit first"),
        pytest.param([("é", "=", "1")], '{"é"="1"}', id="letters of another alphabet"),
    ],
)
def test_selectors(matchers: list[tuple[str, str, str]], text: str) -> None:
    assert range_query.selector_of(tuple(Matcher(*m) for m in matchers)) == text  # type: ignore[arg-type]  # operators are literals


def test_long_answers_come_in_pieces() -> None:
    series = [{"metric": {"n": str(n)}, "values": [[1, "1"]] * 9000} for n in range(9)]

    assert len(list(range_query.read_result(body(*series), {}))) == 4
