"""What headers say of a body decides how it is read; anything unknown is refused."""

import pytest

from receiver import formats, testing
from receiver.refusal import Refused
from tenantry_common.pushed import MetricType

V2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        pytest.param(testing.PROTOBUF, "snappy", id="as telemeter's client"),
        pytest.param(testing.PROTOBUF, None, id="not compressed"),
        pytest.param(testing.PROTOBUF, "identity", id="not compressed, and said"),
        pytest.param(testing.PROTOBUF.replace("application", "Application"), "Snappy", id="case"),
        pytest.param('text/plain; version="0.0.4"; charset=utf-8', None, id="text"),
        pytest.param("text/plain", None, id="text without version"),
    ],
)
def test_an_upload_that_is_read(content_type: str, encoding: str | None) -> None:
    assert formats.upload(content_type, encoding).version == ""


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        pytest.param(None, None, id="nothing"),
        pytest.param("", None, id="empty"),
        pytest.param(";", None, id="only a semicolon"),
        pytest.param("text/html", None, id="HTML"),
        pytest.param("text/plain; version=1.0.0", None, id="another version"),
        pytest.param("application/vnd.google.protobuf", None, id="protobuf of what?"),
        pytest.param(testing.PROTOBUF.replace("delimited", "text"), None, id="protobuf as text"),
        pytest.param(testing.PROTOBUF.replace("Family", "Fam"), None, id="other messages"),
        pytest.param("application/openmetrics-text", None, id="OpenMetrics"),
        pytest.param(testing.PROTOBUF, "gzip", id="gzip"),
        pytest.param(testing.PROTOBUF, "snappy, gzip", id="both"),
    ],
)
def test_an_upload_that_is_not(content_type: str | None, encoding: str | None) -> None:
    with pytest.raises(Refused) as refused:
        formats.upload(content_type, encoding)
    assert refused.value.status == 415


@pytest.mark.parametrize(
    ("content_type", "encoding", "version"),
    [
        pytest.param("application/x-protobuf", "snappy", "1.0", id="1.0"),
        pytest.param(
            "application/x-protobuf;proto=prometheus.WriteRequest", "snappy", "1.0", id="1.0, said"
        ),
        pytest.param(V2, "snappy", "2.0", id="2.0"),
        pytest.param(V2 + "x", "snappy", None, id="something else"),
        pytest.param("application/x-protobuf", None, None, id="not compressed"),
        pytest.param("application/json", "snappy", None, id="JSON"),
        pytest.param(None, "snappy", None, id="nothing"),
    ],
)
def test_a_remote_write(
    content_type: str | None, encoding: str | None, version: str | None
) -> None:
    if version is not None:
        assert formats.written(content_type, encoding).version == version
        return
    with pytest.raises(Refused) as refused:
        formats.written(content_type, encoding)
    assert refused.value.status == 415


def test_a_format_decodes_what_it_names() -> None:
    text = formats.upload("text/plain", None).decode(b"# TYPE up gauge\nup 1\n")
    families = formats.upload(testing.PROTOBUF, None).decode(
        testing.family("up", [({}, 1.0, None)], "GAUGE")
    )

    for groups, _ in (text, families):
        assert [(group.family, group.type, len(group.rows)) for group in groups] == [
            ("up", MetricType.GAUGE, 1)
        ]
