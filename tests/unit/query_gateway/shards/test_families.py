"""Families of several shards, each once."""

import pytest

from query_gateway.answers import NotAnAnswer
from query_gateway.shards import families
from tenantry_common import protowire

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROTOBUF = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)


def text(*bodies: str, content_type: str = TEXT) -> str:
    return families.united([body.encode() for body in bodies], content_type).decode()


def test_series_of_one_name_stand_together_and_names_are_sorted() -> None:
    one = "# TYPE a untyped\na 1 5\n# TYPE c untyped\nc 1 5\n"
    other = '# TYPE b untyped\nb 2 5\n# TYPE c untyped\nc{x="y"} 2 5\n'

    assert text(one, other) == (
        '# TYPE a untyped\na 1 5\n# TYPE b untyped\nb 2 5\n# TYPE c untyped\nc 1 5\nc{x="y"} 2 5\n'
    )


def test_of_one_series_in_two_shards_the_newest_sample_counts() -> None:
    old, new = (f'# TYPE a untyped\na{{x="}} }}"}} {at} {at}\n' for at in (5, 6))

    assert text(old, new) == new
    assert text(new, old) == new


def test_several_headers_of_one_name_belong_together() -> None:
    one = "# HELP a Some a.\n# TYPE a counter\na 1 5\n"

    assert text(one, "# TYPE a gauge\na 1 5\n") == one + "# TYPE a gauge\na 1 5\n"


def test_names_in_quotes_are_read() -> None:
    one = '# TYPE "a b" untyped\n{"a b",x="\\""} 1 5\n'

    assert text(one, one) == one


def test_the_end_is_said_once() -> None:
    one = "# TYPE a unknown\na 1 5.5\n# EOF\n"
    other = '# TYPE a unknown\na 2 5.75 # {x="1"} 1\n# EOF\n'

    assert text(one, other, content_type=OPEN_METRICS) == other


def metric(label: str, value: int, time: int) -> bytes:
    pair = protowire.delimited(1, b"l") + protowire.delimited(2, label.encode())
    stamp = protowire.tag(6, protowire.VARINT) + protowire.varint(time)
    untyped = protowire.delimited(5, protowire.varint(value))
    return protowire.delimited(4, protowire.delimited(1, pair) + untyped + stamp)


def family(name: str, *metrics: bytes) -> bytes:
    message = protowire.delimited(1, name.encode()) + protowire.tag(3, 0) + b"\x03"
    message += b"".join(metrics)
    return protowire.varint(len(message)) + message


def test_messages_are_united_likewise() -> None:
    one = family("b", metric("x", 1, 5), metric("y", 1, 6))
    other = family("a", metric("x", 1, 5)) + family("b", metric("x", 2, 6), metric("z", 1, 5))

    assert families.united([one, other], PROTOBUF) == (
        family("a", metric("x", 1, 5))
        + family("b", metric("x", 2, 6), metric("y", 1, 6), metric("z", 1, 5))
    )


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"# TYPE a untyped\na 1 5", TEXT, id="no end of the line"),
        pytest.param(b"a 1 5\n", TEXT, id="no header"),
        pytest.param(b"# TYPE a untyped\na 1\n", TEXT, id="no time"),
        pytest.param(b"# TYPE a untyped\na 1 e.\n", TEXT, id="no number"),
        pytest.param(b"# TYPE a untyped\na 1 5\n", OPEN_METRICS, id="no end"),
        pytest.param(b"\x05abc", PROTOBUF, id="a message that is cut"),
        pytest.param(b"\x02\x18\x03", PROTOBUF, id="a family without a name"),
        pytest.param(b"", "application/vnd.google.protobuf; encoding=text", id="as text"),
    ],
)
def test_what_is_no_such_answer_is_not_taken_for_one(body: bytes, content_type: str) -> None:
    with pytest.raises(NotAnAnswer):
        families.united([body], content_type)
